//! Sends records and tells what became of them.

use std::{collections::VecDeque, ops::Range, slice, time::Duration};

use danube_sink::{
    Batch, Context, Error, Order, Outcomes, Record, Result, Sink, Waves,
    http::{Body, Request},
};
use sink_common::{CallTime, position_key};

use crate::{
    config::{Config, Format, Settings, Target},
    record::Content,
    wire::{self, Answer},
};

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

/// The batch in one request, or in as many as the settings, the endpoint or the host want.
fn send_together(target: &Target, batch: &Batch, content: fn(&[Record], bool) -> Content) -> Result<Outcomes> {
    let Some(first) = batch.records().first() else { return Ok(Outcomes::written()) };
    let (mut time, url) = (CallTime::start(batch.time_limit(), target.timeout), target.url.fill(first)?);
    let mut progress = Progress::new(target, batch);
    while !progress.unsent.is_empty() {
        let ranges = progress.next_round();
        let timeout = time.timeout();
        let requests: Result<Vec<_>> = ranges
            .iter()
            .map(|range| &batch.records()[range.clone()])
            .map(|records| Ok(request(target, &url, records, content(records, target.envelope))?.timeout(timeout)))
            .collect();
        let requests = requests?;
        let answers = time.spend(|| wire::send_all(target, requests));
        // From the back, so that the halves of what was too large stand in the batch's order.
        for (range, answer) in ranges.into_iter().zip(answers).rev() {
            progress.note(range, answer)?;
        }
        if !progress.unsent.is_empty() {
            progress.setback = progress.setback.or_else(|| Setback::of_time(&time));
        }
        if let Some(setback) = progress.setback.take() {
            return progress.end(setback);
        }
    }
    Ok(progress.outcomes)
}

/// How far a batch is that goes in requests with several records.
struct Progress<'a> {
    target: &'a Target,
    batch: &'a Batch,
    outcomes: Outcomes,
    unsent: VecDeque<Range<usize>>,
    /// Whether a request was answered with something else than that it has to be tried again.
    is_under_way: bool,
    /// Why no more is sent in this call.
    setback: Option<Setback>,
}

impl<'a> Progress<'a> {
    fn new(target: &'a Target, batch: &'a Batch) -> Self {
        let unsent = pieces(batch.len(), target.records_per_request.unwrap_or(batch.len()));
        Self { target, batch, outcomes: Outcomes::written(), unsent, is_under_way: false, setback: None }
    }

    fn is_ordered(&self) -> bool {
        self.batch.order() != Order::Any
    }

    /// What goes at once: where the order counts, a request waits for the one before it.
    fn next_round(&mut self) -> Vec<Range<usize>> {
        let at_once = if self.is_ordered() { 1 } else { self.target.concurrency };
        self.unsent.drain(..at_once.min(self.unsent.len())).collect()
    }

    /// Notes what came of a request.
    ///
    /// # Errors
    ///
    /// What ends the call for all of the batch.
    fn note(&mut self, range: Range<usize>, answer: Answer) -> Result<()> {
        if let (Answer::TooLarge(_), true) = (&answer, range.len() > 1) {
            let middle = range.start + range.len() / 2;
            self.unsent.push_front(middle..range.end);
            self.unsent.push_front(range.start..middle);
            return Ok(());
        }
        match items(self.target, answer, range.len()) {
            Ok(failures) => {
                self.is_under_way = true;
                for (index, error) in failures {
                    if self.is_ordered() && error.is_retryable() {
                        self.setback = Some(Setback { reason: error.reason().to_owned(), after: None });
                    }
                    self.outcomes.set(range.start + index, Err(error))?;
                }
            }
            Err(Error::Retryable { reason, after }) => {
                self.outcomes.retry(range, &reason, after);
                // What comes behind it would fare no better, and may have to keep its place.
                self.setback = Some(Setback { reason, after });
            }
            Err(Error::Rejected { reason }) if range.len() < self.batch.len() => {
                self.is_under_way = true;
                self.outcomes.reject(range, &reason);
            }
            Err(error @ (Error::Rejected { .. } | Error::Fatal { .. })) => return Err(error),
        }
        Ok(())
    }

    /// Ends the call before all is sent.
    fn end(mut self, setback: Setback) -> Result<Outcomes> {
        if !self.is_under_way {
            return Err(setback.into());
        }
        self.unsent.into_iter().for_each(|range| setback.hold_back(range, &mut self.outcomes));
        Ok(self.outcomes)
    }
}

/// So many records, not more than `most` together.
fn pieces(count: usize, most: usize) -> VecDeque<Range<usize>> {
    (0..count).step_by(most.max(1)).map(|start| start..count.min(start + most.max(1))).collect()
}

/// The records of a request that were not written although others were.
fn items(target: &Target, answer: Answer, records: usize) -> Result<Vec<(usize, Error)>> {
    let response = answer.verdict()?;
    match &target.item_failures {
        Some(items) => items.read(&response, records),
        None => Ok(Vec::new()),
    }
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
        let answers = time.spend(|| wire::send_all(target, requests));
        let of = |(index, answer): (&usize, Answer)| verdict(target, &batch.records()[*index], answer);
        let verdicts: Vec<_> = sent.iter().zip(answers).map(of).collect();
        let setback = Setback::of_round(&verdicts).or_else(|| Setback::of_time(&time));
        sent.into_iter().zip(verdicts).try_for_each(|(index, verdict)| waves.set(index, verdict))?;
        if let Some(setback) = setback {
            let outcomes = waves.retry_rest(&setback.not_sent(), setback.after);
            let all_to_retry = outcomes.failures().filter(|(_, failure)| failure.is_retry()).count() == batch.len();
            return if all_to_retry { Err(setback.into()) } else { Ok(outcomes) };
        }
    }
}

/// What became of a record that went by itself.
fn verdict(target: &Target, record: &Record, answer: Answer) -> Result<()> {
    if matches!(answer, Answer::Denied(_)) && target.url.is_ambiguous(record) {
        // One record must not stop the others, nor have the grant widened for it.
        let reason = "servers differ in what the path of its URL means, so that the grant's path does not cover it";
        return Err(Error::rejected(reason));
    }
    answer.verdict().map(drop)
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

fn request_for(target: &Target, record: &Record) -> Result<Request> {
    let url = target.url.fill(record)?;
    let mut request = unsigned(target, &url, slice::from_ref(record), Content::single(record, target.envelope))?;
    for (name, template) in &target.record_headers {
        request = request.header(name, template.fill_text(record)?);
    }
    Ok(signed(target, request))
}

fn request(target: &Target, url: &str, records: &[Record], content: Content) -> Result<Request> {
    unsigned(target, url, records, content).map(|request| signed(target, request))
}

fn signed(target: &Target, request: Request) -> Request {
    match &target.signature {
        Some(signature) => signature.sign(request),
        None => request,
    }
}

fn unsigned(target: &Target, url: &str, records: &[Record], content: Content) -> Result<Request> {
    let mut request = Request::new(&target.method, url);
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    if !target.headers.contains_key("content-type") && !target.record_headers.contains_key("content-type") {
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
