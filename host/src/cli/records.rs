//! Records in a file, one on each line, for `dev` and for `test`. A line is a payload: a JSON document, or else text. A line
//! `{"$record": {...}}` says more about its record than that.

use std::{collections::BTreeMap, io::Read, path::Path};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Stop, json};

/// The key of a line that is more than a payload.
const MORE: &str = "$record";

/// A record of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Its line in the file, from 1.
    pub(super) line: usize,
    pub(super) payload: Bytes,
    pub(super) topic: Option<String>,
    pub(super) key: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) producer: Option<String>,
    pub(super) publish_time: Option<u64>,
    pub(super) partition: Option<u32>,
    pub(super) offset: Option<u64>,
    pub(super) schema: Option<Schema>,
}

/// The schema that a record was published with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schema {
    pub(super) subject: String,
    #[serde(rename = "type")]
    pub(super) schema_type: String,
    #[serde(default = "one")]
    pub(super) version: u32,
    #[serde(default = "one")]
    pub(super) id: u32,
}

fn one() -> u32 {
    1
}

/// A line that is more than a payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "$record")]
    record: More,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct More {
    #[serde(default, deserialize_with = "json::given")]
    payload: Option<Box<RawValue>>,
    text: Option<String>,
    base64: Option<String>,
    topic: Option<String>,
    key: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    producer: Option<String>,
    publish_time: Option<u64>,
    partition: Option<u32>,
    offset: Option<u64>,
    schema: Option<Schema>,
}

impl Record {
    pub(super) fn of_payload(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// What a JSON target receives for this record: the document itself, the text as a JSON string, bytes in base64.
    pub(super) fn as_json(&self) -> String {
        if let Ok(document) = serde_json::from_slice::<&RawValue>(&self.payload) {
            return document.get().to_owned();
        }
        let text = match std::str::from_utf8(&self.payload) {
            Ok(text) => text.to_owned(),
            Err(_) => STANDARD.encode(&self.payload),
        };
        serde_json::Value::from(text).to_string()
    }
}

/// The records of a file, or of standard input (`-`). Empty lines are left out.
pub(super) fn read(path: &Path) -> Result<Vec<Record>, Stop> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read records from standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read records from {}", path.display()))?;
    }
    let records = parse(path, &text).map_err(Stop::Usage)?;
    if records.is_empty() {
        return Err(Stop::Usage(format!(
            "error: there are no records in {}\nhelp: it wants one on each line",
            path.display()
        )));
    }
    Ok(records)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let content = line.trim_end_matches(['\r', '\n']);
        if !content.trim().is_empty() {
            records.push(Record { line: number, ..record(path, text, start..start + content.len())? });
        }
        start += line.len();
    }
    Ok(records)
}

fn record(path: &Path, text: &str, span: std::ops::Range<usize>) -> Result<Record, String> {
    let line = &text[span.clone()];
    let says_more = serde_json::from_str::<BTreeMap<String, &RawValue>>(line).is_ok_and(|keys| keys.contains_key(MORE));
    if !says_more {
        return Ok(Record::of_payload(line.to_owned()));
    }
    let Line { record } = json::read(path, text, span.clone())?;
    let More {
        payload,
        text: plain,
        base64,
        topic,
        key,
        attributes,
        producer,
        publish_time,
        partition,
        offset,
        schema,
    } = record;
    let wrong = |message: &str| json::shown(path, text, span.clone(), message);
    let payload = match (payload, plain, base64) {
        (Some(document), None, None) => document.get().to_owned().into(),
        (None, Some(plain), None) => plain.into(),
        (None, None, Some(encoded)) => {
            STANDARD.decode(encoded).map_err(|error| wrong(&format!("`base64`: {error}")))?.into()
        }
        _ => return Err(wrong("a record has one of `payload` (JSON), `text` and `base64`")),
    };
    Ok(Record { line: 0, payload, topic, key, attributes, producer, publish_time, partition, offset, schema })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Record>, String> {
        parse(Path::new("records.ndjson"), text)
    }

    #[test]
    fn a_line_is_a_payload_or_says_more() {
        let text = "{\"a\":1.10}\n\nplain\n{\"$record\":{\"payload\":{\"a\":1.10},\"key\":\"k\",\"attributes\":{\"x\":\"y\"}}}\n";
        let records = parsed(text).unwrap();
        assert_eq!(records.iter().map(|record| record.line).collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(records[0].payload, r#"{"a":1.10}"#);
        assert_eq!(records[1].as_json(), "\"plain\"");
        assert_eq!((&records[2].payload, records[2].key.as_deref()), (&records[0].payload, Some("k")));
        let binary = parsed(r#"{"$record":{"base64":"/wA="}}"#).unwrap();
        assert_eq!(binary[0].payload[..], [0xff, 0]);
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let error = parsed("{}\n{\"$record\":{\"payload\":1,\"kye\":\"k\"}}\n").unwrap_err();
        assert!(error.contains("unknown field `kye`") && error.contains("records.ndjson:2:25"), "{error}");
        let error = parsed("{\"$record\":{\"key\":\"k\"}}").unwrap_err();
        assert!(error.contains("one of `payload`"), "{error}");
    }
}
