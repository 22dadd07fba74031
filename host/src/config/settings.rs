//! The connector's own table, as the JSON that the guest is given: the host understands only its `topic_mappings`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Number, Value};
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    conceal::{REDACTED, sounds_secret},
    mistake::Mistake,
    resolver::Resolver,
    secret,
    snippet::Place,
};

/// The connector's own table. `Debug` shows it without secrets.
#[derive(Clone)]
pub struct Settings {
    json: SecretString,
    shown: Value,
}

impl Settings {
    /// The table as a JSON object, with the secrets that it refers to. Not for logs.
    pub fn expose_json(&self) -> &str {
        self.json.expose_secret()
    }

    /// The table as written, without its secrets: the strings with references, and those whose keys sound like one.
    pub(super) fn shown(&self) -> &Value {
        &self.shown
    }

    pub(super) fn resolve(name: &str, table: &DeTable<'_>, resolver: &mut Resolver<'_>) -> Self {
        let json = Value::Object(object(name, table, resolver)).to_string().into();
        Self { json, shown: Value::Object(shown_object(table, false)) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({})", self.shown)
    }
}

fn object(path: &str, table: &DeTable<'_>, resolver: &mut Resolver<'_>) -> Map<String, Value> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        Some((key.to_string(), json(&format!("{path}.{key}"), value, resolver)?))
    };
    table.iter().filter_map(entry).collect()
}

/// The value with its references resolved, or a mistake.
fn json(path: &str, value: &Spanned<DeValue<'_>>, resolver: &mut Resolver<'_>) -> Option<Value> {
    Some(match value.get_ref() {
        DeValue::String(written) => resolver.resolved(path, written, value.span())?.expose().into(),
        DeValue::Array(items) => {
            let item = |(index, item)| json(&format!("{path}[{index}]"), item, resolver);
            items.iter().enumerate().filter_map(item).collect()
        }
        DeValue::Table(table) => Value::Object(object(path, table, resolver)),
        other @ (DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)) => {
            let plain = plain(other);
            if plain.is_null() {
                let text = resolver.source.text(&value.span()).to_owned();
                let mistake = Mistake::NotJson { key: path.to_owned(), value: text };
                resolver.refuse(Place::Span(value.span()), mistake);
                return None;
            }
            plain
        }
    })
}

/// A value that is neither text nor made of others; null where JSON has no form for it.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(float) => {
            float.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(datetime) => datetime.to_string().into(),
        DeValue::String(_) | DeValue::Array(_) | DeValue::Table(_) => Value::Null,
    }
}

fn shown_object(table: &DeTable<'_>, secret: bool) -> Map<String, Value> {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        (key.get_ref().to_string(), shown(value.get_ref(), secret || sounds_secret(key.get_ref())))
    };
    table.iter().map(entry).collect()
}

fn shown(value: &DeValue<'_>, secret: bool) -> Value {
    match value {
        DeValue::String(written) if secret || secret::has_references(written) => REDACTED.into(),
        DeValue::String(written) => written.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| shown(item.get_ref(), secret)).collect(),
        DeValue::Table(table) => Value::Object(shown_object(table, secret)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => plain(value),
    }
}
