//! What happened: what was sent, what became of each record, how the connector ended.

use std::{fmt, io::Read, time::Duration};

use ::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::expected::{Ending, Exchange, Expected, Request, Times};
use crate::{
    capability::http::Captured,
    cli::json::Json,
    connector::Seen,
    pipeline::{Call, End, Ended, Outcome, ProcessError, Retried},
    record::Verdict,
};

/// Requests that are shown one by one.
const SHOWN: usize = 20;

/// What happened.
pub(super) struct Happened {
    pub(super) records: Vec<Ended>,
    pub(super) requests: Vec<Captured>,
    pub(super) end: End,
    calls: Vec<Call>,
}

/// A body for people and files.
pub(super) enum Body {
    /// JSON that is no string.
    Json(Json),
    Text(String),
    Binary(Vec<u8>),
}

impl Body {
    /// The body of a request, decompressed.
    pub(super) fn of(request: &Captured) -> Self {
        let mut body = request.body.to_vec();
        if request.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
            let mut plain = Vec::new();
            if flate2::read::GzDecoder::new(&*request.body).read_to_end(&mut plain).is_ok() {
                body = plain;
            }
        }
        match String::from_utf8(body) {
            Ok(text) => match Json::parse(&text) {
                None | Some(Json::Text(_)) => Self::Text(text),
                Some(json) => Self::Json(json),
            },
            Err(error) => Self::Binary(error.into_bytes()),
        }
    }
}

impl Happened {
    pub(super) fn new(seen: Seen, requests: Vec<Captured>) -> Self {
        let Seen { records, calls, end } = seen;
        Self { records, requests, end, calls }
    }

    /// As the file would say it, with the replies that it has now.
    pub(super) fn as_expected(&self, before: Option<&Expected>) -> Json {
        let exchanges = before.and_then(|before| before.http.as_deref()).unwrap_or_default();
        let mut http = Vec::new();
        for (at, exchange) in exchanges.iter().enumerate() {
            let request = self.requests.iter().find(|request| request.reply == Some(at));
            match (exchange.times, request) {
                (Times::Exactly(1), Some(request)) => http.push(exchange_as_json(request, Some(exchange))),
                (Times::Exactly(1), None) => {}
                (Times::Exactly(_) | Times::Any, _) => http.push(exchange.as_json()),
            }
        }
        let unexpected =
            self.requests.iter().filter(|request| request.reply.is_none_or(|at| exchanges.get(at).is_none()));
        http.extend(unexpected.map(|request| exchange_as_json(request, None)));
        let (stopped, parked) = match &self.end {
            End::Drained => (None, None),
            End::Parked { reason } => (None, Some(Json::text(reason))),
            End::Failed { reason } => (Some(Json::text(reason)), None),
        };
        Json::object([
            ("http", Some(Json::Array(http))),
            ("records", Some(Json::Array(self.records.iter().map(record_as_json).collect()))),
            ("stopped", stopped),
            ("parked", parked),
        ])
    }

    /// Every call of the component, for tools.
    pub(super) fn calls_as_json(&self) -> Json {
        let call = |call: &Call| {
            let said = match &call.said {
                Ok(verdicts) => Json::Array(verdicts.iter().map(verdict_as_json).collect()),
                Err(ProcessError::Retryable { reason, after }) => error_as_json("retryable", reason, *after),
                Err(ProcessError::Rejected { reason }) => error_as_json("rejected", reason, None),
                Err(ProcessError::Fatal { reason }) => error_as_json("fatal", reason, None),
                Err(ProcessError::Broken { reason }) => error_as_json("broken", reason, None),
            };
            Json::object([
                ("topic", Some(Json::text(&*call.topic))),
                ("attempt", Some(Json::number(call.attempt))),
                ("offsets", Some(Json::Array(call.records.iter().map(|(_, offset)| Json::number(offset)).collect()))),
                ("said", Some(said)),
            ])
        };
        Json::Array(self.calls.iter().map(call).collect())
    }
}

impl Exchange {
    fn as_json(&self) -> Json {
        let Self { request, reply, times } = self;
        let Request { method, url, headers, body, body_base64 } = request;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), Json::text(value))).collect();
        let request = Json::object([
            ("method", method.as_ref().map(|method| Json::text(method.0.as_str()))),
            ("url", url.as_ref().map(|url| Json::text(&url.0))),
            ("headers", (!headers.is_empty()).then_some(Json::Object(headers))),
            ("body", body.as_deref().and_then(Json::of)),
            ("body_base64", body_base64.as_ref().map(|bytes| Json::text(STANDARD.encode(&bytes.0)))),
        ]);
        let times = match times {
            Times::Exactly(1) => None,
            Times::Exactly(times) => Some(Json::number(times)),
            Times::Any => Some(Json::text("any")),
        };
        Json::object([("request", Some(request)), ("reply", reply.as_json()), ("times", times)])
    }
}

