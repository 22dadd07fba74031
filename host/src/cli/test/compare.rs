//! What happened, held against what is expected. What the file does not say is not looked at.

use std::fmt;

use super::{
    expected::{Exchange, Expected, Outcome, Request, Times},
    happened::{Body, Happened, parts},
};
use crate::{
    capability::http::Captured,
    cli::json::Json,
    pipeline::{End, Ended},
};

/// A place where the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// As a path into the file: `http[0].request.body[2].id`.
    pub(super) at: String,
    /// `None`: there should be nothing.
    pub(super) expected: Option<String>,
    /// `None`: there was nothing.
    pub(super) found: Option<String>,
}

impl Difference {
    pub(super) fn as_json(&self) -> Json {
        let Self { at, expected, found } = self;
        Json::object([
            ("at", Some(Json::text(at))),
            ("expected", Some(expected.as_ref().map_or(Json::Null, Json::text))),
            ("found", Some(found.as_ref().map_or(Json::Null, Json::text))),
        ])
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.at)?;
        for (mark, text) in [('-', &self.expected), ('+', &self.found)] {
            for line in text.iter().flat_map(|text| text.lines()) {
                writeln!(f, "    {mark} {line}")?;
            }
        }
        Ok(())
    }
}

/// Collects differences.
#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, at: &str, expected: Option<String>, found: Option<String>) {
        if expected != found {
            self.0.push(Difference { at: at.to_owned(), expected, found });
        }
    }
}

/// All differences, in the order of the file.
pub(super) fn differences(expected: &Expected, happened: &Happened) -> Vec<Difference> {
    let Expected { http, records, stopped, parked } = expected;
    let mut found = Found::default();
    if let Some(http) = http {
        exchanges(http, &happened.requests, &mut found);
    }
    if let Some(records) = records {
        outcomes(records, &happened.records, &mut found);
    }
    let (did_stop, did_park) = match &happened.end {
        End::Drained => (None, None),
        End::Parked { reason } => (None, Some(reason.clone())),
        End::Failed { reason } => (Some(reason.clone()), None),
    };
    found.add("stopped", stopped.clone(), did_stop);
    found.add("parked", parked.clone(), did_park);
    found.0
}

fn exchanges(expected: &[Exchange], requests: &[Captured], found: &mut Found) {
    for (at, exchange) in expected.iter().enumerate() {
        let answered: Vec<_> = requests.iter().filter(|request| request.reply == Some(at)).collect();
        if let Times::Exactly(times) = exchange.times
            && answered.len() != times as usize
        {
            let count = |count: usize| counted(count, "request");
            found.add(&format!("http[{at}]"), Some(count(times as usize)), Some(count(answered.len())));
        }
        for request in answered {
            self::request(&format!("http[{at}].request"), &exchange.request, request, found);
        }
    }
    for request in requests.iter().filter(|request| request.reply.is_none()) {
        let text = format!("{} {}, which nothing in the file answers", request.method, request.url);
        found.add("http", None, Some(text));
    }
}

fn request(at: &str, expected: &Request, request: &Captured, found: &mut Found) {
    // A request of another method or URL would have got another reply.
    let Request { method: _, url: _, headers, body, body_base64 } = expected;
    for (name, value) in headers {
        let sent = request.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let sent = sent.or_else(|| request.added.contains(&name.to_ascii_lowercase()).then(|| value.clone()));
        found.add(&format!("{at}.headers.{name}"), Some(value.clone()), sent);
    }
    let at = format!("{at}.body");
    if let Some(bytes) = body_base64 {
        let same = request.body == bytes.0;
        let size = |bytes: &[u8]| format!("{} bytes", bytes.len());
        if !same {
            let (expected, sent) = (size(&bytes.0), size(&request.body) + ", other ones");
            found.add(&at, Some(expected), Some(sent));
        }
    }
    let Some(expected) = body.as_deref().and_then(Json::of) else { return };
    match (expected, Body::of(request)) {
        (Json::Text(expected), Body::Text(sent)) => found.add(&at, Some(expected), Some(sent)),
        (Json::Text(expected), Body::Json(_)) => {
            let sent = String::from_utf8_lossy(&request.body).into_owned();
            found.add(&at, Some(expected), Some(sent));
        }
        (expected, Body::Json(sent)) => documents(&at, &expected.sorted(), &sent.sorted(), found),
        (expected, Body::Text(sent)) => found.add(&at, Some(expected.to_string()), Some(sent)),
        (expected, Body::Binary(sent)) => {
            found.add(&at, Some(expected.to_string()), Some(format!("{} bytes that are no text", sent.len())));
        }
    }
}

/// Names the places where two documents differ; both are sorted.
fn documents(at: &str, expected: &Json, sent: &Json, found: &mut Found) {
    match (expected, sent) {
        (Json::Array(expected), Json::Array(sent)) => {
            for index in 0..expected.len().max(sent.len()) {
                part(&format!("{at}[{index}]"), expected.get(index), sent.get(index), found);
            }
        }
        (Json::Object(expected), Json::Object(sent)) => {
            let get = |entries: &[(String, Json)], key: &str| {
                entries.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
            };
            for (key, value) in expected {
                part(&format!("{at}.{key}"), Some(value), get(sent, key).as_ref(), found);
            }
            for (key, value) in sent.iter().filter(|(key, _)| get(expected, key).is_none()) {
                part(&format!("{at}.{key}"), None, Some(value), found);
            }
        }
        (expected, sent) => found.add(at, Some(expected.to_string()), Some(sent.to_string())),
    }
}

fn part(at: &str, expected: Option<&Json>, sent: Option<&Json>, found: &mut Found) {
    match (expected, sent) {
        (Some(expected), Some(sent)) => documents(at, expected, sent, found),
        (expected, sent) => found.add(at, expected.map(Json::to_string), sent.map(Json::to_string)),
    }
}

fn outcomes(expected: &[Outcome], records: &[Ended], found: &mut Found) {
    if expected.len() != records.len() {
        let count = |count: usize| Some(counted(count, "record"));
        found.add("records", count(expected.len()), count(records.len()));
    }
    for (at, (expected, record)) in expected.iter().zip(records).enumerate() {
        let Outcome { outcome, reason, stage, retries } = expected;
        let (ending, why, where_) = parts(&record.outcome);
        let place = |key: &str| format!("records[{at}].{key}");
        let text = |text: &str| Some(text.to_owned());
        let because = why.map_or_else(String::new, |why| format!(": {why}"));
        if *outcome != ending {
            found.add(&place("outcome"), text(outcome.name()), Some(format!("{}{because}", ending.name())));
            continue;
        }
        if let Some(reason) = reason {
            found.add(&place("reason"), text(reason), why.map(str::to_owned));
        }
        if let Some(stage) = stage {
            found.add(&place("stage"), text(stage), where_.map(str::to_owned));
        }
        let Some(retries) = retries else { continue };
        if retries.len() != record.retries.len() {
            let count = |count: usize| Some(format!("{count} times"));
            found.add(&place("retries"), count(retries.len()), count(record.retries.len()));
            continue;
        }
        for (at, (expected, retried)) in retries.iter().zip(&record.retries).enumerate() {
            let place = |key: &str| place(&format!("retries[{at}].{key}"));
            if let Some(reason) = &expected.reason {
                found.add(&place("reason"), text(reason), text(&retried.reason));
            }
            if let Some(after) = expected.after_ms {
                let after = after.to_string();
                found.add(&place("after_ms"), Some(after), retried.after.map(|after| after.as_millis().to_string()));
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
