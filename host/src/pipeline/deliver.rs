//! The second verb: give chunks to the guest and sort out what it says of them. Retries are bounded by number and by the
//! broker's patience; when they are used up the lane parks. A chunk that breaks the guest is halved until the one record
//! that does it stands alone. While some records wait for another try the others flow, unless the order forbids it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    chunk::{Chunk, Trouble},
    collect::Collected,
    edge::{End, LanePolicy, ProcessError, Processor, Settlement, Stage},
    health::Health,
    ledger::Ledger,
    pace::Pace,
};
use crate::{broker::Receipt, metrics::LaneMetrics, record::Order, stages};

/// A record that is given back while others are written is given up when the broker has sent it so often to this host: it
/// gives up by itself after six times, by default, counts those of other hosts too, and then blocks the subscription.
const DELIVERIES_BEFORE_REJECTION: u32 = 3;

/// What delivering needs.
pub(crate) struct Deliverer<'a, P> {
    pub(crate) processor: &'a mut P,
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) ledger: Ledger,
    pub(crate) to_settle: mpsc::Sender<Vec<Settlement>>,
    pub(crate) pace: Pace,
    /// Chunks that wait for a try. Where the order counts among all records, the first one is the oldest.
    pub(crate) waiting: VecDeque<Chunk>,
    /// Whether the broker waits for the answers. Otherwise nothing runs out, and a pause is the caller's.
    pub(crate) subscribed: bool,
    /// When the guest wrote something last.
    pub(crate) written: Option<Instant>,
}

/// What a call means for a chunk.
pub(super) enum Called {
    /// Every record of it is settled.
    Settled,
    /// What is left of it needs another try.
    Again(Trouble),
    /// It breaks the guest: try its halves.
    Split,
    /// It breaks the guest by itself, if the guest survives anything at all.
    Suspect,
    /// The session is over.
    End(End),
}

