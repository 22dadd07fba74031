//! The second verb: give batches to the guest and sort out what it says of them. Retries are bounded by number and by
//! the broker's patience; when they are used up the lane parks. What settles some records is no retry of the others. A
//! batch that breaks the guest is halved until the one record that does it stands alone.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    collect::Collected,
    edge::{End, LanePolicy, Owed, ProcessError, Processor, Rejected, Settlement, Stage},
    health::Health,
};
use crate::{
    metrics::LaneMetrics,
    record::{Batch, Record, Verdict},
};

/// So often a batch may break the guest before it is taken apart: the first time may have been chance.
const BREAKS_BEFORE_SPLIT: u32 = 2;

/// What delivering needs besides its channels.
pub(crate) struct Deliverer<'a, P> {
    pub(crate) processor: &'a mut P,
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) to_settle: mpsc::Sender<Settlement>,
}

/// Records that go to the guest together.
struct Chunk {
    batch: Batch,
    owed: Vec<Owed>,
    breaks: u32,
    /// Calls in a row that settled nothing. The guest counts every call, see [`Batch::attempt`].
    stalled: u32,
}

/// What a call means for a chunk.
enum Next {
    /// Every record of it is settled.
    Done,
    /// What is left of it needs another try.
    Again { reason: String, after: Option<Duration> },
    /// It breaks the guest: try its halves.
    Split,
    /// The session is over.
    End(End),
}

/// How the tries of a chunk ended.
enum Tried {
    Settled,
    Split,
    End(End),
}

