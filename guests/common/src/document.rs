//! A record's payload, opened once, and the values in it. Nothing is copied that need not be, and no digit is lost.

use std::{borrow::Cow, cell::OnceCell, collections::BTreeMap, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::{Error, PayloadKind, Record, Result};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor},
};
use serde_json::value::RawValue;

use crate::{Path, Source};

/// A value for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// There is no such field, no such attribute, or no JSON that could have fields.
    Missing,
    /// JSON's null, or metadata that the record does not have.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, digit by digit as it was published: `1.50`, `-1e3`, or 40 digits.
    Number(Cow<'a, str>),
    /// Text, not quoted.
    Text(Cow<'a, str>),
    /// A JSON array or object, as it was published.
    Json(Cow<'a, str>),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The value of a JSON text.
    ///
    /// # Errors
    ///
    /// When it is text that is not Unicode. Arrays and objects are not looked into.
    pub fn parse(json: &'a str) -> serde_json::Result<Self> {
        let json = json.trim_ascii();
        Ok(match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'"') => Self::Text(serde_json::from_str::<Name<'_>>(json)?.0),
            Some(b'{' | b'[') => Self::Json(json.into()),
            Some(_) => Self::Number(json.into()),
            None => Self::Missing,
        })
    }

    /// The elements of a JSON array.
    ///
    /// # Errors
    ///
    /// When `json` is no array, or one of its elements is text that is not Unicode.
    pub fn elements(json: &'a str) -> serde_json::Result<Vec<Self>> {
        serde_json::from_str::<Vec<&RawValue>>(json)?.into_iter().map(|raw| Self::parse(raw.get())).collect()
    }

    /// The fields of a JSON object, sorted by name. Of two with one name the last counts.
    ///
    /// # Errors
    ///
    /// When `json` is no object, or has text that is not Unicode.
    pub fn entries(json: &'a str) -> serde_json::Result<Vec<(Cow<'a, str>, Self)>> {
        fields_of(json)?.into_iter().map(|(name, raw)| Ok((name, Self::parse(raw.get())?))).collect()
    }

    /// Adds the value to a JSON document that is being written. Bytes become `{"data": "<base64>", "size": <bytes>}`, what
    /// is missing becomes null.
    pub fn write_json(&self, json: &mut String) {
        match self {
            Self::Missing | Self::Null => json.push_str("null"),
            Self::Bool(true) => json.push_str("true"),
            Self::Bool(false) => json.push_str("false"),
            Self::Number(text) | Self::Json(text) => json.push_str(text),
            Self::Text(text) => json.push_str(&written(text)),
            Self::Bytes(bytes) => {
                let data = STANDARD.encode(bytes);
                // Writing to a string cannot fail.
                let _ = write!(json, r#"{{"data":"{data}","size":{}}}"#, bytes.len());
            }
        }
    }
}

/// A record with its payload opened.
pub struct Document<'a> {
    record: &'a Record,
    fields: OnceCell<Fields<'a>>,
}

/// The fields of a JSON object, by name. Of two with one name the last counts.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

impl<'a> Document<'a> {
    /// Opens a record's payload. It is read when a value in it is asked for.
    pub fn new(record: &'a Record) -> Self {
        Self { record, fields: OnceCell::new() }
    }

    /// The value of a source.
    ///
    /// # Errors
    ///
    /// `Rejected` when the payload has text on the way to the value, or in it, that is not Unicode.
    pub fn value(&self, source: &Source) -> Result<Value<'a>> {
        let record = self.record;
        let text = |text: &'a str| Value::Text(text.into());
        Ok(match source {
            Source::Field(path) => return self.field(path),
            Source::Payload => return self.payload(),
            Source::Topic => text(record.topic()),
            Source::Partition => record.partition().map_or(Value::Null, |partition| number(partition.into())),
            Source::Offset => number(record.offset()),
            Source::Id => Value::Text(record.id().into()),
            Source::PublishTime => number(record.publish_time()),
            Source::Producer => text(record.producer_name()),
            Source::Key => record.routing_key().map_or(Value::Null, text),
            Source::Attribute(name) => record.attributes().get(name).map_or(Value::Missing, text),
            Source::Attributes => Value::Json(written(&record.attributes()).into()),
        })
    }

    /// The fields of a payload that is a JSON object, with their names, sorted by them. Any other payload has none.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    pub fn fields(&self) -> Result<impl Iterator<Item = (&str, Result<Value<'a>>)>> {
        let fields = self.top()?.iter();
        Ok(fields.map(|(name, raw)| (name.as_ref(), Value::parse(raw.get()).map_err(|error| self.unfit(&error)))))
    }

    /// Sees that a row of these sources would hold something of the payload.
    ///
    /// # Errors
    ///
    /// `Rejected` when some of them are fields, none is the payload itself, and the payload is nothing that could have fields:
    /// a row of metadata would pass for the record.
    pub fn require_fields<'s>(&self, sources: impl Iterator<Item = &'s Source>) -> Result<()> {
        if self.json().is_some_and(|json| json.starts_with(['{', '['])) {
            return Ok(());
        }
        let mut takes_fields = false;
        for source in sources {
            match source {
                Source::Payload => return Ok(()),
                Source::Field(_) => takes_fields = true,
                Source::Topic
                | Source::Partition
                | Source::Offset
                | Source::Id
                | Source::PublishTime
                | Source::Producer
                | Source::Key
                | Source::Attribute(_)
                | Source::Attributes => {}
            }
        }
        if takes_fields {
            let id = self.record.id();
            return Err(Error::rejected(format!("payload of {id}: neither a JSON object nor an array")));
        }
        Ok(())
    }

    fn payload(&self) -> Result<Value<'a>> {
        match (self.record.kind(), self.record.text()) {
            (PayloadKind::Json, Some(json)) => Value::parse(json).map_err(|error| self.unfit(&error)),
            (_, Some(text)) => Ok(Value::Text(text.into())),
            (_, None) => Ok(Value::Bytes(self.record.bytes())),
        }
    }

    fn field(&self, path: &Path) -> Result<Value<'a>> {
        let Some((first, rest)) = path.steps().split_first() else { return self.payload() };
        let array;
        let top = match self.json() {
            // The one place where the document itself is an array.
            Some(json) if json.starts_with('[') => {
                array = step(json, first).map_err(|error| self.unfit(&error))?;
                array
            }
            Some(_) => self.top()?.get(first.as_str()).map(|raw| raw.get()),
            None => None,
        };
        let found = rest.iter().try_fold(top, |inside, name| match inside {
            Some(json) => step(json, name),
            None => Ok(None),
        });
        match found {
            Ok(Some(json)) => Value::parse(json),
            Ok(None) => Ok(Value::Missing),
            Err(error) => Err(error),
        }
        .map_err(|error| self.unfit(&error))
    }

    /// The payload's JSON, without the blanks before it.
    fn json(&self) -> Option<&'a str> {
        match self.record.kind() {
            PayloadKind::Json => self.record.text().map(str::trim_ascii),
            PayloadKind::Text | PayloadKind::Binary => None,
        }
    }

    fn top(&self) -> Result<&Fields<'a>> {
        if let Some(fields) = self.fields.get() {
            return Ok(fields);
        }
        let fields = match self.json() {
            Some(json) if json.starts_with('{') => fields_of(json).map_err(|error| self.unfit(&error))?,
            Some(_) | None => Fields::new(),
        };
        Ok(self.fields.get_or_init(|| fields))
    }

    fn unfit(&self, error: &serde_json::Error) -> Error {
        Error::rejected(format!("payload of {}: {error}", self.record.id()))
    }
}

