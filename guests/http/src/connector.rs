//! Sends records and tells what became of them.

use std::{iter, slice, time::Duration};

use danube_sink::{
    Batch, Context, Error, Outcomes, Record, Result, Sink, Waves,
    http::{self, Body, Request, Response},
};
use sink_common::{CallTime, position_key};

use crate::{
    config::{Config, Format, Settings, Target},
    record::Content,
};

/// The endpoint takes less in one request.
const PAYLOAD_TOO_LARGE: u16 = 413;

/// Posts records to HTTP endpoints.
pub(crate) struct HttpSink {
    config: Config,
}

impl Sink for HttpSink {
    type Config = Settings;

    fn initialize(settings: Settings, _: &Context) -> Result<Self> {
        Ok(Self { config: Config::resolve(&settings)? })
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        let target = self.config.target(batch.topic())?;
        match target.format {
            Format::JsonArray => send_together(target, batch, Content::json_array),
            Format::Ndjson => send_together(target, batch, Content::ndjson),
            Format::Single => send_one_by_one(target, batch),
        }
    }

    fn health_check(&mut self) -> Result<()> {
        let Some(request) = &self.config.health else { return Ok(()) };
        // Whatever the status, the host shall ask again.
        request.clone().send()?.check_status().map_err(|error| Error::retryable(error.reason()).context("health_url"))
    }
}

/// The batch in one request or, if that is too large for the endpoint or the host, in as many as it takes.
fn send_together(target: &Target, batch: &Batch, content: fn(&[Record], bool) -> Content) -> Result<Outcomes> {
    let mut outcomes = Outcomes::written();
    let Some(first) = batch.records().first() else { return Ok(outcomes) };
    let (mut time, url) = (CallTime::start(batch.time_limit(), target.timeout), target.url.fill(first)?);
    let mut unsent: Vec<_> = iter::once(0..batch.len()).collect();
    while let Some(range) = unsent.pop() {
        let records = &batch.records()[range.clone()];
        let request = request(target, &url, records, content(records, target.envelope))?.timeout(time.timeout());
        let answer = time.spend(|| request.send());
        if range.len() > 1 && is_too_large(&answer) {
            let middle = range.start + range.len() / 2;
            unsent.extend([middle..range.end, range.start..middle]);
            continue;
        }
        match verdict(answer) {
            Err(error) if range.len() == batch.len() => return Err(error),
            // What comes behind it would fare no better, and may have to keep its place.
            Err(Error::Retryable { reason, after }) => {
                outcomes.retry(range.start..batch.len(), &reason, after);
                return Ok(outcomes);
            }
            verdict => range.clone().try_for_each(|index| outcomes.set(index, verdict.clone()))?,
        }
        if let Some(setback) = Setback::of_time(&time) {
            setback.hold_back(range.end..batch.len(), &mut outcomes);
            return Ok(outcomes);
        }
    }
    Ok(outcomes)
}

/// A request per record, several at once; where the order counts, of different keys or partitions only.
fn send_one_by_one(target: &Target, batch: &Batch) -> Result<Outcomes> {
    let mut time = CallTime::start(batch.time_limit(), target.timeout);
    let mut waves = batch.waves();
    loop {
        let (sent, requests) = next_round(target, &mut waves)?;
        if sent.is_empty() {
            return Ok(waves.into_outcomes());
        }
        let timeout = time.timeout();
        let requests = requests.into_iter().map(|request| request.timeout(timeout)).collect();
        let verdicts: Vec<_> = time.spend(|| http::send_all(requests)).into_iter().map(verdict).collect();
        let setback = Setback::of_round(&verdicts).or_else(|| Setback::of_time(&time));
        sent.into_iter().zip(verdicts).try_for_each(|(index, verdict)| waves.set(index, verdict))?;
        if let Some(setback) = setback {
            let outcomes = waves.retry_rest(&setback.not_sent(), setback.after);
            let all_to_retry = outcomes.failures().filter(|(_, failure)| failure.is_retry()).count() == batch.len();
            return if all_to_retry { Err(setback.into()) } else { Ok(outcomes) };
        }
    }
}

/// The next requests and the positions of their records. A record that makes no request has its outcome at once.
fn next_round(target: &Target, waves: &mut Waves<'_>) -> Result<(Vec<usize>, Vec<Request>)> {
    let (mut sent, mut requests) = (Vec::new(), Vec::new());
    while requests.len() < target.concurrency
        && let Some(wave) = waves.next_wave(target.concurrency - requests.len())
    {
        for (index, record) in wave {
            match request_for(target, record) {
                Ok(request) => {
                    sent.push(index);
                    requests.push(request);
                }
                Err(error) => waves.set(index, Err(error))?,
            }
        }
    }
    Ok((sent, requests))
}

/// Why the records that are left are not sent in this call.
struct Setback {
    reason: String,
    after: Option<Duration>,
}

impl Setback {
    /// A round after which sending more would be pointless, because nothing got through, or rude, because the endpoint
    /// asked for a pause.
    fn of_round(verdicts: &[Result<()>]) -> Option<Self> {
        let retries = verdicts.iter().filter_map(|verdict| match verdict {
            Err(Error::Retryable { reason, after }) => Some((reason, *after)),
            Ok(()) | Err(Error::Rejected { .. } | Error::Fatal { .. }) => None,
        });
        let retries: Vec<_> = retries.collect();
        let (reason, _) = retries.first()?;
        let after = retries.iter().filter_map(|(_, after)| *after).max();
        let ends_here = retries.len() == verdicts.len() || after.is_some();
        ends_here.then(|| Self { reason: (*reason).clone(), after })
    }

    /// Not enough time. The host may call again at once, and loses no retry on it because something got through.
    fn of_time(time: &CallTime) -> Option<Self> {
        let reason = "the endpoint is slow, and a call has only so much time".to_owned();
        time.is_short().then_some(Self { reason, after: Some(Duration::ZERO) })
    }

    fn hold_back(&self, indices: impl IntoIterator<Item = usize>, outcomes: &mut Outcomes) {
        outcomes.retry(indices, &self.not_sent(), self.after);
    }

    fn not_sent(&self) -> String {
        format!("not sent: {}", self.reason)
    }
}

impl From<Setback> for Error {
    fn from(Setback { reason, after }: Setback) -> Self {
        Self::Retryable { reason, after }
    }
}

/// Whether fewer records in a request would help.
fn is_too_large(answer: &Result<Response, http::Error>) -> bool {
    match answer {
        Ok(response) => response.status() == PAYLOAD_TOO_LARGE,
        Err(error) => matches!(error, http::Error::RequestTooLarge(_)),
    }
}

/// What became of the records of a request.
fn verdict(answer: Result<Response, http::Error>) -> Result<()> {
    answer?.check_status()
}

fn request_for(target: &Target, record: &Record) -> Result<Request> {
    let url = target.url.fill(record)?;
    request(target, &url, slice::from_ref(record), Content::single(record, target.envelope))
}

fn request(target: &Target, url: &str, records: &[Record], content: Content) -> Result<Request> {
    let mut request = Request::new(&target.method, url);
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    if !target.headers.contains_key("content-type") {
        request = request.header("content-type", content.content_type);
    }
    if target.idempotency_key {
        request = request.header("idempotency-key", position_key(records));
    }
    if target.gzip {
        return Ok(request.header("content-encoding", "gzip").bytes(content.gzip()?));
    }
    Ok(match content.body {
        Body::Text(text) => request.text(text),
        Body::Binary(bytes) => request.bytes(bytes),
    })
}

#[cfg(test)]
mod tests;
