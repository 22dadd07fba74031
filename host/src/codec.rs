//! From the bytes of a record to what the guest sees, by its schema. JSON, text and bytes are checked and never changed:
//! the payload that leaves shares the memory of the one that came. Avro and Protobuf become JSON that loses no digit.
//!
//! A new schema type is a new variant of [`Codec`]; the compiler then names every place that must know it.

mod avro;
mod definition;
mod json;
mod protobuf;

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use self::{avro::Avro, protobuf::Protobuf};

use crate::record::Payload;

/// How large a definition may be.
const LARGEST_DEFINITION: usize = 1 << 20;

/// How payloads of one schema are decoded. Clones share the parsed schema.
#[derive(Debug, Clone)]
pub enum Codec {
    /// Anything; passed on as it is. Schema type `bytes`, and every payload of a topic that asked for raw ones.
    Bytes,
    /// UTF-8. Schema type `string`.
    Text,
    /// A JSON number. Schema type `number`.
    Number,
    /// A JSON document. Schema type `json_schema`.
    Json,
    /// Avro data, binary or as JSON. Schema type `avro`.
    Avro(Arc<Avro>),
    /// A Protobuf message. Schema type `protobuf`.
    Protobuf(Arc<Protobuf>),
    /// No schema: JSON if all of it is JSON, else text if it is UTF-8, else bytes.
    Unknown,
}

/// Why a payload could not be decoded. It never will be: the same bytes fail the same way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// The bytes are not what the schema's type says.
    #[error("the payload is not {expected}: {reason}")]
    Malformed {
        /// What the schema's type asks for.
        expected: &'static str,
        /// Where it fails.
        reason: String,
    },
    /// The registered definition is of no use.
    #[error("the registered {schema_type} definition can't be used: {reason}")]
    Definition {
        /// Avro or Protobuf.
        schema_type: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// This host has no codec for the schema's type.
    #[error("no codec for schema type `{schema_type}` (set `payload_format = \"raw\"` to get the bytes)")]
    UnknownType {
        /// As the registry names it.
        schema_type: String,
    },
}

impl Codec {
    /// The codec for a schema type, as the registry spells it, with the definition that the registry answered.
    pub fn new(schema_type: &str, definition: &[u8]) -> Result<Self, Undecodable> {
        match schema_type.to_ascii_lowercase().as_str() {
            "bytes" => Ok(Self::Bytes),
            "string" => Ok(Self::Text),
            "number" => Ok(Self::Number),
            "json_schema" | "jsonschema" | "json" => Ok(Self::Json),
            "avro" => avro(definition).map_err(|reason| Undecodable::Definition { schema_type: "Avro", reason }),
            "protobuf" | "proto" => {
                protobuf(definition).map_err(|reason| Undecodable::Definition { schema_type: "Protobuf", reason })
            }
            _ => Err(Undecodable::UnknownType { schema_type: schema_type.to_owned() }),
        }
    }

    /// Checks `payload` and says what it is.
    pub fn decode(&self, payload: Bytes) -> Result<Payload, Undecodable> {
        match self {
            Self::Bytes => Ok(Payload::Binary(payload)),
            Self::Text => text(payload).map(Payload::Text),
            Self::Number => text(payload).and_then(json::number).map(Payload::Json),
            Self::Json => text(payload).and_then(json::document).map(Payload::Json),
            Self::Avro(avro) => converted(avro.decode(&payload), "Avro data of its schema"),
            Self::Protobuf(protobuf) => converted(protobuf.decode(&payload), "a Protobuf message of its schema"),
            Self::Unknown => Ok(guess(payload)),
        }
    }
}

fn avro(answered: &[u8]) -> Result<Codec, String> {
    bounded(answered)?;
    let definition = definition::unwrap(answered, "Avro");
    let text = std::str::from_utf8(&definition.text).map_err(|error| error.to_string())?;
    Avro::new(text).map(|avro| Codec::Avro(Arc::new(avro)))
}

fn protobuf(answered: &[u8]) -> Result<Codec, String> {
    bounded(answered)?;
    let definition = definition::unwrap(answered, "Protobuf");
    let protobuf = Protobuf::new(&definition.text, definition.message.as_deref())?;
    Ok(Codec::Protobuf(Arc::new(protobuf)))
}

fn bounded(definition: &[u8]) -> Result<(), String> {
    let size = definition.len();
    if size > LARGEST_DEFINITION { Err(format!("{size} bytes are more than {LARGEST_DEFINITION}")) } else { Ok(()) }
}

fn converted(json: Result<String, String>, expected: &'static str) -> Result<Payload, Undecodable> {
    match json {
        Ok(json) => Ok(Payload::Json(json.into())),
        Err(reason) => Err(Undecodable::Malformed { expected, reason }),
    }
}

