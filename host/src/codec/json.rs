//! Validation of JSON in place: nothing is built and nothing is copied.

use bytestring::ByteString;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Undecodable;

/// Accepts exactly one JSON document.
pub(super) fn document(text: ByteString) -> Result<ByteString, Undecodable> {
    match serde_json::from_str::<IgnoredAny>(&text) {
        Ok(IgnoredAny) => Ok(text),
        Err(error) => Err(Undecodable::Malformed { expected: "a JSON document", reason: error.to_string() }),
    }
}

/// Accepts exactly one JSON number.
pub(super) fn number(text: ByteString) -> Result<ByteString, Undecodable> {
    let is_number = |value: &RawValue| value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let reason = match serde_json::from_str::<&RawValue>(&text) {
        Ok(value) if is_number(value) => return Ok(text),
        Ok(value) => format!("it is {}", value.get().chars().take(40).collect::<String>()),
        Err(error) => error.to_string(),
    };
    Err(Undecodable::Malformed { expected: "a JSON number", reason })
}
