//! The first verb: receive, decode and collect records until a batch is due by count, bytes or age, or because the
//! broker has no more to give. The next batch grows while the guest works on the last one.

use std::{mem, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    decode::Decoder,
    edge::{LanePolicy, Owed, Rejected, Settlement},
    gaps::Gaps,
    in_hand::InHand,
    window::{Fill, GRACE, Window},
};
use crate::{
    broker::{Delivery, Event},
    metrics::LaneMetrics,
    record::Record,
};

/// A batch that is due.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) records: Vec<Record>,
    /// What is owed for each of `records`, in the same order.
    pub(crate) owed: Vec<Owed>,
    /// When its first record was received.
    pub(crate) since: Instant,
}

/// What collecting needs besides its channels.
pub(crate) struct Collector {
    pub(crate) decoder: Decoder,
    pub(crate) policy: Arc<LanePolicy>,
    pub(crate) metrics: LaneMetrics,
    pub(crate) in_hand: InHand,
    /// Bad records go straight to be settled.
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
    /// A record that would make it too large, and when it came. It begins the next one.
    next: Option<(Record, Owed, Instant)>,
}

/// Where records come from: the broker's channel, and a stand-in for it in tests.
pub(crate) trait Intake: Send {
    /// The next event; `None` when there will be no more. Cancel safe.
    fn recv(&mut self) -> impl Future<Output = Option<Event>> + Send;
}

impl Collector {
    /// Collects until `stop`, then hands on what it has.
    pub(crate) async fn run(self, intake: &mut impl Intake, stop: &CancellationToken) {
        let mut growing = Growing::new();
        let mut window = Window::new();
        let mut gaps = Gaps::new(self.policy.topic.clone(), self.policy.in_order);
        loop {
            let full = growing.is_full(&self.policy);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = self.to_deliver.reserve(), if growing.due => match slot {
                    Ok(slot) => slot.send(growing.take(&self.policy)),
                    Err(_) => return,
                },
                event = intake.recv(), if !full => match event {
                    Some(Event::Delivery(delivery)) => {
                        tokio::select! {
                            () = stop.cancelled() => break,
                            added = self.add(delivery, &mut growing, &mut gaps) => if added.is_err() { return },
                        }
                        window.received(self.in_hand.unanswered(), growing.last);
                        growing.due |= growing.is_full(&self.policy) || window.fill(self.in_hand.unanswered()) == Fill::Full;
                    }
                    Some(Event::Lost { .. }) => { self.metrics.stream_losses.inc(); }
                    Some(Event::Recovered { .. }) => {}
                    None => break,
                },
                () = sleep_until(growing.deadline(&self.policy)), if growing.waits() => {
                    window.timer_flushed(self.in_hand.unanswered());
                    growing.due = true;
                }
                () = sleep_until(growing.last + GRACE),
                    if growing.waits() && window.fill(self.in_hand.unanswered()) != Fill::Open =>
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

    /// Decodes a record and adds it, or sends it on to be settled. An error: the session is over.
    async fn add(&self, delivery: Delivery, growing: &mut Growing, gaps: &mut Gaps) -> Result<(), ()> {
        self.metrics.received.inc();
        if !self.in_hand.take(&delivery.receipt) {
            self.metrics.duplicates.inc();
            return Ok(());
        }
        self.metrics.offset_gaps.inc_by(gaps.check(&delivery.receipt));
        let received = Instant::now();
        match self.decoder.decode(delivery).await {
            Ok((record, owed)) => {
                self.metrics.newest_age.set(age_seconds(&record));
                growing.push(record, owed, received, &self.policy);
                Ok(())
            }
            Err(rejected) => self.reject(rejected).await,
        }
    }

    async fn reject(&self, rejected: Box<Rejected>) -> Result<(), ()> {
        self.to_settle.send(Settlement::Rejected(rejected)).await.map_err(drop)
    }
}

impl Growing {
    fn new() -> Self {
        let now = Instant::now();
        Self { records: Vec::new(), owed: Vec::new(), bytes: 0, since: now, last: now, due: false, next: None }
    }

    /// Adds a record, or keeps it for the next batch if this one would grow beyond its bytes.
    fn push(&mut self, record: Record, owed: Owed, now: Instant, policy: &LanePolicy) {
        self.last = now;
        let bytes = self.bytes + record.payload.len();
        if self.records.is_empty() {
            self.since = now;
        } else if bytes > policy.batch_bytes {
            self.next = Some((record, owed, now));
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
        if let Some((record, owed, received)) = next {
            self.push(record, owed, received, policy);
            self.due = self.is_full(policy);
        }
        Collected { records, owed, since }
    }
}

fn age_seconds(record: &Record) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_micros(record.publish_time)).as_secs_f64()
}
