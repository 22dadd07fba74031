//! The smallest values of Avro as JSON, none of their digits lost. Texts that a JSON number can't stand for are strings.

use base64::{Engine, engine::general_purpose::STANDARD};
use num_bigint::BigInt;

use super::{
    binary::Cursor,
    shape::{BytesAs, IntAs, LongAs, Unit},
    time,
};

/// Writing the digits of a decimal takes time by the square of its length; nobody has one of 2466 digits.
const LONGEST_DECIMAL: usize = 1024;
/// Decimals with more digits behind the point, or with zeros in front of it, are written with an exponent.
const LARGEST_SCALE: usize = 4096;

/// Appends a JSON string.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
        out.push_str(&rest[..at]);
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends a number, or as a string what JSON has no number for.
pub(super) fn float(out: &mut String, number: f32) {
    match serde_json::to_string(&number) {
        Ok(digits) if number.is_finite() => out.push_str(&digits),
        _ => string(out, not_a_number(number.is_nan(), number > 0.0)),
    }
}

/// The same for 64 bits.
pub(super) fn double(out: &mut String, number: f64) {
    match serde_json::to_string(&number) {
        Ok(digits) if number.is_finite() => out.push_str(&digits),
        _ => string(out, not_a_number(number.is_nan(), number > 0.0)),
    }
}

fn not_a_number(nan: bool, positive: bool) -> &'static str {
    match (nan, positive) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}

/// Appends a 32-bit integer by its meaning.
pub(super) fn int(out: &mut String, number: i32, meaning: IntAs) -> Result<(), String> {
    match meaning {
        IntAs::Number => out.push_str(&number.to_string()),
        IntAs::Date => string(out, &time::date(number.into())),
        IntAs::TimeMillis => string(out, &time::of_day(number.into(), Unit::Millis)?),
    }
    Ok(())
}

/// Appends a 64-bit integer by its meaning.
pub(super) fn long(out: &mut String, number: i64, meaning: LongAs) -> Result<(), String> {
    match meaning {
        LongAs::Number => out.push_str(&number.to_string()),
        LongAs::TimeMicros => string(out, &time::of_day(number, Unit::Micros)?),
        LongAs::Timestamp(unit) => string(out, &(time::local(number, unit) + "Z")),
        LongAs::LocalTimestamp(unit) => string(out, &time::local(number, unit)),
    }
    Ok(())
}

/// Appends bytes by their meaning, always as a string.
pub(super) fn bytes(out: &mut String, bytes: &[u8], meaning: BytesAs) -> Result<(), String> {
    let text = match meaning {
        BytesAs::Base64 => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
            return Ok(());
        }
        BytesAs::Decimal { scale } => decimal(bytes, i64::try_from(scale).unwrap_or(i64::MAX))?,
        BytesAs::BigDecimal => big_decimal(bytes)?,
        BytesAs::Uuid => uuid(bytes)?,
        BytesAs::Duration => duration(bytes)?,
    };
    string(out, &text);
    Ok(())
}

/// The number whose two's complement these bytes are, divided by ten to the power of `scale`.
fn decimal(bytes: &[u8], scale: i64) -> Result<String, String> {
    if bytes.len() > LONGEST_DECIMAL {
        return Err(format!("a decimal of {} bytes is longer than {LONGEST_DECIMAL}", bytes.len()));
    }
    let unscaled = BigInt::from_signed_bytes_be(bytes).to_string();
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled.as_str()), |digits| ("-", digits));
    let scale = match usize::try_from(scale) {
        Ok(0) => return Ok(unscaled),
        Ok(scale) if scale <= LARGEST_SCALE => scale,
        Ok(_) | Err(_) => return Ok(format!("{unscaled}E{}", -i128::from(scale))),
    };
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Ok(format!("{sign}{whole}.{fraction}"))
}

/// A decimal that brings its own scale: bytes with a length in front, then the scale.
fn big_decimal(bytes: &[u8]) -> Result<String, String> {
    let mut cursor = Cursor::new(bytes);
    let unscaled = cursor.prefixed()?;
    let scale = cursor.long()?;
    if cursor.is_at_end() { decimal(unscaled, scale) } else { Err("bytes follow behind a big-decimal".to_owned()) }
}

fn uuid(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() != 16 {
        return Err(format!("a uuid of {} bytes, not 16", bytes.len()));
    }
    let digits = hex::encode(bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(parts.join("-"))
}

/// ISO 8601: `P1M2DT3.004S`.
fn duration(bytes: &[u8]) -> Result<String, String> {
    let Ok([months, days, millis]) = <[u8; 12]>::try_from(bytes)
        .map(|bytes| [0, 4, 8].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])))
    else {
        return Err(format!("a duration of {} bytes, not 12", bytes.len()));
    };
    Ok(format!("P{months}M{days}DT{}.{:03}S", millis / 1000, millis % 1000))
}