fn exchange_as_json(request: &Captured, before: Option<&Exchange>) -> Json {
    let named = before.map(|before| &before.request.headers).filter(|headers| !headers.is_empty());
    let is_shown = |name: &str| named.is_none_or(|named| named.keys().any(|key| key.eq_ignore_ascii_case(name)));
    let headers: Vec<_> = texts(&request.headers).filter(|(name, _)| is_shown(name)).collect();
    let headers = headers.into_iter().map(|(name, value)| (name, Json::Text(value))).collect::<Vec<_>>();
    let (body, base64) = match Body::of(request) {
        Body::Text(text) if text.is_empty() => (None, None),
        Body::Text(text) => (Some(Json::Text(text)), None),
        Body::Json(json) => (Some(json), None),
        Body::Binary(bytes) => (None, Some(Json::text(STANDARD.encode(bytes)))),
    };
    let sent = Json::object([
        ("method", Some(Json::text(request.method.as_str()))),
        ("url", Some(Json::text(&request.url))),
        ("headers", (!headers.is_empty()).then_some(Json::Object(headers))),
        ("body", body),
        ("body_base64", base64),
    ]);
    Json::object([("request", Some(sent)), ("reply", before.and_then(|before| before.reply.as_json()))])
}

/// Names and values, those of one name joined as HTTP has it.
pub(super) fn texts(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.keys().map(|name| {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (name.as_str().to_owned(), values.join(", "))
    })
}

/// The parts of an outcome: how it ended, why, and at which stage.
pub(super) fn parts(outcome: &Outcome) -> (Ending, Option<&str>, Option<&'static str>) {
    match outcome {
        Outcome::Written => (Ending::Written, None, None),
        Outcome::Rejected { stage, reason } => (Ending::Rejected, Some(reason), Some(*stage)),
        Outcome::Retry { reason } => (Ending::Retry, Some(reason), None),
        Outcome::Unsettled => (Ending::Unsettled, None, None),
    }
}

fn record_as_json(record: &Ended) -> Json {
    let (ending, reason, stage) = parts(&record.outcome);
    if reason.is_none() && record.retries.is_empty() {
        return Json::text(ending.name());
    }
    let retries: Vec<_> = record.retries.iter().map(retry_as_json).collect();
    Json::object([
        ("outcome", Some(Json::text(ending.name()))),
        ("reason", reason.map(Json::text)),
        // Most are of the component's own.
        ("stage", stage.filter(|stage| *stage != "process").map(Json::text)),
        ("retries", (!retries.is_empty()).then_some(Json::Array(retries))),
    ])
}

fn retry_as_json(retried: &Retried) -> Json {
    let after = retried.after.map(|after| Json::number(after.as_millis()));
    Json::object([("reason", Some(Json::text(&retried.reason))), ("after_ms", after)])
}

fn verdict_as_json(verdict: &Verdict) -> Json {
    match verdict {
        Verdict::Written => Json::text("written"),
        Verdict::Retry { reason, after } => error_as_json("retry", reason, *after),
        Verdict::Reject { reason } => error_as_json("rejected", reason, None),
    }
}

fn error_as_json(kind: &str, reason: &str, after: Option<Duration>) -> Json {
    let after = after.map(|after| Json::number(after.as_millis()));
    Json::object([(kind, Some(Json::text(reason))), ("after_ms", after)])
}

/// A summary for people.
impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for request in self.requests.iter().take(SHOWN) {
            writeln!(f, "  {} {} ({} bytes)", request.method, request.url, request.body.len())?;
        }
        if self.requests.len() > SHOWN {
            writeln!(f, "  and {} more requests", self.requests.len() - SHOWN)?;
        }
        let endings = [Ending::Written, Ending::Rejected, Ending::Retry, Ending::Unsettled];
        let count = |ending: &Ending| self.records.iter().filter(|record| parts(&record.outcome).0 == *ending).count();
        let counts = endings.iter().map(|ending| (count(ending), ending.name())).filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, name)| format!("{count} {name}")).collect();
        writeln!(f, "records: {}, in {} calls", counts.join(", "), self.calls.len())?;
        for (at, record) in
            self.records.iter().enumerate().filter(|(_, record)| record.outcome != Outcome::Written).take(SHOWN)
        {
            let (ending, reason, _) = parts(&record.outcome);
            writeln!(
                f,
                "  records[{at}] {}{}",
                ending.name(),
                reason.map_or_else(String::new, |reason| format!(": {reason}"))
            )?;
        }
        match &self.end {
            End::Drained => Ok(()),
            End::Parked { reason } => writeln!(f, "parked: {reason}"),
            End::Failed { reason } => writeln!(f, "stopped: {reason}"),
        }
    }
}
