//! The second verb without a broker: batches that are known beforehand go through the same retries, the same search for what
//! breaks the guest, and each record ends as it would. Nothing waits: a pause is over as soon as it begins.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Deliverer, End, Fuse, LanePolicy, Ledger, Pace, ProcessError, Processor, SETTLE_BUFFER,
    chunk::Chunk,
    collect::Collected,
    edge::{Owed, Rejected, Settlement, Stage},
    ledger::Place,
};
use crate::{
    broker::Receipt,
    codec::Codec,
    metrics::LaneMetrics,
    record::{Batch, Payload, Record, Verdict},
};

/// What takes the place of every pause.
const PAUSE: Duration = Duration::from_millis(1);

/// A record as it would come from the broker. What its payload is shows when it is decoded.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) record: Record,
    pub(crate) payload: Bytes,
    pub(crate) codec: Codec,
}

/// How a record ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was written.
    Written,
    /// It will never be written.
    Rejected { stage: &'static str, reason: String },
    /// It was tried, and would be tried again.
    Retry { reason: String },
    /// It was not tried to the end, because the connector stopped before that.
    Unsettled,
}

/// What was said of a record before it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retried {
    pub(crate) reason: String,
    pub(crate) after: Option<Duration>,
}

/// A record's end, and what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) retries: Vec<Retried>,
}

/// A call of the guest.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) topic: Arc<str>,
    pub(crate) attempt: u32,
    /// Partitions and offsets.
    pub(crate) records: Vec<Place>,
    pub(crate) said: Result<Vec<Verdict>, ProcessError>,
}

/// Gives the records to the processor in batches as large as the policy says. Every record ends, in the order given;
/// also what the lane would have done behind the last of them, and every call.
pub(crate) async fn rehearse(
    policy: &LanePolicy,
    metrics: LaneMetrics,
    processor: &mut impl Processor,
    records: Vec<Published>,
) -> (End, Vec<Ended>, Vec<Call>) {
    let policy = Arc::new(LanePolicy {
        retry_backoff: PAUSE,
        max_backoff: PAUSE,
        fuse: Arc::new(Fuse::new(0, Duration::ZERO)),
        ..policy.clone()
    });
    let places: Vec<Place> = records.iter().map(|published| place(&published.record)).collect();
    let mut ends: HashMap<Place, Outcome> = HashMap::new();
    let mut decoded = Vec::new();
    for published in records {
        let place = place(&published.record);
        match decode(&policy, published) {
            Ok(record) => decoded.push(record),
            Err((stage, reason)) => drop(ends.insert(place, Outcome::Rejected { stage: stage.name(), reason })),
        }
    }

    let (to_deliver, batches) = mpsc::channel(1);
    let (to_settle, mut settlements) = mpsc::channel(SETTLE_BUFFER);
    let stop = CancellationToken::new();
    let mut watched = Watched { inner: processor, budget: policy.budget, calls: Vec::new() };
    let deliverer = Deliverer {
        processor: &mut watched,
        policy: policy.clone(),
        ledger: Ledger::new(&policy, metrics.inflight.clone()),
        metrics,
        to_settle,
        pace: Pace::default(),
        waiting: VecDeque::new(),
        subscribed: true,
        written: None,
    };
    let settling = async {
        while let Some(settlements) = settlements.recv().await {
            ends.extend(settlements.into_iter().map(|settlement| {
                let (receipt, outcome) = match settlement {
                    Settlement::Written(receipt) => (receipt, Outcome::Written),
                    Settlement::Rejected(rejected) => {
                        let Rejected { receipt, stage, reason, .. } = *rejected;
                        (receipt, Outcome::Rejected { stage: stage.name(), reason })
                    }
                    Settlement::GivenBack { receipt, after: _, reason } => (receipt, Outcome::Retry { reason }),
                };
                ((receipt.partition(), receipt.offset()), outcome)
            }));
        }
    };
    let ((), (end, left), ()) =
        tokio::join!(feed(&policy, decoded, to_deliver), deliverer.run(batches, &stop), settling);
    for Chunk { batch, trouble, .. } in left {
        for record in batch.records {
            let outcome = match (&end, &trouble) {
                (End::Parked { .. }, Some(trouble)) => Outcome::Retry { reason: trouble.reason.clone() },
                (End::Drained | End::Parked { .. } | End::Failed { .. }, _) => Outcome::Unsettled,
            };
            ends.insert(place(&record), outcome);
        }
    }
    let calls = watched.calls;
    let mut retries = retries(&calls);
    let ended = places.iter().map(|place| {
        let retries = retries.remove(place).unwrap_or_default();
        let outcome = match ends.remove(place).unwrap_or(Outcome::Unsettled) {
            // A lane parks for one reason; what was said of each of its records may be another.
            Outcome::Retry { reason } => {
                Outcome::Retry { reason: retries.last().map_or(reason, |last| last.reason.clone()) }
            }
            outcome @ (Outcome::Written | Outcome::Rejected { .. } | Outcome::Unsettled) => outcome,
        };
        Ended { outcome, retries }
    });
    let ended = ended.collect();
    (end, ended, calls)
}

