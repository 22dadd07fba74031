//! What a column of a type takes.

use std::time::{Duration, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use sink_common::Value;

use super::array;

/// 9999-12-31T23:59:59.999999Z
const LAST_MICROSECOND: u64 = 253_402_300_799_999_999;

/// How values are laid out for a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `json`, `jsonb`: any JSON.
    Json,
    /// `bytea`: bytes, or text in base64.
    Bytes,
    /// `timestamp`, `timestamptz`: text, or a number of microseconds.
    Timestamp,
    /// `vector`, `halfvec`: an array of numbers.
    Vector,
    /// An array of such.
    Array(Box<Kind>),
    /// Any other: numbers, text and so on, which the server reads.
    Plain,
}

impl Kind {
    /// The kind of a type by its name, and for an array by that of its elements.
    pub(crate) fn of(type_name: &str, element: Option<&str>) -> Self {
        match (element, type_name) {
            (Some(element), _) => Self::Array(Box::new(Self::of(element, None))),
            (None, "json" | "jsonb") => Self::Json,
            (None, "bytea") => Self::Bytes,
            (None, "timestamp" | "timestamptz") => Self::Timestamp,
            (None, "vector" | "halfvec") => Self::Vector,
            (None, _) => Self::Plain,
        }
    }

    /// A value as the server reads it; `None` is NULL. What is missing is NULL. A `whole` payload goes into bytes as it is, a part
    /// of one as base64.
    pub(super) fn cell(&self, value: Value<'_>, whole: bool) -> Result<Option<String>, String> {
        if let Value::Missing | Value::Null = value {
            return Ok(None);
        }
        match (self, value) {
            (Self::Json, value) => {
                let mut json = String::new();
                value.write_json(&mut json);
                Ok(json)
            }
            (Self::Array(of), Value::Json(json)) if json.starts_with('[') => array::literal(&json, of),
            (Self::Array(_), value) => Err(expected("a JSON array", &value)),
            (Self::Vector, Value::Json(json)) if json.starts_with('[') => Ok(json.into_owned()),
            (Self::Vector, value @ (Value::Json(_) | Value::Number(_) | Value::Bool(_) | Value::Bytes(_))) => {
                Err(expected("a JSON array of numbers", &value))
            }
            (Self::Bytes, Value::Bytes(bytes)) => Ok(bytea(bytes)),
            (Self::Bytes, Value::Text(text)) if whole => Ok(bytea(text.as_bytes())),
            (Self::Bytes, Value::Text(text)) => decoded(&text),
            (Self::Bytes, Value::Json(json)) if whole => Ok(bytea(json.as_bytes())),
            (Self::Bytes, value) => Err(expected("text in base64", &value)),
            (Self::Timestamp, Value::Number(number)) => timestamp(&number),
            (_, Value::Bytes(_)) => Err("bytes go into `bytea` columns only".to_owned()),
            (Self::Timestamp | Self::Plain, Value::Bool(truth)) => Ok(truth.to_string()),
            (Self::Timestamp | Self::Plain, Value::Json(text)) => Ok(text.into_owned()),
            (Self::Timestamp | Self::Plain | Self::Vector, Value::Text(text) | Value::Number(text)) => {
                Ok(text.into_owned())
            }
            (_, Value::Missing | Value::Null) => return Ok(None),
        }
        .map(Some)
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("not base64: {error}"))?;
    Ok(bytea(&bytes))
}

fn bytea(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

/// A number of microseconds since 1970, as `@publish_time` is.
fn timestamp(number: &str) -> Result<String, String> {
    let micros: Option<u64> = number.parse().ok().filter(|micros| *micros <= LAST_MICROSECOND);
    let micros = micros.ok_or("as a time a number must be whole microseconds from 1970 to 9999; others go as text")?;
    Ok(humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros)).to_string())
}

fn expected(what: &str, value: &Value<'_>) -> String {
    let got = match value {
        Value::Missing | Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::Text(_) => "text",
        Value::Json(json) if json.starts_with('[') => "a JSON array",
        Value::Json(_) => "a JSON object",
        Value::Bytes(_) => "bytes",
    };
    format!("expected {what}, got {got}")
}
