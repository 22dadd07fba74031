//! The first verb: receive, decode and collect records until a batch is due by count, bytes or age, or because the
//! broker has no more to give. The next batch grows while the guest works on the last one.

use std::{mem, sync::Arc};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    decode::Decoder,
    edge::{LanePolicy, Owed, Settlement},
    gaps::Gaps,
    lane::Streams,
    ledger::{Arrival, Ledger},
    pace::Pace,
    window::{Fill, GRACE, SOON, Window},
};
use crate::{
    broker::{Delivery, Event},
    metrics::LaneMetrics,
    record::Record,
    stages::{self, Stage},
};

/// A batch that is due.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) records: Vec<Record>,
    /// What is owed for each of `records`, in the same order.
    pub(crate) owed: Vec<Owed>,
    /// When the first of its records came.
    pub(crate) since: Instant,
}

/// What collecting needs besides its channels.
pub(crate) struct Collector {
    pub(crate) decoder: Decoder,
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) ledger: Ledger,
    pub(crate) streams: Streams,
    pub(crate) pace: Pace,
    /// Bad records go straight to be settled, and so do those that are settled already.
    pub(crate) to_settle: mpsc::Sender<Vec<Settlement>>,
    /// One slot: a batch waits in it while the guest works on the one before.
    pub(crate) to_deliver: mpsc::Sender<Collected>,
}

/// The batch that is growing.
#[derive(Debug)]
struct Growing {
    records: Vec<Record>,
    owed: Vec<Owed>,
    bytes: usize,
    since: Instant,
    /// When the last record came.
    last: Instant,
    due: bool,
    /// A record that would make it too large. It begins the next one.
    next: Option<(Record, Owed)>,
}

/// Where records come from: the broker's channel, and a stand-in for it in tests.
pub(crate) trait Intake: Send {
    /// The next event; `None` when there will be no more. Cancel safe.
    fn recv(&mut self) -> impl Future<Output = Option<Event>> + Send;

    /// The next event, if it has come already.
    fn try_recv(&mut self) -> Option<Event>;
}

impl Collector {
    /// Collects until `stop`, then hands on what it has.
    pub(crate) async fn run(self, intake: &mut impl Intake, gaps: &mut Gaps, stop: &CancellationToken) {
        let mut growing = Growing::new();
        let mut window = Window::new();
        loop {
            let full = growing.is_full(&self.policy);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = self.to_deliver.reserve(), if growing.due => match slot {
                    Ok(slot) => slot.send(growing.take(&self.policy)),
                    Err(_) => return,
                },
                event = intake.recv(), if !full => {
                    let Some(event) = event else { break };
                    let begun = stages::now();
                    tokio::select! {
                        () = stop.cancelled() => break,
                        taken = self.take_in(event, intake, &mut growing, &mut window, gaps) => {
                            if taken.is_err() {
                                return;
                            }
                        }
                    }
                    Stage::Decode.since(begun);
                }
                () = sleep_until(growing.deadline(&self.policy)), if growing.waits() => {
                    window.timer_flushed(self.ledger.unanswered());
                    growing.due = true;
                }
                () = sleep_until(growing.last + GRACE),
                    if growing.waits() && window.fill(self.ledger.unanswered()) != Fill::Open =>
                {
                    window.nothing_came();
                    growing.due = true;
                }
            }
        }
        while !growing.records.is_empty() {
            // A closed channel means that nobody can write the batch any more; the broker keeps it.
            let _ = self.to_deliver.send(growing.take(&self.policy)).await;
        }
    }

    /// Takes in an event, and what has come with it, until a batch can be handed on. An error: the session is over.
    async fn take_in(
        &self,
        event: Event,
        intake: &mut impl Intake,
        growing: &mut Growing,
        window: &mut Window,
        gaps: &mut Gaps,
    ) -> Result<(), ()> {
        growing.last = Instant::now();
        let mut next = Some(event);
        while let Some(event) = next {
            match event {
                Event::Delivery(delivery) => {
                    self.add(delivery, growing, gaps).await?;
                    let unanswered = self.ledger.unanswered();
                    let waited = unanswered > 1 || self.pace.has_answered(SOON, growing.last);
                    window.received(unanswered, waited, growing.last);
                    growing.due |= growing.is_full(&self.policy)
                        || window.fill(unanswered) == Fill::Full
                        || self.pace.halves() && window.is_half(growing.records.len());
                }
                Event::Lost { topic, error } => {
                    self.metrics.stream_losses.inc();
                    self.streams.lost(topic, &error);
                }
                Event::Recovered { topic } => self.streams.recovered(&topic),
            }
            let stops = growing.is_full(&self.policy) || growing.due && self.to_deliver.capacity() > 0;
            next = if stops { None } else { intake.try_recv() };
        }
        Ok(())
    }

    /// Decodes a record and adds it, or sends it on to be settled. An error: the session is over.
    async fn add(&self, delivery: Delivery, growing: &mut Growing, gaps: &mut Gaps) -> Result<(), ()> {
        self.metrics.received.inc();
        let arrival = self.ledger.take(&delivery);
        let known = arrival != Arrival::New { again: false };
        if gaps.check(&delivery.receipt, known, &self.metrics) {
            self.metrics.redelivered.inc();
        }
        match arrival {
            Arrival::Duplicate => {
                self.metrics.duplicates.inc();
                Ok(())
            }
            Arrival::Settled => self.settle(Settlement::Written(delivery.receipt)).await,
            Arrival::New { .. } => match self.decoder.decode(delivery).await {
                Ok((record, owed)) => {
                    self.metrics.newest(record.publish_time);
                    growing.push(record, owed, &self.policy);
                    Ok(())
                }
                Err(rejected) => self.settle(Settlement::Rejected(rejected)).await,
            },
        }
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), ()> {
        self.to_settle.send(vec![settlement]).await.map_err(drop)
    }
}

impl Growing {
    fn new() -> Self {
        let now = Instant::now();
        Self { records: Vec::new(), owed: Vec::new(), bytes: 0, since: now, last: now, due: false, next: None }
    }

    /// Adds a record, or keeps it for the next batch if this one would grow beyond its bytes.
    fn push(&mut self, record: Record, owed: Owed, policy: &LanePolicy) {
        let bytes = self.bytes + record.payload.len();
        if self.records.is_empty() {
            self.since = owed.receipt.received();
        } else if bytes > policy.batch_bytes {
            self.next = Some((record, owed));
            return;
        }
        self.bytes = bytes;
        self.records.push(record);
        self.owed.push(owed);
    }

    fn is_full(&self, policy: &LanePolicy) -> bool {
        self.next.is_some() || self.records.len() >= policy.batch_size || self.bytes >= policy.batch_bytes
    }

    /// Whether there is something that time can make due.
    fn waits(&self) -> bool {
        !self.due && !self.records.is_empty()
    }

    fn deadline(&self, policy: &LanePolicy) -> Instant {
        self.since + policy.flush_interval
    }

    /// Gives the batch away and begins the next one.
    fn take(&mut self, policy: &LanePolicy) -> Collected {
        let Self { records, owed, since, next, .. } = mem::replace(self, Self::new());
        if let Some((record, owed)) = next {
            self.push(record, owed, policy);
            self.due = self.is_full(policy);
        }
        Collected { records, owed, since }
    }
}
