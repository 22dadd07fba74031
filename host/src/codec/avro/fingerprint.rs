//! The fingerprint that the single-object encoding names a schema by: CRC-64-AVRO of its canonical form.

use apache_avro::{Schema, rabin::Rabin};
use serde_json::Value;

/// What the fingerprint of nothing is, which is the polynomial as well.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
/// The keys that a canonical form keeps, in their order.
const KEPT: [&str; 7] = ["name", "type", "fields", "symbols", "items", "values", "size"];

/// The fingerprints that producers may write for a schema: of the canonical form by the specification, and of the one by
/// apache-avro (0.22), which leaves more in it where there are logical types.
pub(super) fn of(schema: &Schema) -> Vec<Vec<u8>> {
    let own = schema.fingerprint::<Rabin>().bytes;
    let mut canonical = String::new();
    match serde_json::from_str(&schema.canonical_form()) {
        Ok(form) => write(&form, &mut canonical),
        Err(_) => return vec![own],
    }
    vec![crc(canonical.as_bytes()).to_le_bytes().to_vec(), own]
}

fn write(form: &Value, out: &mut String) {
    match form {
        Value::Object(entries) => {
            let kept: Vec<_> = KEPT.iter().filter_map(|key| Some((*key, entries.get(*key)?))).collect();
            match kept.as_slice() {
                // A primitive type whose logical type is left out.
                [("type", Value::String(name))] => out.push_str(&format!("\"{name}\"")),
                _ => list(out, ('{', '}'), &kept, |out, (key, value)| {
                    out.push_str(&format!("\"{key}\":"));
                    write(value, out);
                }),
            }
        }
        Value::Array(items) => list(out, ('[', ']'), items, |out, item| write(item, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&form.to_string()),
    }
}

fn list<T>(out: &mut String, (open, close): (char, char), items: &[T], write: impl Fn(&mut String, &T)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}

fn crc(bytes: &[u8]) -> u64 {
    let step = |crc: u64, _| (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg());
    bytes.iter().fold(EMPTY, |crc, byte| (crc >> 8) ^ (0..8).fold((crc ^ u64::from(*byte)) & 0xff, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_specification() {
        // As fastavro 1.13.1 and avro 1.12.2 give them.
        let of =
            |schema: &str| of(&Schema::parse_str(schema).unwrap()).into_iter().map(hex::encode).collect::<Vec<_>>();
        assert_eq!(of(r#""long""#), ["b71df49344e154d0", "b71df49344e154d0"]);
        let [specified, own] = of(r#"{"type":"long","logicalType":"timestamp-micros"}"#).try_into().unwrap();
        assert_eq!(specified, "b71df49344e154d0");
        assert_ne!(own, specified);
    }
}
