//! What the model knows: which records there are, what was written in which order, what was dead-lettered and what was
//! acknowledged. The broker shows it what it sees, and the target notes what it does.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use danube_core::proto::StreamMessage;
use danube_dev_broker::Observed;
use danube_wasm::broker::header;
use serde::Deserialize;

use super::schedule::{Fate, Kind, Planned};

/// How a target is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    /// It answers 503.
    Unavailable,
    /// It breaks connections.
    Broken,
    /// It does not answer.
    Silent,
    /// Nobody listens.
    Down,
}

/// `None` on a topic without partitions.
pub(super) type Partition = Option<u32>;

/// Records with an order among them: those of a partition, or those of a partition that have one key.
pub(super) type Row = (Partition, Option<String>);

/// All that is known.
pub(super) struct Ledger {
    topic: String,
    dead_letter_topic: String,
    kind: Kind,
    plan: Vec<Planned>,
    pub(super) outage: Option<Outage>,
    /// By offset.
    pub(super) partitions: BTreeMap<Partition, Vec<Entry>>,
    /// The offsets as they were written, repeats included, of each row of records that have an order among them.
    pub(super) rows: BTreeMap<Row, Vec<u64>>,
    /// What must never happen and did.
    pub(super) violations: Vec<String>,
    pub(super) requests: usize,
    begun: Instant,
}

/// One published record.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fate: Fate,
    pub(super) key: Option<String>,
    /// How often the target was asked to write it while it was there.
    pub(super) asked: u32,
    pub(super) writes: u32,
    /// Why it was dead-lettered, each time.
    pub(super) dead_letters: Vec<String>,
    /// What happened to it, and when.
    history: Vec<(&'static str, Duration)>,
}

/// What records carry.
#[derive(Deserialize)]
struct Payload {
    n: usize,
}

impl Entry {
    /// Whether nothing is owed for it any more.
    pub(super) fn is_settled(&self) -> bool {
        self.writes > 0 || !self.dead_letters.is_empty()
    }
}

impl Ledger {
    pub(super) fn new(topic: &str, dead_letter_topic: &str, kind: Kind, plan: Vec<Planned>) -> Self {
        Self {
            topic: topic.to_owned(),
            dead_letter_topic: dead_letter_topic.to_owned(),
            kind,
            plan,
            outage: None,
            partitions: BTreeMap::new(),
            rows: BTreeMap::new(),
            violations: Vec::new(),
            requests: 0,
            begun: Instant::now(),
        }
    }

    /// The routing key that a record is published with.
    pub(super) fn key(&self, n: usize) -> u8 {
        self.plan.get(n).map_or(0, |planned| planned.key)
    }

    pub(super) fn published(&self) -> usize {
        self.partitions.values().map(Vec::len).sum()
    }

    /// How many records are unsettled and settled.
    pub(super) fn progress(&self) -> (usize, usize) {
        let settled = self.partitions.values().flatten().filter(|entry| entry.is_settled()).count();
        (self.published() - settled, settled)
    }

    /// Notes what the broker shows.
    pub(super) fn observe(&mut self, observed: Observed<'_>) {
        match observed {
            Observed::Published { topic, record } if topic == self.dead_letter_topic => self.bury(record),
            Observed::Published { topic, record } => {
                let Some(partition) = self.partition(topic) else { return };
                let payload: Payload = serde_json::from_slice(&record.payload).unwrap();
                // What is published beyond the plan is harmless.
                let fate = self.plan.get(payload.n).map_or(Fate::Written, |planned| planned.fate);
                let key = record.routing_key.clone();
                let entry = Entry { fate, key, asked: 0, writes: 0, dead_letters: Vec::new(), history: Vec::new() };
                self.partitions.entry(partition).or_default().push(entry);
            }
            Observed::Acknowledging { topic, subscription: _, offset } => {
                let Some(partition) = self.partition(topic) else { return };
                self.note(partition, offset, "acknowledged");
                if !self.entry(partition, offset).is_some_and(|entry| entry.is_settled()) {
                    let violation = format!("{} was acknowledged before it was written", place(partition, offset));
                    self.violations.push(violation);
                }
            }
        }
    }

    /// Notes a dead letter.
    fn bury(&mut self, letter: &StreamMessage) {
        if letter.attributes.contains_key(header::MARK) {
            return;
        }
        let attribute = |name: &str| letter.attributes.get(name).cloned().unwrap_or_default();
        let (from, offset) = (attribute("x-original-topic"), attribute("x-original-topic-offset"));
        let place = self.partition(&from).zip(offset.parse().ok());
        let why = format!("{}: {}", attribute("x-stage"), attribute("x-failure-reason"));
        if let Some((partition, offset)) = place
            && let Some(entry) = self.entry(partition, offset)
        {
            entry.dead_letters.push(why);
            self.note(partition, offset, "dead-lettered");
        } else {
            self.violations.push(format!("a dead letter of `{from}` at `{offset}`, where there is no record"));
        }
    }

    pub(super) fn note(&mut self, partition: Partition, offset: u64, what: &'static str) {
        let at = self.begun.elapsed();
        self.entry(partition, offset).into_iter().for_each(|entry| entry.history.push((what, at)));
    }

    /// What happened to a record, for people.
    pub(super) fn history(&self, partition: Partition, offset: u64) -> String {
        let entry = self.partitions.get(&partition).and_then(|entries| entries.get(usize::try_from(offset).ok()?));
        let notes = entry.into_iter().flat_map(|entry| &entry.history);
        let notes: Vec<String> = notes.map(|(what, at)| format!("{what} at {:.3}", at.as_secs_f64())).collect();
        format!("{}: {}", place(partition, offset), notes.join(", "))
    }

    /// Which records it has an order with.
    pub(super) fn row(&mut self, partition: Partition, offset: u64) -> Row {
        let key = match self.kind {
            Kind::KeyShared => self.entry(partition, offset).and_then(|entry| entry.key.clone()),
            Kind::Shared | Kind::Exclusive | Kind::Failover => None,
        };
        (partition, key)
    }

    pub(super) fn entry(&mut self, partition: Partition, offset: u64) -> Option<&mut Entry> {
        self.partitions.get_mut(&partition)?.get_mut(usize::try_from(offset).ok()?)
    }

    /// The partition that the broker means by a topic's name; `None` if it is another topic.
    fn partition(&self, topic: &str) -> Option<Partition> {
        let rest = topic.strip_prefix(&self.topic)?;
        if rest.is_empty() { Some(None) } else { rest.strip_prefix("-part-")?.parse().ok().map(Some) }
    }
}

/// A record's name, for people.
pub(super) fn place(partition: Partition, offset: u64) -> String {
    match partition {
        Some(partition) => format!("record {offset} of partition {partition}"),
        None => format!("record {offset}"),
    }
}
