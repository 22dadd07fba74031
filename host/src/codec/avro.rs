//! Avro by its registered schema: a bare binary datum, one with Avro's single-object header, a container file of one
//! datum, or JSON. All four become the same JSON.

mod binary;
mod fault;
mod fingerprint;
mod leaf;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod time;

use apache_avro::Schema;

use self::{binary::Cursor, fault::Fault, shape::Shapes};

/// In front of a datum of the single-object encoding; the fingerprint of the schema follows.
const SINGLE_OBJECT: [u8; 2] = [0xc3, 0x01];
/// The start of an object container file.
const CONTAINER: &[u8] = b"Obj\x01";
/// How long the marker between the blocks of a container is.
const MARKER: usize = 16;

/// A schema, ready for reading data.
#[derive(Debug)]
pub struct Avro {
    schema: Schema,
    /// As registered.
    definition: String,
    fingerprints: Vec<Vec<u8>>,
    shapes: Shapes,
}

impl Avro {
    /// Parses a schema. An error says what is wrong with it.
    pub(super) fn new(definition: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(definition).map_err(|error| error.to_string())?;
        let shapes = Shapes::of(&schema)?;
        let fingerprints = fingerprint::of(&schema);
        Ok(Self { schema, definition: definition.to_owned(), fingerprints, shapes })
    }

    /// The JSON of a payload. Which form it has is told by the payload alone, in this order: a container's header, the
    /// fingerprint of this very schema, JSON that fits the schema, and else it is a bare datum.
    pub(super) fn decode(&self, payload: &[u8]) -> Result<String, String> {
        if let Some(contained) = self.container(payload) {
            return contained.map_err(|fault| format!("in its container: {fault}"));
        }
        if let Some(datum) = self.single_object(payload) {
            return binary::read(&self.shapes, datum).map_err(|fault| fault.to_string());
        }
        let as_json = match document(payload) {
            Some(document) => match text::read(&self.shapes, document) {
                Ok(json) => return Ok(json),
                Err(fault) => Some(fault),
            },
            None => None,
        };
        binary::read(&self.shapes, payload).map_err(|fault| match as_json {
            Some(json) if serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_ok() => {
                format!("it is JSON that does not fit the schema: {json}")
            }
            Some(_) | None => fault.to_string(),
        })
    }

    fn single_object<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        let rest = payload.strip_prefix(&SINGLE_OBJECT)?;
        self.fingerprints.iter().find_map(|fingerprint| rest.strip_prefix(fingerprint.as_slice()))
    }

    /// The one datum of a container file. `None`: it is no container.
    fn container(&self, payload: &[u8]) -> Option<Result<String, Fault>> {
        let mut cursor = Cursor::new(payload.strip_prefix(CONTAINER)?);
        let header = header(&mut cursor).ok()?;
        let entry = |name: &str| header.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let schema = std::str::from_utf8(entry("avro.schema")?).ok()?;
        let marker = cursor.take(MARKER).ok()?;
        Some(match entry("avro.codec") {
            None | Some(b"null") => self.only_datum(schema, &mut cursor, marker),
            Some(codec) => {
                Err(format!("compressed with `{}`, which is not supported", String::from_utf8_lossy(codec)).into())
            }
        })
    }

    fn only_datum(&self, schema: &str, cursor: &mut Cursor<'_>, marker: &[u8]) -> Result<String, Fault> {
        let is_same = schema == self.definition || Schema::parse_str(schema).is_ok_and(|other| other == self.schema);
        if !is_same {
            return Err("it was written with another schema than the record refers to".into());
        }
        let count = cursor.long()?;
        if count != 1 {
            return Err(format!("its first block has {count} records; one is supported").into());
        }
        let datum = cursor.prefixed()?;
        if cursor.rest() != marker {
            return Err("it has more than one block, or it is cut off".into());
        }
        binary::read(&self.shapes, datum)
    }
}

/// A map of bytes.
fn header<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<(&'a str, &'a [u8])>, String> {
    let mut entries = Vec::new();
    loop {
        let count = cursor.long()?;
        if count == 0 {
            return Ok(entries);
        }
        if count < 0 {
            cursor.long()?;
        }
        for _ in 0..count.unsigned_abs() {
            entries.push((cursor.string()?, cursor.prefixed()?));
        }
    }
}

/// The payload as text, if it starts like the JSON of a record, a map, an array or a value of a union. Other JSON can't
/// be told from binary data: `1` is also the integer -25.
fn document(payload: &[u8]) -> Option<&str> {
    let first = payload.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if matches!(first, b'{' | b'[') { std::str::from_utf8(payload).ok() } else { None }
}
