//! From text to the file as written: parses the TOML, takes the connector's own table out, and reads the rest into
//! [`raw`]. Tells every mistake of shape, where serde alone would stop at the first.

use std::{collections::HashMap, ops::Range};

use serde::{Deserialize, de::DeserializeOwned};
use serde_spanned::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Error, ValueDeserializer};

use super::{help::nearest, mistake::Mistake, raw, snippet::Place};

/// The name of the connector's own table where the file gives none.
const DEFAULT_SETTINGS: &str = "settings";

pub(super) type Mistakes = Vec<(Place, Mistake)>;

/// Where the tables (and other values) of the top level stand.
pub(super) type Tables = HashMap<String, Range<usize>>;

/// A file, taken apart.
pub(super) struct Written<'a> {
    pub(super) file: raw::File,
    /// The name of the connector's own table.
    pub(super) settings: String,
    /// The table; empty where the file has none.
    pub(super) table: DeTable<'a>,
    pub(super) tables: Tables,
}

/// Takes a file apart.
pub(super) fn read(text: &str) -> Result<Written<'_>, Mistakes> {
    let root = parse(text)?;
    let (span, mut root) = (root.span(), root.into_inner());
    let tables = places(&root);
    let mut mistakes = Mistakes::new();
    let settings = settings_name(&root, &mut mistakes);
    let table = match root.remove(settings.as_str()).map(|table| (table.span(), table.into_inner())) {
        Some((_, DeValue::Table(table))) => table,
        Some((span, other)) => {
            mistakes.push(wrong_type(span, &settings, "a table", &format!("a {}", other.type_str())));
            DeTable::new()
        }
        None => DeTable::new(),
    };
    let file = deserialize("this file", Spanned::new(span, DeValue::Table(root)), &mut mistakes);
    match file {
        Some(file) if mistakes.is_empty() => Ok(Written { file, settings, table, tables }),
        Some(_) | None => Err(mistakes),
    }
}

/// The text as TOML.
pub(super) fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Mistakes> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() { Ok(root) } else { Err(errors.iter().map(not_toml).collect()) }
}

pub(super) fn places(root: &DeTable<'_>) -> Tables {
    root.iter().map(|(key, value)| (key.get_ref().to_string(), value.span())).collect()
}

/// Reads the value of a key, and goes on without the parts of it that are wrong.
pub(super) fn deserialize<T: DeserializeOwned>(
    key: &str,
    mut value: Spanned<DeValue<'_>>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    loop {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let removed = error.span().and_then(|span| remove(value.get_mut(), &span, ""));
        let place = error.span().map_or(Place::File, Place::Span);
        mistakes.push((place, explain(&error, key, removed.as_ref())));
        removed?;
    }
}

fn not_toml(error: &Error) -> (Place, Mistake) {
    let place = error.span().map_or(Place::File, Place::Span);
    (place, Mistake::NotToml { message: error.message().to_owned() })
}

fn settings_name(root: &DeTable<'_>, mistakes: &mut Mistakes) -> String {
    let named = root.get("component").and_then(|component| component.get_ref().get("settings"));
    let Some((named, span)) = named.and_then(|value| Some((value.get_ref().as_str()?.to_owned(), value.span()))) else {
        return DEFAULT_SETTINGS.to_owned();
    };
    if keys_of::<raw::File>().contains(&named.as_str()) {
        mistakes.push((Place::Span(span), Mistake::SettingsReserved { table: named }));
        return DEFAULT_SETTINGS.to_owned();
    }
    if !root.contains_key(named.as_str()) {
        mistakes.push((Place::Span(span), Mistake::NoSettings { table: named.clone() }));
    }
    named
}

/// What was taken out of a value.
struct Removed {
    key: String,
    top_level: bool,
    table: bool,
}

/// Takes out the entry whose key or value stands at the span.
fn remove(value: &mut DeValue<'_>, span: &Range<usize>, path: &str) -> Option<Removed> {
    match value {
        DeValue::Table(table) => remove_from_table(table, span, path),
        DeValue::Array(array) => {
            if let Some(at) = array.iter().position(|item| item.span() == *span) {
                let kept = array.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, item)| item.clone());
                *array = kept.collect::<DeArray<'_>>();
                return Some(Removed { key: path.to_owned(), top_level: false, table: false });
            }
            array.iter_mut().find_map(|item| remove(item.get_mut(), span, path))
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    }
}

fn remove_from_table(table: &mut DeTable<'_>, span: &Range<usize>, path: &str) -> Option<Removed> {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let found = table.iter().find(|(key, value)| key.span() == *span || value.span() == *span);
    if let Some((key, value)) = found.map(|(key, value)| (key.get_ref().to_string(), value.get_ref().is_table())) {
        table.remove(key.as_str());
        return Some(Removed { key: join(&key), top_level: path.is_empty(), table: value });
    }
    table.iter_mut().find_map(|(key, value)| remove(value.get_mut(), span, &join(key.get_ref())))
}

/// Makes a mistake of serde's message, whose words are those of serde's own `unknown_field` and `invalid_type`.
fn explain(error: &Error, whole: &str, removed: Option<&Removed>) -> Mistake {
    let message = error.message();
    let key = removed.map_or(whole, |removed| removed.key.as_str());
    if message.starts_with("unknown field") {
        let known: Vec<String> = message.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        let name = key.rsplit('.').next().unwrap_or(key);
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        if removed.is_some_and(|removed| removed.top_level && removed.table) {
            return Mistake::UnknownTable { name: name.to_owned(), nearest };
        }
        return Mistake::UnknownKey { key: name.to_owned(), nearest, known };
    }
    let what = ["invalid type: ", "invalid value: "].iter().find_map(|prefix| message.strip_prefix(prefix));
    match what.and_then(|what| what.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            Mistake::WrongType { key: key.to_owned(), expected: in_words(expected), found: in_words(found) }
        }
        None => Mistake::NotToml { message: format!("{key}: {message}") },
    }
}

fn wrong_type(span: Range<usize>, key: &str, expected: &str, found: &str) -> (Place, Mistake) {
    let mistake = Mistake::WrongType { key: key.to_owned(), expected: expected.to_owned(), found: found.to_owned() };
    (Place::Span(span), mistake)
}

/// Serde's name of a type, for people.
fn in_words(name: &str) -> String {
    match name.trim_end_matches(" as i128").trim_end_matches(" as u128") {
        "i64" => "an integer".into(),
        "sequence" | "a sequence" => "an array".into(),
        "map" | "a map" => "a table".into(),
        other => match other.split_once(' ') {
            Some(("string" | "integer" | "boolean" | "floating", _)) => {
                format!("the {}", other.replace("floating point", "number"))
            }
            Some(_) | None => other.to_owned(),
        },
    }
}

/// The keys of a table, as its struct has them.
pub(super) fn keys_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys = Keys(&[]);
    // The answer is in `keys`: reading always fails.
    drop(T::deserialize(&mut keys));
    keys.0
}

/// Reads nothing, and remembers which fields a struct asks for.
struct Keys(&'static [&'static str]);

impl<'de> serde::Deserializer<'de> for &mut Keys {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("only the keys are asked for"))
    }

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
