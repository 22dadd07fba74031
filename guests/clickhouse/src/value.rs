//! A value as the server reads it in `JSONEachRow`, held against the type of its column first.

use std::borrow::Cow;

use sink_common::Value;

use crate::{
    data_type::DataType,
    number::{decimal, integer},
};

/// The years that text for `Date` and `DateTime` may have, and for their wide kin. The server bends others without a word, as it
/// does with a 30th of February or a month 13.
const NARROW_DATES: std::ops::RangeInclusive<u32> = 1970..=2148;
const TIMES: std::ops::RangeInclusive<u32> = 1970..=2105;
const WIDE: std::ops::RangeInclusive<u32> = 1900..=2299;

/// The digits that the server needs before it takes a number for seconds since 1970.
const SECONDS_DIGITS: usize = 10;

/// Adds a value, or says why the column cannot hold it. The message has no data in it.
pub(crate) fn write(value: &Value<'_>, data_type: &DataType, row: &mut Vec<u8>) -> Result<(), String> {
    match data_type {
        DataType::Nullable(_) | DataType::Json if is_null(value) => row.extend(b"null"),
        DataType::Nullable(inner) => write(value, inner, row)?,
        _ if is_null(value) => return Err("it is null, and the column is not Nullable".to_owned()),
        DataType::Int { signed, bits } => row.extend(integer(&digits(value)?, *signed, *bits)?.bytes()),
        DataType::Float { bits } => row.extend(float(&digits(value)?, *bits)?.bytes()),
        DataType::Decimal { precision, scale } => row.extend(decimal(&digits(value)?, *precision, *scale)?.bytes()),
        DataType::Text => write_text(&bytes(value), row),
        DataType::FixedText { bytes: limit } => {
            let text = bytes(value);
            if text.len() > *limit {
                return Err(format!("it is longer than FixedString({limit})"));
            }
            write_text(&text, row);
        }
        DataType::Bool => row.extend(truth(value)?),
        DataType::Date { wide } => {
            let text = written_date(value, if *wide { WIDE } else { NARROW_DATES })?;
            write_text(text.as_bytes(), row);
        }
        DataType::DateTime => {
            if let Value::Number(number) = value {
                row.extend(integer(number, false, 32)?.bytes());
            } else {
                write_text(written_date(value, TIMES)?.as_bytes(), row);
            }
        }
        DataType::Instant => {
            if let Value::Number(number) = value {
                write_text(seconds(number)?.as_bytes(), row);
            } else {
                write_text(written_date(value, WIDE)?.as_bytes(), row);
            }
        }
        DataType::Array(inner) => write_array(value, inner, row)?,
        DataType::Map(inner) => write_map(value, inner, row)?,
        DataType::Json | DataType::Other => {
            let mut json = String::new();
            value.write_json(&mut json);
            write_line(&json, row);
        }
    }
    Ok(())
}

fn is_null(value: &Value<'_>) -> bool {
    matches!(value, Value::Null | Value::Missing)
}

fn digits<'a>(value: &'a Value<'_>) -> Result<Cow<'a, str>, String> {
    match value {
        Value::Number(text) | Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Bool(truth) => Ok(Cow::Borrowed(if *truth { "1" } else { "0" })),
        Value::Json(_) | Value::Bytes(_) | Value::Missing | Value::Null => {
            Err("it is not a number, and the column is one".to_owned())
        }
    }
}

fn float(text: &str, bits: u16) -> Result<String, String> {
    let is_finite = match bits {
        32 => text.parse().is_ok_and(f32::is_finite),
        _ => text.parse().is_ok_and(f64::is_finite),
    };
    if is_finite { Ok(text.to_owned()) } else { Err(format!("it is no number that Float{bits} can hold")) }
}

/// The text of any value: as it is, or as JSON.
fn bytes<'a>(value: &'a Value<'_>) -> Cow<'a, [u8]> {
    match value {
        Value::Text(text) | Value::Number(text) | Value::Json(text) => Cow::Borrowed(text.as_bytes()),
        Value::Bytes(bytes) => Cow::Borrowed(bytes),
        Value::Bool(_) | Value::Missing | Value::Null => {
            let mut json = String::new();
            value.write_json(&mut json);
            Cow::Owned(json.into_bytes())
        }
    }
}

/// Text as JSON. Bytes that are not UTF-8 stay as they are: to ClickHouse a string is bytes.
pub(crate) fn write_text(text: &[u8], row: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    row.push(b'"');
    let mut rest = text;
    while let Some(position) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, special) = rest.split_at(position);
        row.extend(plain);
        match special.first() {
            Some(byte @ (b'"' | b'\\')) => row.extend([b'\\', *byte]),
            Some(byte) => {
                row.extend(b"\\u00");
                row.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            None => {}
        }
        rest = special.get(1..).unwrap_or_default();
    }
    row.extend(rest);
    row.push(b'"');
}

