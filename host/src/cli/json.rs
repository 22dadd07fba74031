//! JSON files as people write them: mistakes are shown with their line and a caret, and numbers keep every digit.

use std::{fmt, path::Path};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// What fits on one line when it is printed for people, in characters.
const LINE: usize = 100;

/// Reads a part of a file that begins at the byte `start`. The error is complete as it is.
pub(super) fn read<T: DeserializeOwned>(path: &Path, text: &str, part: std::ops::Range<usize>) -> Result<T, String> {
    let inside = text.get(part.clone()).unwrap_or_default();
    serde_json::from_str(inside).map_err(|error| {
        let before: usize = inside.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = part.start + (before + error.column().saturating_sub(1)).min(inside.len());
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        shown(path, text, token(text, at), message)
    })
}

/// For a key whose value may be `null`, which is not the same as no key.
pub(super) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// A mistake, its line and a caret under it.
pub(super) fn shown(path: &Path, text: &str, span: std::ops::Range<usize>, message: &str) -> String {
    let path = path.display().to_string();
    let caret = AnnotationKind::Primary.span(span);
    let group = Level::ERROR.primary_title(message).element(Snippet::source(text).path(path).annotation(caret));
    let renderer = if super::color() { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The string or word that ends at or around a byte: the parser says where it stopped.
fn token(text: &str, at: usize) -> std::ops::Range<usize> {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len().saturating_sub(1));
    if bytes.get(at) == Some(&b'"') {
        let start = text.get(..at).and_then(|before| before.rfind('"')).unwrap_or(at);
        return start..at + 1;
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    let start = bytes[..at].iter().rposition(|byte| !is_word(byte)).map_or(0, |before| before + 1);
    let start = if bytes.get(at).is_some_and(is_word) { start } else { text.floor_char_boundary(at) };
    start..text.ceil_char_boundary(at + 1).max(start)
}

/// A JSON document. Numbers are as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// In the order of the document.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// `None`: it is not JSON, or is nested too deep.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(text).ok().and_then(Self::of)
    }

    pub(super) fn of(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'{' => {
                let Entries(entries) = serde_json::from_str(text).ok()?;
                Self::Object(
                    entries.into_iter().map(|(key, value)| Some((key, Self::of(value)?))).collect::<Option<_>>()?,
                )
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::Array(elements.into_iter().map(Self::of).collect::<Option<_>>()?)
            }
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b't' | b'f' => Self::Bool(text == "true"),
            b'n' => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn number(number: impl fmt::Display) -> Self {
        Self::Number(number.to_string())
    }

    /// An object of the entries that are there.
    pub(super) fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Option<Self>)>) -> Self {
        let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Self::Object(entries.collect())
    }

    /// The same document with the keys of objects sorted: what two documents are compared by where the order of keys does
    /// not count.
    pub(super) fn sorted(self) -> Self {
        match self {
            Self::Array(elements) => Self::Array(elements.into_iter().map(Self::sorted).collect()),
            Self::Object(entries) => {
                let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, value.sorted())).collect();
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Object(entries)
            }
            scalar @ (Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_)) => scalar,
        }
    }

    /// For people: what fits on a line stands on one.
    pub(super) fn pretty(&self) -> String {
        let mut text = String::new();
        self.print(0, 0, &mut text);
        text.push('\n');
        text
    }

    fn print(&self, indent: usize, taken: usize, out: &mut String) {
        let line = self.to_string();
        let (open, close, count) = match self {
            Self::Array(elements) => ('[', ']', elements.len()),
            Self::Object(entries) => ('{', '}', entries.len()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => ('[', ']', 0),
        };
        if count == 0 || indent > 0 && indent + taken + line.chars().count() <= LINE {
            out.push_str(&line);
            return;
        }
        let inner = indent + 2;
        out.push(open);
        let mut first = true;
        let mut begin = |out: &mut String| {
            out.push_str(if std::mem::take(&mut first) { "\n" } else { ",\n" });
            out.push_str(&" ".repeat(inner));
        };
        match self {
            Self::Object(entries) => {
                for (key, value) in entries {
                    begin(out);
                    let key = format!("{}: ", Self::text(key));
                    out.push_str(&key);
                    value.print(inner, key.chars().count(), out);
                }
            }
            Self::Array(elements) => {
                for element in elements {
                    begin(out);
                    element.print(inner, 0, out);
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => {}
        }
        out.push('\n');
        out.push_str(&" ".repeat(indent));
        out.push(close);
    }
}

/// On one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (at, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Object(entries) if entries.is_empty() => f.write_str("{}"),
            Self::Object(entries) => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    let begin = if at == 0 { "{ " } else { ", " };
                    write!(f, "{begin}{}: {value}", Self::text(key))?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// The entries of an object, in order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_digits_and_their_order() {
        let text = r#"{ "b": 12345678901234567890.10, "a": [true, null, "x\"", {}], "c": { "d": 1e3 } }"#;
        assert_eq!(Json::parse(text).unwrap().to_string(), text);
        assert_eq!(Json::parse(r#"{"b":1,"a":2}"#).unwrap().sorted(), Json::parse(r#"{"a":2,"b":1}"#).unwrap());
        assert_ne!(Json::parse("1.10"), Json::parse("1.1"));
        assert_eq!(Json::parse("{"), None);
    }

    #[test]
    fn the_outermost_document_is_spread_and_what_fits_stays_on_a_line() {
        let json = Json::parse(r#"{"records":["written",{"outcome":"rejected"}]}"#).unwrap();
        assert_eq!(json.pretty(), "{\n  \"records\": [\"written\", { \"outcome\": \"rejected\" }]\n}\n");
    }

    #[test]
    fn a_mistake_is_shown_with_its_line_and_a_caret() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Known {
            #[expect(dead_code, reason = "only its name counts")]
            status: Option<u16>,
        }
        let text = "{\n  \"statsu\": 200\n}\n";
        let error = read::<Known>(Path::new("expected.json"), text, 0..text.len()).unwrap_err();
        assert!(error.contains("unknown field `statsu`") && error.contains("expected.json:2:3"), "{error}");
        assert!(error.contains("^^^^^^^^"), "{error}");
    }
}
