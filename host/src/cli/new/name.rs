//! The name of a project, in the forms in which it appears.

use std::{fmt, path::Path};

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// Names that mean something else already: the SDK, what languages call their own, and words that no language lets one
/// name a module by.
const TAKEN: [&str; 35] = [
    "alloc",
    "async",
    "await",
    "break",
    "case",
    "class",
    "const",
    "continue",
    "core",
    "crate",
    "danube-sink",
    "default",
    "else",
    "enum",
    "export",
    "false",
    "fn",
    "for",
    "func",
    "function",
    "go",
    "if",
    "import",
    "main",
    "package",
    "proc",
    "return",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "true",
    "type",
    "while",
];

/// A name such as `my-sink`: lower-case letters, digits, and single hyphens between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

/// Why a name does not do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Error {
    #[error("`{0}` has no name at its end\nhelp: name the folder to write, such as `my-sink`")]
    None(String),
    #[error(
        "`{0}` can't be the name of a project: it {1}\nhelp: use lower-case letters, digits and single hyphens, a letter first, such as `my-sink`"
    )]
    Malformed(String, &'static str),
    #[error(
        "`{0}` can't be the name of a project: it already means something in one of the languages or in the SDK\nhelp: choose another, such as `{0}-sink`"
    )]
    Taken(String),
}

impl Name {
    /// The last part of a path.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, Error> {
        let last = folder.file_name().ok_or_else(|| Error::None(folder.display().to_string()))?;
        Self::parse(&last.to_string_lossy())
    }

    fn parse(name: &str) -> Result<Self, Error> {
        let malformed = |what| Err(Error::Malformed(name.to_owned(), what));
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(other) = name.chars().find(|c| !known(*c)) {
            return malformed(match other {
                '_' => "has an underscore in it",
                'A'..='Z' => "has upper-case letters in it",
                ' ' => "has a space in it",
                _ => "has other characters in it",
            });
        }
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return malformed("does not start with a letter");
        }
        if name.ends_with('-') || name.contains("--") {
            return malformed("has a hyphen without something behind it");
        }
        if name.len() > LONGEST {
            return malformed("is longer than 64 characters");
        }
        if TAKEN.contains(&name) {
            return Err(Error::Taken(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    /// Puts the name in the place of the template's, in all its forms.
    pub(super) fn put_into(&self, text: &str) -> String {
        text.replace("my-sink", &self.0).replace("my_sink", &self.snake()).replace("MySink", &self.camel())
    }

    /// `my_sink`
    fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `MySink`
    fn camel(&self) -> String {
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        self.0.split('-').map(capital).collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_the_place_of_the_templates_in_every_form() {
        let name = Name::of_folder(Path::new("sinks/orders-to-s3")).unwrap();
        assert_eq!(name.put_into("my-sink my_sink.py MySinkConfig"), "orders-to-s3 orders_to_s3.py OrdersToS3Config");
    }

    #[test]
    fn what_no_language_would_take_is_refused() {
        for name in
            ["", "2fast", "-a", "a-", "a--b", "My-sink", "my_sink", "my sink", "mü", "a/..", "class", "danube-sink"]
        {
            assert!(Name::of_folder(Path::new(name)).is_err(), "{name}");
        }
        assert!(Name::parse(&"a".repeat(65)).is_err());
    }
}