/// JSON on one line: a line break in it stands between tokens.
fn write_line(json: &str, row: &mut Vec<u8>) {
    row.extend(json.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
}

fn truth(value: &Value<'_>) -> Result<&'static [u8], String> {
    match value {
        Value::Bool(true) => Ok(b"true"),
        Value::Bool(false) => Ok(b"false"),
        Value::Number(text) | Value::Text(text) => match text.as_ref() {
            "1" | "true" => Ok(b"true"),
            "0" | "false" => Ok(b"false"),
            _ => Err("it is neither true nor false, and the column is Bool".to_owned()),
        },
        Value::Json(_) | Value::Bytes(_) | Value::Missing | Value::Null => {
            Err("it is neither true nor false, and the column is Bool".to_owned())
        }
    }
}

/// Text of a date that there is, in a year which the column can hold. What is written otherwise is the server's to read.
fn written_date<'a>(value: &'a Value<'_>, years: std::ops::RangeInclusive<u32>) -> Result<&'a str, String> {
    let Value::Text(text) = value else { return Err("it is no text such as 2024-01-31".to_owned()) };
    let Some((year, rest)) = text.split_once('-') else { return Ok(text) };
    let Ok(year) = year.parse() else { return Ok(text) };
    if !years.contains(&year) {
        return Err(format!("its year is not between {} and {}", years.start(), years.end()));
    }
    let (date, time) = rest.split_once(['T', 't', ' ']).unwrap_or((rest, ""));
    if let Some((month, day)) = date.split_once('-')
        && let (Ok(month), Ok(day)) = (month.parse(), day.parse())
        && !(1..=days_of(year, month)).contains(&day)
    {
        return Err("there is no such date".to_owned());
    }
    let clock = time.split(':').map(|part| part.get(..2).and_then(|digits| digits.parse().ok()).unwrap_or(0));
    // The last minute may have a second more.
    if clock.zip([23, 59, 60]).any(|(part, last): (u32, u32)| part > last) {
        return Err("there is no such time of day".to_owned());
    }
    Ok(text)
}

/// How many days a month has; none if there is no such month.
fn days_of(year: u32, month: u32) -> u32 {
    let is_leap_year = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year => 29,
        2 => 28,
        _ => 0,
    }
}

/// Seconds since 1970 with what stands behind the point, as the server reads them in any time zone.
pub(crate) fn seconds(number: &str) -> Result<String, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || whole.len() > SECONDS_DIGITS || !all_digits(whole) || !all_digits(fraction) {
        return Err("it is neither text such as 2024-01-31 12:00:00 nor seconds since 1970".to_owned());
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{whole:0>SECONDS_DIGITS$}{point}{fraction}"))
}

fn json_of<'a>(value: &'a Value<'_>) -> Option<&'a str> {
    if let Value::Json(json) = value { Some(json) } else { None }
}

fn write_array(value: &Value<'_>, inner: &DataType, row: &mut Vec<u8>) -> Result<(), String> {
    let elements = json_of(value).and_then(|json| Value::elements(json).ok());
    let elements = elements.ok_or("it is no array, and the column is one")?;
    row.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            row.push(b',');
        }
        write(element, inner, row).map_err(|mistake| format!("element {index}: {mistake}"))?;
    }
    row.push(b']');
    Ok(())
}

