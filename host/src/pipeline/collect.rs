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
    window::{Fill, GRACE, Window},
};
use crate::{
    broker::{Delivery, Event},
    metrics::LaneMetrics,
    record::Record,
    stages::{self, Stage},
};

/// Events taken at once.
const AT_ONCE: usize = 256;

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
    pub(crate) to_settle: mpsc::Sender<Settlement>,
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
    /// Waits for events and appends what has come, at most so many. Returns how many; 0 when there will be no more. Cancel
    /// safe.
    fn recv_many(&mut self, events: &mut Vec<Event>, most: usize) -> impl Future<Output = usize> + Send;
}

impl Collector {
    /// Collects until `stop`, then hands on what it has.
    pub(crate) async fn run(self, intake: &mut impl Intake, gaps: &mut Gaps, stop: &CancellationToken) {
        let mut growing = Growing::new();
        let mut window = Window::new();
        let mut buffer = Vec::new();
        let mut came = Vec::new().into_iter();
        loop {
            let full = growing.is_full(&self.policy);
            if !full
                && !stop.is_cancelled()
                && let Some(event) = came.next()
            {
                tokio::select! {
                    biased;
                    taken = self.take(event, &mut growing, gaps, &mut window) => if taken.is_err() { return },
                    () = stop.cancelled() => break,
                }
                if growing.due
                    && let Ok(slot) = self.to_deliver.try_reserve()
                {
                    slot.send(growing.take(&self.policy));
                }
                continue;
            }
            if came.len() == 0 {
                // A lane that idles keeps no memory for it.
                came = Vec::new().into_iter();
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = self.to_deliver.reserve(), if growing.due => match slot {
                    Ok(slot) => slot.send(growing.take(&self.policy)),
                    Err(_) => return,
                },
                count = intake.recv_many(&mut buffer, AT_ONCE), if !full => {
                    if count == 0 {
                        break;
                    }
                    growing.last = Instant::now();
                    self.newest(&buffer);
                    came = mem::take(&mut buffer).into_iter();
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

    /// Tells the metrics of what came last. Those that are not decodable count as well.
    fn newest(&self, events: &[Event]) {
        let newest = events.iter().rev().find_map(|event| match event {
            Event::Delivery(delivery) => Some(delivery.content.publish_time),
            Event::Lost { .. } | Event::Recovered { .. } => None,
        });
        newest.into_iter().for_each(|publish_time| self.metrics.newest(publish_time));
    }

    /// An error: the session is over.
    async fn take(&self, event: Event, growing: &mut Growing, gaps: &mut Gaps, window: &mut Window) -> Result<(), ()> {
        match event {
            Event::Delivery(delivery) => {
                let begun = stages::now();
                let unanswered = self.add(delivery, growing, gaps).await?;
                Stage::Decode.since(begun);
                window.received(unanswered, growing.last);
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
        Ok(())
    }

    /// Decodes a record and adds it, or sends it on to be settled. Gives how many the broker waits for now. An error: the
    /// session is over.
    async fn add(&self, delivery: Delivery, growing: &mut Growing, gaps: &mut Gaps) -> Result<usize, ()> {
        self.metrics.received.inc();
        let (arrival, unanswered) = self.ledger.take(&delivery);
        let known = arrival != Arrival::New { again: false };
        if gaps.check(&delivery.receipt, known, &self.metrics) {
            self.metrics.redelivered.inc();
        }
        match arrival {
            Arrival::Duplicate => drop(self.metrics.duplicates.inc()),
            Arrival::Settled => self.settle(Settlement::Written(vec![delivery.receipt])).await?,
            Arrival::New { .. } => match self.decoder.decode(delivery).await {
                Ok((record, owed)) => growing.push(record, owed, &self.policy),
                Err(rejected) => self.settle(Settlement::Rejected(rejected)).await?,
            },
        }
        Ok(unanswered)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), ()> {
        self.to_settle.send(settlement).await.map_err(drop)
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
