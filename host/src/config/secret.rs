//! References in strings: `${env:NAME}` and `${file:PATH}` are replaced by what they stand for, `$${` is a plain `${`.
//! What came from a reference is never shown; the text as written is shown in its place.

use std::{fmt, fs, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{environment::Environment, error::reason, mistake::Mistake};

/// A string of a config file that may hold a secret. `Display` and `Debug` show the references and not their values.
#[derive(Clone)]
pub struct Guarded {
    value: SecretString,
    written: Option<String>,
}

impl Guarded {
    /// The string with its references resolved. Not for logs.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// Whether any of it came from a reference.
    pub fn is_secret(&self) -> bool {
        self.written.is_some()
    }

    /// A string that may be shown.
    pub(super) fn plain(value: &str) -> Self {
        Self { value: value.into(), written: None }
    }

    pub(super) fn into_secret(self) -> SecretString {
        self.value
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.written.as_deref().unwrap_or_else(|| self.expose()))
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Resolves the references of a string. Files are sought from `folder`; a newline at their end does not count.
pub(super) fn resolve(key: &str, written: &str, environment: &Environment, folder: &Path) -> Result<Guarded, Mistake> {
    let mut value = String::new();
    let mut secret = false;
    for part in parts(written) {
        match part {
            Part::Text(text) => value.push_str(text),
            Part::Reference(Reference::Variable { name, reference }) => {
                let missing = || unresolved(key, reference, format!("the environment variable `{name}` is not set"));
                value.push_str(environment.get(name).ok_or_else(missing)?);
                secret = true;
            }
            Part::Reference(Reference::File { path, reference }) => {
                let unreadable =
                    |error| unresolved(key, reference, format!("the file cannot be read: {}", reason(&error)));
                let content = fs::read_to_string(folder.join(path)).map_err(unreadable)?;
                value.push_str(content.trim_end_matches(['\r', '\n']));
                secret = true;
            }
            Part::Broken => return Err(Mistake::BadReference { key: key.to_owned() }),
        }
    }
    Ok(Guarded { value: value.into(), written: secret.then(|| written.to_owned()) })
}

/// The text without its escapes, where it has no references.
pub(super) fn without_references(key: &str, written: &str) -> Result<String, Mistake> {
    let text = |part| match part {
        Part::Text(text) => Ok(text),
        Part::Reference(_) => Err(Mistake::ReferenceInName { key: key.to_owned() }),
        Part::Broken => Err(Mistake::BadReference { key: key.to_owned() }),
    };
    parts(written).map(text).collect()
}

/// Whether the text refers to anything (or tries to).
pub(super) fn has_references(written: &str) -> bool {
    parts(written).any(|part| !matches!(part, Part::Text(_)))
}

/// What the text refers to.
pub(super) fn references(written: &str) -> impl Iterator<Item = Reference<'_>> {
    parts(written).filter_map(|part| if let Part::Reference(reference) = part { Some(reference) } else { None })
}

fn unresolved(key: &str, reference: &str, reason: String) -> Mistake {
    Mistake::Unresolved { key: key.to_owned(), reference: reference.to_owned(), reason }
}

enum Part<'a> {
    Text(&'a str),
    Reference(Reference<'a>),
    Broken,
}

/// A reference, and how it is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reference<'a> {
    Variable { name: &'a str, reference: &'a str },
    File { path: &'a str, reference: &'a str },
}

impl<'a> Reference<'a> {
    pub(super) fn written(self) -> &'a str {
        match self {
            Self::Variable { reference, .. } | Self::File { reference, .. } => reference,
        }
    }
}

fn parts(written: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = written;
    std::iter::from_fn(move || {
        let (part, length) = first(rest)?;
        rest = rest.get(length..).unwrap_or_default();
        Some(part)
    })
}

/// The first part of the text, and its length in bytes.
fn first(rest: &str) -> Option<(Part<'_>, usize)> {
    if rest.is_empty() {
        None
    } else if rest.starts_with("$${") {
        rest.get(1..3).map(|escaped| (Part::Text(escaped), 3))
    } else if rest.starts_with("${") {
        let Some(end) = rest.find('}') else { return Some((Part::Broken, rest.len())) };
        let reference = rest.get(..=end)?;
        let part = match rest.get(2..end)?.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Part::Reference(Reference::Variable { name, reference }),
            Some(("file", path)) if !path.is_empty() => Part::Reference(Reference::File { path, reference }),
            Some(_) | None => Part::Broken,
        };
        Some((part, reference.len()))
    } else {
        // An escape begins with a `$` as well, so the text goes up to the next `$`.
        let end = rest.char_indices().skip(1).find(|(_, c)| *c == '$').map_or(rest.len(), |(at, _)| at);
        rest.get(..end).map(|text| (Part::Text(text), end))
    }
}