fn write_map(value: &Value<'_>, inner: &DataType, row: &mut Vec<u8>) -> Result<(), String> {
    let entries = json_of(value).and_then(|json| Value::entries(json).ok());
    let entries = entries.ok_or("it is no object, and the column is a Map")?;
    row.push(b'{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            row.push(b',');
        }
        write_text(key.as_bytes(), row);
        row.push(b':');
        write(value, inner, row).map_err(|mistake| format!("entry {index}: {mistake}"))?;
    }
    row.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str, data_type: &str) -> Result<String, String> {
        let mut row = Vec::new();
        write(&Value::parse(json).expect("it is JSON"), &DataType::parse(data_type), &mut row)?;
        Ok(String::from_utf8_lossy(&row).into_owned())
    }

    #[test]
    fn what_fits_is_written() {
        for (json, data_type, expected) in [
            ("18446744073709551615", "UInt64", "18446744073709551615"),
            (r#""-5""#, "Int8", "-5"),
            ("true", "UInt8", "1"),
            ("1.50", "Float64", "1.50"),
            ("123456789012345678901234567890.12345678", "Decimal(38, 8)", "123456789012345678901234567890.12345678"),
            (r#""12.5""#, "Decimal(9, 2)", "12.5"),
            (r#""a\"\\\n\u0000é😀""#, "String", r#""a\"\\\u000a\u0000é😀""#),
            ("1.50", "String", r#""1.50""#),
            ("{ \"a\": [1] }", "String", r#""{ \"a\": [1] }""#),
            ("true", "String", r#""true""#),
            ("null", "Nullable(Int8)", "null"),
            ("null", "JSON", "null"),
            ("7", "LowCardinality(Nullable(UInt8))", "7"),
            ("1", "Bool", "true"),
            ("1700000000", "DateTime", "1700000000"),
            (r#""2024-01-31T12:00:00Z""#, "DateTime", r#""2024-01-31T12:00:00Z""#),
            (r#""2024-02-29T23:59:60.5+02:00""#, "DateTime64(3)", r#""2024-02-29T23:59:60.5+02:00""#),
            (r#""2000-02-29 1:05""#, "DateTime", r#""2000-02-29 1:05""#),
            ("1.5", "DateTime64(3)", r#""0000000001.5""#),
            (r#""2024-01-31""#, "Date", r#""2024-01-31""#),
            ("[1, [2]]", "JSON", "[1, [2]]"),
            ("{\"a\":\n 1}", "JSON", r#"{"a": 1}"#),
            ("[[1, 2], []]", "Array(Array(UInt8))", "[[1,2],[]]"),
            (r#"{"b": 1, "a": 2}"#, "Map(String, UInt8)", r#"{"a":2,"b":1}"#),
            (r#""61f0c404-5cb3-11e7-907b-a6006ad3dba0""#, "UUID", r#""61f0c404-5cb3-11e7-907b-a6006ad3dba0""#),
        ] {
            assert_eq!(written(json, data_type).as_deref(), Ok(expected), "{json} as {data_type}");
        }
    }

    #[test]
    fn what_the_server_would_bend_is_refused() {
        for (json, data_type, expected) in [
            ("300", "UInt8", "it is out of the range of UInt8"),
            ("[1, 300]", "Array(UInt8)", "element 1: it is out of the range of UInt8"),
            (r#"{"a": -1}"#, "Map(String, UInt8)", "entry 0: it is out of the range of UInt8"),
            ("1.123", "Decimal(9, 2)", "it has more digits behind the point than Decimal(9, 2)"),
            ("null", "Int8", "it is null, and the column is not Nullable"),
            ("[null]", "Array(Int8)", "element 0: it is null, and the column is not Nullable"),
            ("1e999", "Float64", "it is no number that Float64 can hold"),
            ("1e39", "Float32", "it is no number that Float32 can hold"),
            (r#""2300-01-01""#, "DateTime", "its year is not between 1970 and 2105"),
            (r#""1969-12-31""#, "Date", "its year is not between 1970 and 2148"),
            (r#""2024-02-30 00:00:00""#, "DateTime", "there is no such date"),
            (r#""2023-02-29""#, "Date", "there is no such date"),
            (r#""2024-13-01T00:00:00Z""#, "DateTime64(3)", "there is no such date"),
            (r#""2024-01-00""#, "Date", "there is no such date"),
            (r#""2024-01-31 24:00:00""#, "DateTime", "there is no such time of day"),
            (r#""2024-01-31T12:60:00+02:00""#, "DateTime64(3)", "there is no such time of day"),
            ("4294967296", "DateTime", "it is out of the range of UInt32"),
            (
                "1700000000000001",
                "DateTime64(6)",
                "it is neither text such as 2024-01-31 12:00:00 nor seconds since 1970",
            ),
            ("5", "Date", "it is no text such as 2024-01-31"),
            (r#""abc""#, "FixedString(2)", "it is longer than FixedString(2)"),
            ("2", "Bool", "it is neither true nor false, and the column is Bool"),
            ("{}", "Array(Int8)", "it is no array, and the column is one"),
            ("[]", "Map(String, Int8)", "it is no object, and the column is a Map"),
            ("[]", "Int8", "it is not a number, and the column is one"),
        ] {
            assert_eq!(written(json, data_type), Err(expected.to_owned()), "{json} as {data_type}");
        }
    }

    #[test]
    fn bytes_are_bytes() {
        let mut row = Vec::new();
        write(&Value::Bytes(&[0xff, b'"', 0]), &DataType::Text, &mut row).expect("a string is bytes");
        assert_eq!(row, b"\"\xff\\\"\\u0000\"");
    }
}