impl<P: Processor> Deliverer<'_, P> {
    /// Works until there are no more batches, or until it can't go on. When `stop` is called nothing is tried twice.
    /// Gives back the chunks that are not settled.
    pub(crate) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Collected>,
        stop: &CancellationToken,
    ) -> (End, VecDeque<Chunk>) {
        let mut health = Health::new(&self.policy);
        let mut open = true;
        let end = loop {
            if !open && self.waiting.is_empty() {
                break End::Drained;
            }
            let end = tokio::select! {
                biased;
                () = stop.cancelled(), if !self.waiting.is_empty() => Some(End::Drained),
                () = sleep_until(self.due()), if !self.waiting.is_empty() => {
                    let end = self.try_waiting().await;
                    health.is_well();
                    end
                }
                collected = batches.recv(), if open && self.takes_more() => match collected {
                    Some(collected) => {
                        let end = self.admit(collected).await;
                        health.is_well();
                        end
                    }
                    None => {
                        open = false;
                        None
                    }
                },
                () = health.due(), if self.waiting.is_empty() => health.sort(self.processor.health_check().await),
            };
            if let Some(end) = end {
                break end;
            }
        };
        // The collector hands on what it has: that is not settled either.
        stop.cancel();
        while let Some(collected) = batches.recv().await {
            self.waiting.push_back(Chunk::new(collected, &self.policy));
        }
        (end, self.waiting)
    }

    /// Tries what waits, each chunk once, until one is not settled or `stop` is called. `None`: all is settled.
    pub(crate) async fn work_off(mut self, stop: &CancellationToken) -> (Option<End>, VecDeque<Chunk>) {
        let mut end = None;
        while end.is_none() && !self.waiting.is_empty() && !stop.is_cancelled() {
            end = self.try_waiting().await;
        }
        (end, self.waiting)
    }

    /// Whether a batch may overtake what waits.
    fn takes_more(&self) -> bool {
        let waiting: usize = self.waiting.iter().map(Chunk::len).sum();
        let general = || self.waiting.iter().any(|chunk| chunk.trouble.as_ref().is_none_or(|trouble| trouble.general));
        match self.policy.order {
            Order::Strict => waiting == 0,
            Order::Any | Order::ByKey => waiting == 0 || waiting < self.policy.batch_size && !general(),
        }
    }

    /// Which of the waiting chunks is next. `None`: all of them are suspects.
    fn next(&self) -> Option<usize> {
        let mut able = self.waiting.iter().enumerate().filter(|(_, chunk)| !chunk.suspect);
        let next = match self.policy.order {
            Order::Strict => able.next(),
            Order::Any | Order::ByKey => able.min_by_key(|(_, chunk)| chunk.due),
        };
        next.map(|(index, _)| index)
    }

    fn due(&self) -> Instant {
        self.next().map_or_else(Instant::now, |next| self.waiting[next].due)
    }

    async fn try_waiting(&mut self) -> Option<End> {
        let Some(next) = self.next() else { return self.suspect_the_guest().await };
        let chunk = self.waiting.remove(next)?;
        if chunk.trouble.is_some() {
            self.metrics.retried.inc_by(chunk.len() as u64);
        }
        self.attempt(chunk, next).await
    }

    /// Tries a new batch at once, without the records that belong behind one that waits.
    async fn admit(&mut self, collected: Collected) -> Option<End> {
        let mut chunk = Chunk::new(collected, &self.policy);
        for waiting in &mut self.waiting {
            waiting.pull_followers(&mut chunk);
        }
        if chunk.is_empty() { None } else { self.attempt(chunk, self.waiting.len()).await }
    }

    /// Calls the guest with a chunk, and puts what is left of it where it was. `Some`: the session is over.
    async fn attempt(&mut self, mut chunk: Chunk, place: usize) -> Option<End> {
        let before = chunk.len();
        let called = match self.limit(&chunk) {
            Ok(limit) => self.call(&mut chunk, limit).await,
            Err(end) => Called::End(end),
        };
        // Suspects may have left meanwhile.
        let place = place.min(self.waiting.len());
        match called {
            Called::Settled => None,
            Called::Again(trouble) => {
                chunk.count(before);
                self.try_later(chunk, place, trouble).await
            }
            Called::Split => {
                chunk.batch.attempt += 1;
                let tail = chunk.split_off();
                self.waiting.insert(place, tail);
                self.waiting.insert(place, chunk);
                None
            }
            Called::Suspect => {
                chunk.suspect = true;
                self.waiting.insert(place, chunk);
                if self.suspects() < self.suspects_allowed() { None } else { self.suspect_the_guest().await }
            }
            Called::End(end) => {
                self.waiting.insert(place, chunk);
                Some(end)
            }
        }
    }

    /// How long a call may take: what is left of the broker's patience. Where too little is left to tell a guest that
    /// hangs from one that is merely late, one that has broken before is not called.
    fn limit(&self, chunk: &Chunk) -> Result<Duration, End> {
        let LanePolicy { hold, call_timeout, .. } = *self.policy;
        if hold || !self.subscribed {
            return Ok(call_timeout);
        }
        let left = chunk.give_up.saturating_duration_since(Instant::now());
        match &chunk.trouble {
            Some(trouble) if chunk.has_broken() && left < call_timeout => {
                Err(End::Parked { reason: trouble.reason.clone() })
            }
            _ if left.is_zero() => {
                let reason = "the records waited longer for the target than the broker waits for an answer".to_owned();
                Err(End::Parked { reason })
            }
            _ => Ok(left),
        }
    }

    /// Puts a chunk back until it is due again, or parks the lane.
    async fn try_later(&mut self, mut chunk: Chunk, place: usize, trouble: Trouble) -> Option<End> {
        let LanePolicy { max_backoff, max_retries, budget, hold, .. } = *self.policy;
        let Trouble { reason, after, .. } = trouble.clone();
        let mut pause = after.unwrap_or_else(|| chunk.backoff.next());
        let gives_up = chunk.stalled > max_retries || Instant::now() + pause >= chunk.give_up;
        if gives_up && self.is_stubborn(&chunk, &trouble) {
            let sends_again = |receipt: &Receipt| self.ledger.deliveries(receipt) < DELIVERIES_BEFORE_REJECTION;
            let settlements = chunk.give_back(&trouble, sends_again);
            return self.settle(settlements).await;
        }
        if gives_up && hold {
            pause = pause.max(max_backoff);
            chunk.give_up = Instant::now() + pause + budget;
            chunk.stalled = 0;
        }
        let parks = !self.subscribed || gives_up && !hold;
        chunk.batch.attempt += 1;
        chunk.due = Instant::now() + pause;
        chunk.trouble = Some(trouble);
        chunk.failing_since.get_or_insert(chunk.tried);
        if !parks {
            tracing::warn!(
                topic = %self.policy.topic, attempt = chunk.batch.attempt, records = chunk.len(), %reason,
                "retrying in {pause:.0?}"
            );
        }
        self.waiting.insert(place, chunk);
        parks.then_some(End::Parked { reason })
    }

    /// Whether a chunk fails by itself: others were written meanwhile, and may go on to be without it. One that merely
    /// ran out of time does not, unless the guest asks for more than there can be.
    fn is_stubborn(&self, chunk: &Chunk, trouble: &Trouble) -> bool {
        let since = chunk.failing_since.unwrap_or(chunk.tried);
        let others_written = self.written.is_some_and(|written| written >= since);
        let out_of_time = chunk.stalled == 0 && trouble.after.is_none_or(|after| after < self.policy.budget);
        self.subscribed && self.policy.order != Order::Strict && !trouble.general && others_written && !out_of_time
    }

    async fn call(&mut self, chunk: &mut Chunk, limit: Duration) -> Called {
        let records = chunk.len() as u64;
        self.metrics.batch_size.observe(records as f64);
        chunk.tried = Instant::now();
        if stages::on() {
            for owed in &chunk.owed {
                stages::Stage::Queue.add(chunk.tried.duration_since(owed.receipt.received()));
            }
        }
        let result = self.processor.process(&chunk.batch, limit).await;
        let time = chunk.tried.elapsed();
        self.metrics.duration.observe(time.as_secs_f64());
        self.pace.called(time);
        if !matches!(result, Err(ProcessError::Broken { .. })) {
            chunk.survived();
            if let Some(end) = self.guest_lives().await {
                return Called::End(end);
            }
        }
        match result {
            Ok(verdicts) => {
                let (settled, trouble) = chunk.sort(verdicts);
                self.metrics.failed.retryable.inc_by(chunk.len() as u64);
                let called = trouble.map_or(Called::Settled, Called::Again);
                self.settle(settled).await.map_or(called, Called::End)
            }
            Err(ProcessError::Retryable { reason, after }) => {
                self.metrics.failed.retryable.inc_by(records);
                Called::Again(Trouble { reason, after, general: true })
            }
            Err(ProcessError::Rejected { reason }) => {
                self.settle(chunk.reject(Stage::Process, &reason)).await.map_or(Called::Settled, Called::End)
            }
            Err(ProcessError::Fatal { reason }) => {
                self.metrics.failed.fatal.inc_by(records);
                Called::End(End::Failed { reason })
            }
            Err(ProcessError::Broken { reason }) => self.broken(chunk, reason).await,
        }
    }

    /// `Some`: nobody settles any more.
    pub(super) async fn settle(&mut self, settlements: Vec<Settlement>) -> Option<End> {
        if settlements.is_empty() {
            return None;
        }
        let written = settlements.iter().filter(|settlement| matches!(settlement, Settlement::Written(_))).count();
        if written > 0 {
            self.metrics.processed.inc_by(written as u64);
            self.written = Some(Instant::now());
        }
        self.to_settle.send(settlements).await.is_err().then_some(End::Drained)
    }
}
