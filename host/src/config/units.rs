//! Durations, sizes and digests as people write them, and back.

use std::time::Duration;

/// The units of sizes that divide a number without a rest, largest first.
const SIZES: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

/// Why a text is none of what it should be.
pub(super) enum Problem {
    /// A bare number.
    NoUnit,
    /// Something else; the text does not repeat the value.
    Other(String),
}

/// `30s`, `500ms`, `1m 30s`.
pub(super) fn duration(text: &str) -> Result<Duration, Problem> {
    refuse_bare(text)?;
    humantime::parse_duration(text).map_err(|error| Problem::Other(error.to_string()))
}

/// `64MiB`, `1.5GiB`, `10MB`. Bytes.
pub(super) fn size(text: &str) -> Result<u64, Problem> {
    refuse_bare(text)?;
    let unknown = |_| Problem::Other("the units are B, kB, MB, GB (1000) and KiB, MiB, GiB (1024)".into());
    text.trim().parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(unknown)
}

/// A SHA-256 of 64 hexadecimal digits.
pub(super) fn digest(text: &str) -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(hex::FromHexError::InvalidHexCharacter { c, .. }) => Err(Problem::Other(format!("`{c}` is no such digit"))),
        Err(hex::FromHexError::OddLength | hex::FromHexError::InvalidStringLength) => {
            Err(Problem::Other(format!("it has {} digits, not 64", text.chars().count())))
        }
    }
}

/// The shortest text that [`duration`] reads as the same.
pub(super) fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// The shortest text that [`size`] reads as the same.
pub(super) fn show_size(bytes: u64) -> String {
    match SIZES.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

pub(super) fn show_digest(digest: &[u8; 32]) -> String {
    hex::encode(digest)
}

fn refuse_bare(text: &str) -> Result<(), Problem> {
    let number = text.trim().parse::<f64>().is_ok();
    if number { Err(Problem::NoUnit) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_they_are_read() {
        for (text, bytes) in [("64MiB", 64 << 20), ("10kB", 10_000), ("1.5GiB", 3 << 29), ("7B", 7), ("1 TiB", 1 << 40)]
        {
            let read = size(text).ok().unwrap();
            assert_eq!(read, bytes);
            assert_eq!(size(&show_size(read)).ok(), Some(bytes));
        }
        assert!(matches!(size("64"), Err(Problem::NoUnit)));
        assert!(matches!(size("64 apples"), Err(Problem::Other(_))));
    }

    #[test]
    fn durations_are_shown_as_they_are_read() {
        for (text, millis) in [("30s", 30_000), ("500ms", 500), ("1m 30s", 90_000)] {
            let read = duration(text).ok().unwrap();
            assert_eq!(read, Duration::from_millis(millis));
            assert_eq!(duration(&show_duration(read)).ok(), Some(read));
        }
        assert!(matches!(duration("30"), Err(Problem::NoUnit)));
    }

    #[test]
    fn a_digest_has_64_digits() {
        let text = "0123456789abcdef".repeat(4);
        let read = digest(&text).ok().unwrap();
        assert_eq!(show_digest(&read), text);
        assert!(matches!(digest("ab"), Err(Problem::Other(reason)) if reason.contains("2 digits")));
        assert!(matches!(digest(&"x".repeat(64)), Err(Problem::Other(_))));
    }
}