/// One step into a JSON value: the field of an object, or the element of an array.
fn step<'a>(json: &'a str, name: &str) -> serde_json::Result<Option<&'a str>> {
    Ok(match json.as_bytes().first() {
        Some(b'{') => fields_of(json)?.get(name).map(|raw| raw.get()),
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(json)?;
            name.parse().ok().and_then(|index: usize| elements.get(index).map(|raw| raw.get()))
        }
        Some(_) | None => None,
    })
}

fn fields_of(json: &str) -> serde_json::Result<Fields<'_>> {
    let fields: BTreeMap<Name<'_>, &RawValue> = serde_json::from_str(json)?;
    Ok(fields.into_iter().map(|(Name(name), raw)| (name, raw)).collect())
}

fn number<'a>(number: u64) -> Value<'a> {
    Value::Number(number.to_string().into())
}

/// `value` as JSON text.
fn written(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("text always has JSON: {error}"))
}

/// Text that is borrowed where it can be, also as the key of a map, where serde always copies.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use danube_sink::testing::RecordBuilder;

    use super::*;

    fn value(record: &Record, source: &str) -> Value<'static> {
        let value = Document::new(record).value(&source.parse().expect("the source is valid"));
        match value.expect("the payload is sound") {
            Value::Missing => Value::Missing,
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(truth),
            Value::Number(text) => Value::Number(text.into_owned().into()),
            Value::Text(text) => Value::Text(text.into_owned().into()),
            Value::Json(text) => Value::Json(text.into_owned().into()),
            Value::Bytes(bytes) => Value::Bytes(bytes.to_vec().leak()),
        }
    }

    fn json(document: &str) -> Record {
        RecordBuilder::json(document).build()
    }

    #[test]
    fn a_field_is_found_at_any_depth() {
        let record = json(r#" {"a": {"b": [1, {"c.d": "x\n\"y\""}]}, "n": null, "t": true, "f": false} "#);
        for (source, expected) in [
            ("a.b.0", Value::Number("1".into())),
            ("/a/b/1/c.d", Value::Text("x\n\"y\"".into())),
            ("a.b", Value::Json(r#"[1, {"c.d": "x\n\"y\""}]"#.into())),
            ("n", Value::Null),
            ("t", Value::Bool(true)),
            ("f", Value::Bool(false)),
            ("n.x", Value::Missing),
            ("a.b.2", Value::Missing),
            ("a.b.x", Value::Missing),
            ("z", Value::Missing),
        ] {
            assert_eq!(value(&record, source), expected, "{source}");
        }
        assert_eq!(value(&json("[[7]]"), "0.0"), Value::Number("7".into()));
    }

    #[test]
    fn numbers_have_every_digit() {
        let digits = "-123456789012345678901234567890.00000000000000000000000000000010";
        let record = json(&format!(r#"{{"n": {digits}, "e": 1E-400}}"#));
        assert_eq!(value(&record, "n"), Value::Number(digits.into()));
        assert_eq!(value(&record, "e"), Value::Number("1E-400".into()));
    }

    #[test]
    fn any_payload_is_a_whole() {
        assert_eq!(value(&json(" {} "), "@payload"), Value::Json("{}".into()));
        assert_eq!(value(&RecordBuilder::text("a").build(), "@payload"), Value::Text("a".into()));
        let bytes = RecordBuilder::binary([0xff]).build();
        assert_eq!(value(&bytes, "@payload"), Value::Bytes(&[0xff]));
        assert_eq!(value(&bytes, "data"), Value::Missing, "bytes have no fields");
    }

    #[test]
    fn metadata_is_where_it_is_asked_for() {
        let record = RecordBuilder::json("1")
            .topic("/default/a")
            .offset(u64::MAX)
            .publish_time(1_700_000_000_000_001)
            .producer("p")
            .attribute("x", "y\"")
            .build();
        for (source, expected) in [
            ("@topic", Value::Text("/default/a".into())),
            ("@partition", Value::Null),
            ("@offset", Value::Number("18446744073709551615".into())),
            ("@id", Value::Text("/default/a@18446744073709551615".into())),
            ("@publish_time", Value::Number("1700000000000001".into())),
            ("@producer", Value::Text("p".into())),
            ("@key", Value::Null),
            ("@attribute:x", Value::Text("y\"".into())),
            ("@attribute:z", Value::Missing),
            ("@attributes", Value::Json(r#"{"x":"y\""}"#.into())),
        ] {
            assert_eq!(value(&record, source), expected, "{source}");
        }
        let other = RecordBuilder::json("1").partition(3).routing_key("k").build();
        assert_eq!(value(&other, "@partition"), Value::Number("3".into()));
        assert_eq!(value(&other, "@key"), Value::Text("k".into()));
    }

    #[test]
    fn of_two_fields_of_one_name_the_last_counts() {
        let record = json(r#"{"a": 1, "\u0061": 2}"#);
        assert_eq!(value(&record, "a"), Value::Number("2".into()));
        let document = Document::new(&record);
        let fields: Vec<_> = document.fields().expect("it is an object").collect();
        assert_eq!(fields, [("a", Ok(Value::Number("2".into())))]);
    }

    #[test]
    fn text_that_is_not_unicode_is_bad_data() {
        let record = json(r#"{"a": "\ud800"}"#);
        let failed = Document::new(&record).value(&Source::Field("a".parse().expect("it is a path")));
        assert!(failed.is_err_and(|error| error.is_rejected()));
    }

    #[test]
    fn a_payload_without_fields_makes_no_row_of_metadata() {
        let sources = |written: &[&str]| -> Vec<Source> {
            written.iter().map(|source| source.parse().expect("the source is valid")).collect()
        };
        let require = |record: &Record, written| Document::new(record).require_fields(sources(written).iter());
        let without = [
            RecordBuilder::text("{\"n\":NaN}").build(),
            RecordBuilder::binary([0xff]).build(),
            RecordBuilder::text("").build(),
            json("7"),
            json(" null"),
        ];
        for record in &without {
            assert!(require(record, &["a", "@id"]).is_err_and(|error| error.is_rejected()));
            assert_eq!(require(record, &["a", "@payload"]), Ok(()), "the row has all of it");
            assert_eq!(require(record, &["@id", "@offset"]), Ok(()), "nothing of it is wanted");
        }
        for record in [json(" {}"), json("[]")] {
            assert_eq!(require(&record, &["a", "@id"]), Ok(()), "a field may be missing");
        }
    }

    #[test]
    fn arrays_and_objects_are_taken_apart() {
        let elements = Value::elements(r#"[1.0, null, "a", [ 2 ]]"#).expect("it is an array");
        let expected = [Value::Number("1.0".into()), Value::Null, Value::Text("a".into()), Value::Json("[ 2 ]".into())];
        assert_eq!(elements, expected);
        let entries = Value::entries(r#"{"b": true, "a": 1, "b": false}"#).expect("it is an object");
        assert_eq!(entries, [("a".into(), Value::Number("1".into())), ("b".into(), Value::Bool(false))]);
        assert!(Value::elements("{}").is_err() && Value::entries("[]").is_err());
    }

    #[test]
    fn a_value_is_json_again() {
        let mut written = String::new();
        for value in [
            Value::Missing,
            Value::Bool(true),
            Value::Number("1.50".into()),
            Value::Text("\"\0\n".into()),
            Value::Json("[ 1 ]".into()),
            Value::Bytes(&[0xff]),
        ] {
            value.write_json(&mut written);
            written.push(' ');
        }
        assert_eq!(written, r#"null true 1.50 "\"\u0000\n" [ 1 ] {"data":"/w==","size":1} "#);
    }
}