impl<P: Processor> Deliverer<'_, P> {
    /// Works until there are no more batches, or until it can't go on. When `stop` is called nothing is tried twice.
    pub(crate) async fn run(mut self, mut batches: mpsc::Receiver<Collected>, stop: &CancellationToken) -> End {
        let mut health = Health::new(&self.policy);
        loop {
            let end = tokio::select! {
                biased;
                collected = batches.recv() => match collected {
                    None => return End::Drained,
                    Some(collected) => {
                        let end = self.deliver(collected, stop).await;
                        health.is_well();
                        end
                    }
                },
                () = health.due() => health.sort(self.processor.health_check().await),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Has one batch written, in pieces if it must be. `Some`: the session is over.
    async fn deliver(&mut self, collected: Collected, stop: &CancellationToken) -> Option<End> {
        let LanePolicy { topic, order, hold, budget, .. } = &*self.policy;
        let since = if *hold { Instant::now() } else { collected.since };
        let give_up = since + *budget;
        let batch = Batch { topic: topic.clone(), attempt: 1, order: *order, records: collected.records };
        let mut chunks = vec![Chunk { batch, owed: collected.owed, breaks: 0, stalled: 0 }];
        while let Some(mut chunk) = chunks.pop() {
            match self.write(&mut chunk, give_up, stop).await {
                Tried::Settled => {}
                Tried::Split => {
                    let tail = chunk.split_off();
                    chunks.extend([tail, chunk]);
                }
                Tried::End(end) => return Some(end),
            }
        }
        None
    }

    /// Tries a chunk until it is settled, or until the broker would deliver it again.
    async fn write(&mut self, chunk: &mut Chunk, mut give_up: Instant, stop: &CancellationToken) -> Tried {
        let LanePolicy { retry_backoff, max_backoff, max_retries, budget, hold, .. } = *self.policy;
        let mut backoff = Backoff::new(retry_backoff, max_backoff);
        loop {
            let records = chunk.batch.records.len();
            let (reason, after) = match self.call(chunk, give_up).await {
                Next::Again { reason, after } => (reason, after),
                Next::Done => return Tried::Settled,
                Next::Split => return Tried::Split,
                Next::End(end) => return Tried::End(end),
            };
            if chunk.settled_some(records) {
                backoff.reset();
            }
            let mut pause = backoff.next().max(after.unwrap_or_default());
            if chunk.stalled > max_retries || Instant::now() + pause >= give_up {
                if !hold {
                    return Tried::End(End::Parked { reason });
                }
                pause = pause.max(max_backoff);
                give_up = Instant::now() + pause + budget;
                chunk.stalled = 0;
            }
            tracing::warn!(
                topic = %self.policy.topic, attempt = chunk.batch.attempt, records = chunk.batch.records.len(), %reason,
                "retrying in {pause:.0?}"
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return Tried::End(End::Drained),
            }
            chunk.batch.attempt += 1;
            self.metrics.retried.inc_by(chunk.batch.records.len() as u64);
        }
    }

    async fn call(&mut self, chunk: &mut Chunk, give_up: Instant) -> Next {
        let limit = give_up.saturating_duration_since(Instant::now());
        if limit.is_zero() {
            let reason = "the records waited longer for the target than the broker waits for an answer".to_owned();
            return Next::End(End::Parked { reason });
        }
        let records = chunk.batch.records.len() as u64;
        self.metrics.batch_size.observe(records as f64);
        let begun = Instant::now();
        let result = self.processor.process(&chunk.batch, limit).await;
        self.metrics.duration.observe(begun.elapsed().as_secs_f64());
        match result {
            Ok(verdicts) => self.sort(chunk, verdicts).await,
            Err(ProcessError::Retryable { reason, after }) => {
                self.metrics.failed.retryable.inc_by(records);
                Next::Again { reason, after }
            }
            Err(ProcessError::Rejected { reason }) => self.reject_all(chunk, Stage::Process, &reason).await,
            Err(ProcessError::Fatal { reason }) => {
                self.metrics.failed.fatal.inc_by(records);
                Next::End(End::Failed { reason })
            }
            Err(ProcessError::Broken { reason }) => self.broken(chunk, reason).await,
        }
    }

    /// Settles what is settled and leaves in the chunk what wants another try.
    async fn sort(&mut self, chunk: &mut Chunk, verdicts: Vec<Verdict>) -> Next {
        debug_assert_eq!(verdicts.len(), chunk.batch.records.len(), "a verdict for each record");
        let attempts = chunk.batch.attempt;
        let records = std::mem::take(&mut chunk.batch.records).into_iter().zip(std::mem::take(&mut chunk.owed));
        let mut again: Option<(String, Option<Duration>)> = None;
        for ((record, owed), verdict) in records.zip(verdicts) {
            let settlement = match verdict {
                Verdict::Written => {
                    self.metrics.processed.inc();
                    Settlement::Written(owed.receipt)
                }
                Verdict::Reject { reason } => rejection(record, owed, Stage::Process, reason, attempts),
                Verdict::Retry { reason, after } => {
                    self.metrics.failed.retryable.inc();
                    chunk.keep(record, owed);
                    again = Some(match again {
                        None => (reason, after),
                        Some((first, longest)) => (first, longest.max(after)),
                    });
                    continue;
                }
            };
            if self.to_settle.send(settlement).await.is_err() {
                return Next::End(End::Drained);
            }
        }
        match again {
            None => Next::Done,
            Some((reason, after)) => Next::Again { reason, after },
        }
    }

    async fn broken(&mut self, chunk: &mut Chunk, reason: String) -> Next {
        self.metrics.failed.trap.inc_by(chunk.batch.records.len() as u64);
        chunk.breaks += 1;
        tracing::error!(
            topic = %self.policy.topic, records = chunk.batch.records.len(), breaks = chunk.breaks, %reason, "the guest broke"
        );
        match (chunk.breaks < BREAKS_BEFORE_SPLIT, chunk.batch.records.len()) {
            (true, _) => Next::Again { reason, after: None },
            (false, 1) => self.reject_all(chunk, Stage::Trap, &reason).await,
            (false, _) => Next::Split,
        }
    }

    async fn reject_all(&mut self, chunk: &mut Chunk, stage: Stage, reason: &str) -> Next {
        let attempts = chunk.batch.attempt;
        let records = std::mem::take(&mut chunk.batch.records);
        for (record, owed) in records.into_iter().zip(std::mem::take(&mut chunk.owed)) {
            let settlement = rejection(record, owed, stage, reason.to_owned(), attempts);
            if self.to_settle.send(settlement).await.is_err() {
                return Next::End(End::Drained);
            }
        }
        Next::Done
    }
}

fn rejection(record: Record, owed: Owed, stage: Stage, reason: String, attempts: u32) -> Settlement {
    Settlement::Rejected(Box::new(Rejected::from_record(record, owed, stage, reason, attempts)))
}

impl Chunk {
    /// Counts a call after which the chunk is still there; `before` is how many records it had. Breaking the guest is
    /// counted apart.
    fn settled_some(&mut self, before: usize) -> bool {
        let progress = self.batch.records.len() < before;
        self.stalled = if progress { 0 } else { self.stalled + u32::from(self.breaks == 0) };
        progress
    }

    fn keep(&mut self, record: Record, owed: Owed) {
        self.batch.records.push(record);
        self.owed.push(owed);
    }

    /// Keeps the first half and gives the second one. A half that breaks the guest once more is the guilty one.
    fn split_off(&mut self) -> Self {
        let middle = self.batch.records.len() / 2;
        self.breaks = BREAKS_BEFORE_SPLIT - 1;
        let tail = Batch {
            topic: self.batch.topic.clone(),
            attempt: self.batch.attempt,
            order: self.batch.order,
            records: self.batch.records.split_off(middle),
        };
        Self { batch: tail, owed: self.owed.split_off(middle), breaks: self.breaks, stalled: self.stalled }
    }
}
