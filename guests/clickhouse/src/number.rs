//! Numbers as text, held against what a column can hold. No digit is ever rounded.

/// The most digits that are looked at: more fit no column.
const MOST_DIGITS: usize = 400;

/// An integer in its shortest form, if it fits a column of so many bits.
pub(crate) fn integer(text: &str, signed: bool, bits: u16) -> Result<String, String> {
    let name = || format!("{}Int{bits}", if signed { "" } else { "U" });
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("it is not an integer, and the column is {}", name()));
    }
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let negative = negative && digits != "0";
    let limit = limit(bits, signed, negative);
    // Of two numbers without leading zeros the longer is the larger.
    if (digits.len(), digits) > (limit.len(), limit) {
        return Err(format!("it is out of the range of {}", name()));
    }
    Ok(if negative { format!("-{digits}") } else { digits.to_owned() })
}

/// The largest number without its sign.
fn limit(bits: u16, signed: bool, negative: bool) -> &'static str {
    match (bits, signed, negative) {
        (_, false, true) => "0",
        (8, false, _) => "255",
        (8, true, false) => "127",
        (8, true, true) => "128",
        (16, false, _) => "65535",
        (16, true, false) => "32767",
        (16, true, true) => "32768",
        (32, false, _) => "4294967295",
        (32, true, false) => "2147483647",
        (32, true, true) => "2147483648",
        (64, false, _) => "18446744073709551615",
        (64, true, false) => "9223372036854775807",
        (64, true, true) => "9223372036854775808",
        (128, false, _) => "340282366920938463463374607431768211455",
        (128, true, false) => "170141183460469231731687303715884105727",
        (128, true, true) => "170141183460469231731687303715884105728",
        (_, false, _) => "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        (_, true, false) => "57896044618658097711785492504343953926634992332820282019728792003956564819967",
        (_, true, true) => "57896044618658097711785492504343953926634992332820282019728792003956564819968",
    }
}

/// A decimal without an exponent, if a column with so many digits, and so many of them behind the point, holds all of it.
pub(crate) fn decimal(text: &str, precision: u32, scale: u32) -> Result<String, String> {
    let name = || format!("Decimal({precision}, {scale})");
    let Plain { negative, whole, fraction } =
        plain(text).ok_or_else(|| format!("it is not a number, and the column is {}", name()))?;
    if fraction.len() > scale as usize {
        return Err(format!("it has more digits behind the point than {}", name()));
    }
    if whole.len() + scale as usize > precision as usize {
        return Err(format!("it is out of the range of {}", name()));
    }
    let sign = if negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { &whole };
    Ok(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// A number without its exponent, and without zeros that say nothing.
struct Plain {
    negative: bool,
    whole: String,
    fraction: String,
}

fn plain(text: &str) -> Option<Plain> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || digits.len() > MOST_DIGITS || !all_digits(&digits) {
        return None;
    }
    // Where the point stands, counted from the first digit.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    if point.unsigned_abs() as usize > MOST_DIGITS {
        let zero = digits.bytes().all(|digit| digit == b'0');
        return zero.then(|| Plain { negative: false, whole: String::new(), fraction: String::new() });
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let padded = format!("{}{digits}{}", zeros(-point), zeros(point - i32::try_from(digits.len()).ok()?));
    let (whole, fraction) = padded.split_at(usize::try_from(point).unwrap_or(0));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let negative = negative && !(whole.is_empty() && fraction.is_empty());
    Some(Plain { negative, whole: whole.to_owned(), fraction: fraction.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_fits_or_is_refused() {
        for (text, signed, bits, expected) in [
            ("255", false, 8, Ok("255")),
            ("256", false, 8, Err("it is out of the range of UInt8")),
            ("-128", true, 8, Ok("-128")),
            ("-129", true, 8, Err("it is out of the range of Int8")),
            ("-1", false, 64, Err("it is out of the range of UInt64")),
            ("-0", false, 64, Ok("0")),
            ("007", true, 16, Ok("7")),
            ("18446744073709551615", false, 64, Ok("18446744073709551615")),
            ("18446744073709551616", false, 64, Err("it is out of the range of UInt64")),
            ("9223372036854775808", true, 64, Err("it is out of the range of Int64")),
            ("99999999999999", true, 32, Err("it is out of the range of Int32")),
            ("1.5", true, 32, Err("it is not an integer, and the column is Int32")),
            ("1e3", true, 32, Err("it is not an integer, and the column is Int32")),
            ("", true, 32, Err("it is not an integer, and the column is Int32")),
        ] {
            assert_eq!(integer(text, signed, bits).as_deref().map_err(String::as_str), expected, "{text}");
        }
        for bits in [8, 16, 32, 64, 128] {
            let most = u128::MAX >> (128 - bits);
            assert_eq!(integer(&most.to_string(), false, bits), Ok(most.to_string()));
            assert_eq!(integer(&(most / 2).to_string(), true, bits), Ok((most / 2).to_string()));
            assert!(integer(&(most / 2 + 1).to_string(), true, bits).is_err());
            assert!(integer(&format!("-{}", most / 2 + 1), true, bits).is_ok());
        }
        assert!(integer(&"9".repeat(77), false, 256).is_ok() && integer(&"9".repeat(78), false, 256).is_err());
        assert!(integer(&"9".repeat(1_000_000), false, 256).is_err());
    }

    #[test]
    fn a_decimal_keeps_every_digit_or_is_refused() {
        for (text, expected) in [
            ("12.50", Ok("12.5")),
            ("-0.0001", Ok("-0.0001")),
            ("1.23e2", Ok("123")),
            ("1e-4", Ok("0.0001")),
            ("-0e5", Ok("0")),
            ("0e999999999", Ok("0")),
            ("99999999999999.9999", Ok("99999999999999.9999")),
            ("100000000000000", Err("it is out of the range of Decimal(18, 4)")),
            ("1.00001", Err("it has more digits behind the point than Decimal(18, 4)")),
            ("1e999999999", Err("it is not a number, and the column is Decimal(18, 4)")),
            ("1e-999999999", Err("it is not a number, and the column is Decimal(18, 4)")),
            ("abc", Err("it is not a number, and the column is Decimal(18, 4)")),
            ("", Err("it is not a number, and the column is Decimal(18, 4)")),
        ] {
            assert_eq!(decimal(text, 18, 4).as_deref().map_err(String::as_str), expected, "{text}");
        }
        assert_eq!(decimal("0.5", 1, 1).as_deref(), Ok("0.5"));
    }
}