fn text(payload: Bytes) -> Result<ByteString, Undecodable> {
    ByteString::try_from(payload)
        .map_err(|error| Undecodable::Malformed { expected: "UTF-8 text", reason: error.to_string() })
}

fn guess(payload: Bytes) -> Payload {
    match text(payload.clone()) {
        Ok(text) => json::document(text.clone()).map_or(Payload::Text(text), Payload::Json),
        Err(_) => Payload::Binary(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads better in a table of cases")]
    fn decode(codec: Codec, payload: &'static [u8]) -> Result<Payload, Undecodable> {
        codec.decode(Bytes::from_static(payload))
    }

    fn malformed(result: Result<Payload, Undecodable>) -> &'static str {
        match result {
            Err(Undecodable::Malformed { expected, .. }) => expected,
            other => panic!("not malformed: {other:?}"),
        }
    }

    #[test]
    fn json_is_checked_and_kept_as_it_is() {
        let document = r#" {"n": 12345678901234567890.10, "s": "é"} "#;
        let expected = Payload::Json(ByteString::from_static(document));
        assert_eq!(decode(Codec::Json, document.as_bytes()), Ok(expected));
        assert_eq!(malformed(decode(Codec::Json, b"{\"n\": 1,}")), "a JSON document");
        assert_eq!(malformed(decode(Codec::Json, b"")), "a JSON document");
        assert_eq!(malformed(decode(Codec::Json, b"1 2")), "a JSON document");
        assert_eq!(malformed(decode(Codec::Json, b"\"\xff\"")), "UTF-8 text");
    }

    #[test]
    fn a_number_is_a_json_number_and_nothing_else() {
        assert_eq!(decode(Codec::Number, b"-12.50e3"), Ok(Payload::Json(ByteString::from_static("-12.50e3"))));
        for payload in [&b"\"1\""[..], b"true", b"[1]", b"\0\0\0\x01", b"1 2", b""] {
            assert_eq!(malformed(decode(Codec::Number, payload)), "a JSON number", "{payload:?}");
        }
    }

    #[test]
    fn text_must_be_utf8_and_bytes_may_be_anything() {
        assert_eq!(decode(Codec::Text, "ü".as_bytes()), Ok(Payload::Text(ByteString::from_static("ü"))));
        assert_eq!(malformed(decode(Codec::Text, b"\xff")), "UTF-8 text");
        assert_eq!(decode(Codec::Bytes, b"\xff\0"), Ok(Payload::Binary(Bytes::from_static(b"\xff\0"))));
    }

    #[test]
    fn without_a_schema_the_payload_tells() {
        assert_eq!(decode(Codec::Unknown, b"{}"), Ok(Payload::Json(ByteString::from_static("{}"))));
        assert_eq!(decode(Codec::Unknown, b"17"), Ok(Payload::Json(ByteString::from_static("17"))));
        assert_eq!(decode(Codec::Unknown, b"{} x"), Ok(Payload::Text(ByteString::from_static("{} x"))));
        assert_eq!(decode(Codec::Unknown, b""), Ok(Payload::Text(ByteString::from_static(""))));
        assert_eq!(decode(Codec::Unknown, b"\x80"), Ok(Payload::Binary(Bytes::from_static(b"\x80"))));
    }

    #[test]
    fn schema_types_are_known_by_the_registrys_names() {
        assert!(matches!(Codec::new("json_schema", b"{}"), Ok(Codec::Json)));
        assert!(matches!(Codec::new("Number", b"\"Number\""), Ok(Codec::Number)));
        let unknown = Codec::new("thrift", b"").expect_err("no codec");
        assert!(unknown.to_string().contains("`thrift`") && unknown.to_string().contains("raw"), "{unknown}");
    }

    #[test]
    fn a_definition_that_is_of_no_use_says_why() {
        let text = |kind, definition: &[u8]| Codec::new(kind, definition).expect_err("of no use").to_string();
        let avro = text("avro", br#"{"Avro":{"raw_schema":"{\"type\":\"recrod\"}","fingerprint":""}}"#);
        assert!(
            avro.starts_with("the registered Avro definition can't be used: ") && avro.contains("recrod"),
            "{avro}"
        );
        let protobuf = text("protobuf", b"syntax = \"proto3\";\nmessage A { strin a = 1; }");
        assert!(protobuf.contains("schema.proto:2:13") && protobuf.contains("strin"), "{protobuf}");
        assert!(text("avro", &vec![b' '; LARGEST_DEFINITION + 1]).contains("more than"));
    }
}
