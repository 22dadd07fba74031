//! What a schema is made of: its type and its text, in the forms that the released broker takes and gives.

use std::fmt;

use apache_avro::Schema as Avro;
use serde_json::{Value, json};

use super::sha256;

/// A schema definition. Avro is parsed; JSON Schema is checked to be JSON, Protobuf to be UTF-8, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Definition {
    Bytes,
    String,
    Number,
    Avro(String),
    JsonSchema(String),
    Protobuf(String),
}

/// Why a definition is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("Unknown schema type: {0}")]
    Type(String),
    #[error("Invalid UTF-8 in {0} schema: {1}")]
    Utf8(&'static str, std::str::Utf8Error),
    #[error("Invalid JSON in schema: {0}")]
    Json(serde_json::Error),
    #[error("Invalid Avro schema: {0}")]
    Avro(Box<apache_avro::Error>),
}

impl Definition {
    /// Takes a definition of a type, by any of the names that the released broker knows it under.
    pub(crate) fn parse(kind: &str, definition: &[u8]) -> Result<Self, Invalid> {
        let text =
            |name| std::str::from_utf8(definition).map(str::to_owned).map_err(|error| Invalid::Utf8(name, error));
        match kind.to_lowercase().as_str() {
            "bytes" => Ok(Self::Bytes),
            "string" => Ok(Self::String),
            "number" | "int64" | "int" | "float" | "double" => Ok(Self::Number),
            "avro" => {
                let text = text("Avro")?;
                Avro::parse_str(&text).map_err(|error| Invalid::Avro(Box::new(error)))?;
                Ok(Self::Avro(text))
            }
            "json_schema" | "json" => {
                let text = text("JSON")?;
                serde_json::from_str::<Value>(&text).map_err(Invalid::Json)?;
                Ok(Self::JsonSchema(text))
            }
            "protobuf" | "proto" => Ok(Self::Protobuf(text("Protobuf")?)),
            _ => Err(Invalid::Type(kind.to_owned())),
        }
    }

    /// The type's own name.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Number => "number",
            Self::Avro(_) => "avro",
            Self::JsonSchema(_) => "json_schema",
            Self::Protobuf(_) => "protobuf",
        }
    }

    /// What makes two definitions the same. Spacing and the order of keys do not count in JSON.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Bytes | Self::String | Self::Number => self.type_name().to_owned(),
            Self::Avro(text) => {
                let value = Avro::parse_str(text).ok().and_then(|schema| serde_json::to_value(schema).ok());
                sha256(&value.map_or_else(|| text.clone(), |value| sorted(value).to_string()))
            }
            Self::JsonSchema(text) => {
                let value: Option<Value> = serde_json::from_str(text).ok();
                sha256(&value.map_or_else(|| text.clone(), |value| sorted(value).to_string()))
            }
            Self::Protobuf(text) => sha256(text),
        }
    }

    /// The bytes that a lookup answers: not the definition as registered, but the released broker's own JSON around it.
    pub(crate) fn as_answered(&self) -> Vec<u8> {
        let fingerprint = self.fingerprint();
        let value = match self {
            Self::Bytes => json!("Bytes"),
            Self::String => json!("String"),
            Self::Number => json!("Number"),
            Self::Avro(text) => json!({ "Avro": { "raw_schema": text, "fingerprint": fingerprint } }),
            Self::JsonSchema(text) => json!({ "JsonSchema": { "raw_schema": text, "fingerprint": fingerprint } }),
            Self::Protobuf(text) => json!({
                "Protobuf": { "raw_proto": text, "message_name": "DefaultMessage", "fingerprint": fingerprint }
            }),
        };
        value.to_string().into_bytes()
    }
}

/// Puts the keys of all objects in order, whatever map serde_json is built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> =
                fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// What a new version of a subject must be compatible with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compatibility {
    None,
    Backward,
    Forward,
    Full,
}

impl Compatibility {
    /// Reads a mode, in any case of letters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "none" => Some(Self::None),
            "backward" => Some(Self::Backward),
            "forward" => Some(Self::Forward),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Full => "full",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_answers_the_definition_inside_the_brokers_own_json() {
        let definition = Definition::parse("json", br#"{"type":"string"}"#).unwrap();
        let answered: Value = serde_json::from_slice(&definition.as_answered()).unwrap();
        assert_eq!(answered["JsonSchema"]["raw_schema"], r#"{"type":"string"}"#);
        assert_eq!(Definition::parse("int64", b"").unwrap().as_answered(), b"\"Number\"");
    }

    #[test]
    fn keys_in_another_order_are_the_same_definition() {
        let [one, other] = [r#"{"a":{"x":1,"y":2},"b":3}"#, r#"{ "b":3,"a":{"y":2,"x":1} }"#];
        let print = |text: &str| Definition::parse("json", text.as_bytes()).unwrap().fingerprint();
        assert_eq!(print(one), print(other));
    }

    #[test]
    fn what_is_not_a_definition_is_refused() {
        let text = |kind, bytes: &[u8]| Definition::parse(kind, bytes).unwrap_err().to_string();
        assert_eq!(text("xml", b""), "Unknown schema type: xml");
        assert_eq!(text("json_schema", b"{"), "Invalid JSON in schema: EOF while parsing an object at line 1 column 1");
        assert!(text("avro", br#"{"type":"recrod"}"#).starts_with("Invalid Avro schema: "));
        assert!(text("proto", &[0xff]).starts_with("Invalid UTF-8 in Protobuf schema: "));
    }
}
