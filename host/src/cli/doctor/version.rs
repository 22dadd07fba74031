//! Versions as programs print them.

use std::fmt;

/// Major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl Version {
    /// The first thing in a text that looks like one: `go version go1.27.3 linux/amd64` has 1.27.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let is_part = |c: char| c.is_ascii_digit() || c == '.';
        text.split(|c| !is_part(c)).find_map(|word| {
            let mut parts = word.split('.');
            Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (text, version) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", Some(Version(1, 95))),
            ("go version go1.27.3 linux/amd64", Some(Version(1, 27))),
            ("v20.20.2", Some(Version(20, 20))),
            ("Debian clang version 19.1.7 (3+b1)", Some(Version(19, 1))),
            ("0.17.1", Some(Version(0, 17))),
            ("command not found", None),
        ] {
            assert_eq!(Version::in_text(text), version, "{text}");
        }
        assert!(Version(1, 100) > Version(1, 95));
    }
}