fn place(record: &Record) -> Place {
    (record.partition, record.offset)
}

fn decode(policy: &LanePolicy, published: Published) -> Result<(Record, Bytes), (Stage, String)> {
    let Published { mut record, payload, codec } = published;
    policy.expect_subject(record.schema.as_ref().map(|schema| schema.subject.as_str()))?;
    record.payload = match policy.raw {
        true => Payload::Binary(payload.clone()),
        false => codec.decode(payload.clone()).map_err(|error| (Stage::Decode, error.to_string()))?,
    };
    Ok((record, payload))
}

/// Hands batches on, each when there is room for it: the time that they may take begins then.
async fn feed(policy: &LanePolicy, records: Vec<(Record, Bytes)>, to_deliver: mpsc::Sender<Collected>) {
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let Ok(room) = to_deliver.reserve().await else { return };
        let mut collected = Collected { records: Vec::new(), owed: Vec::new(), since: Instant::now() };
        let mut bytes = 0;
        while let Some((record, original)) = records.next_if(|(record, _)| {
            let fits = bytes + record.payload.len() <= policy.batch_bytes;
            collected.records.is_empty() || collected.records.len() < policy.batch_size && fits
        }) {
            bytes += record.payload.len();
            let receipt = Receipt::of_nobody(record.partition, record.offset, record.publish_time);
            collected.owed.push(Owed { receipt, original });
            collected.records.push(record);
        }
        room.send(collected);
    }
}

/// What was said of each record in the calls that did not settle it.
fn retries(calls: &[Call]) -> HashMap<Place, Vec<Retried>> {
    let mut retries: HashMap<Place, Vec<Retried>> = HashMap::new();
    for call in calls {
        for (at, place) in call.records.iter().enumerate() {
            let said = match &call.said {
                Ok(verdicts) => match verdicts.get(at) {
                    Some(Verdict::Retry { reason, after }) => Some((reason, *after)),
                    Some(Verdict::Written | Verdict::Reject { .. }) | None => None,
                },
                Err(ProcessError::Retryable { reason, after }) => Some((reason, *after)),
                Err(ProcessError::Broken { reason }) => Some((reason, None)),
                Err(ProcessError::Rejected { .. } | ProcessError::Fatal { .. }) => None,
            };
            if let Some((reason, after)) = said {
                retries.entry(*place).or_default().push(Retried { reason: reason.clone(), after });
            }
        }
    }
    retries
}

/// Notes every call, and cuts short the pauses that the guest asks for.
struct Watched<'a, P> {
    inner: &'a mut P,
    budget: Duration,
    calls: Vec<Call>,
}

impl<P> Watched<'_, P> {
    /// A pause that is longer than the broker waits changes what becomes of the records: it stays.
    fn shorten(&self, after: Option<Duration>) -> Option<Duration> {
        after.map(|after| if after < self.budget { after.min(PAUSE) } else { after })
    }
}

impl<P: Processor> Processor for Watched<'_, P> {
    async fn process(&mut self, batch: &Batch, limit: Duration) -> Result<Vec<Verdict>, ProcessError> {
        let said = self.inner.process(batch, limit).await;
        let records = batch.records.iter().map(place).collect();
        self.calls.push(Call { topic: batch.topic.clone(), attempt: batch.attempt, records, said: said.clone() });
        match said {
            Ok(verdicts) => {
                let shorten = |verdict| match verdict {
                    Verdict::Retry { reason, after } => Verdict::Retry { reason, after: self.shorten(after) },
                    settled @ (Verdict::Written | Verdict::Reject { .. }) => settled,
                };
                Ok(verdicts.into_iter().map(shorten).collect())
            }
            Err(ProcessError::Retryable { reason, after }) => {
                Err(ProcessError::Retryable { reason, after: self.shorten(after) })
            }
            Err(other) => Err(other),
        }
    }

    async fn health_check(&mut self) -> Result<(), ProcessError> {
        self.inner.health_check().await
    }

    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}
