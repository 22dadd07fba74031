//! What a seed stands for: a setting, records with a fate each, and faults between them. The same seed gives the same
//! schedule for ever, as long as the generator and the order of the draws stay: both are part of a seed's meaning.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::fault::Fault;

/// Everything that is drawn from a seed.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) kind: Kind,
    pub(super) partitions: Option<usize>,
    pub(super) instances: i64,
    /// The broker's `max_unacked_messages`.
    pub(super) window: usize,
    pub(super) batch_size: i64,
    pub(super) guest: Guest,
    pub(super) max_retries: i64,
    pub(super) retry_backoff_ms: i64,
    pub(super) call_timeout_ms: u64,
    /// The records, in the order in which they are published.
    pub(super) records: Vec<Planned>,
    pub(super) steps: Vec<Step>,
}

/// The types of subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shared,
    Exclusive,
    Failover,
    KeyShared,
}

/// How the guest is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest {
    /// With a request for each record, or with one for a batch.
    pub(super) by_record: bool,
    /// Whether it writes on behind a record that has to be tried again although order is promised.
    pub(super) careless: bool,
    /// Whether it has a health check. Without one it always says that it is well.
    pub(super) health_check: bool,
}

/// A record to be published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub(super) fate: Fate,
    /// Which of a few routing keys it has.
    pub(super) key: u8,
}

/// What the target or the guest makes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    /// To be tried again so many times.
    Later {
        times: u32,
        after_ms: Option<u64>,
    },
    /// Written, but the answer takes its time.
    Slow {
        ms: u64,
    },
    /// Written the first time as well, but the connection breaks before the answer.
    AnswerLost,
    /// The guest breaks on it, the first time only.
    PanicOnce,
    Reject,
    /// The guest breaks on it whenever it comes.
    Panic,
    Allocate,
    Spin,
}

/// What is done, one step after the other.
#[derive(Debug)]
pub(super) struct Step {
    /// How many records are published first.
    pub(super) publish: usize,
    /// How many of all that were published may be unsettled when the fault strikes.
    pub(super) lag: usize,
    pub(super) fault: Fault,
    /// How many records are published while it lasts.
    pub(super) meanwhile: usize,
}

/// The broker's ack timeout in all schedules.
pub(super) const ACK_TIMEOUT: Duration = Duration::from_secs(2);

impl Fate {
    /// Whether the record must end as a dead letter.
    pub(super) fn is_bad(self) -> bool {
        match self {
            Self::Reject | Self::Panic | Self::Allocate | Self::Spin => true,
            Self::Written | Self::Later { .. } | Self::Slow { .. } | Self::AnswerLost | Self::PanicOnce => false,
        }
    }

    fn draw(rng: &mut ChaCha8Rng, badness: u32) -> Self {
        if rng.random_range(0..100) >= badness {
            return Self::Written;
        }
        match rng.random_range(0..100) {
            0..40 => Self::Later {
                times: rng.random_range(1..=3),
                after_ms: rng.random_bool(0.3).then(|| rng.random_range(1..100)),
            },
            40..60 => Self::Slow { ms: rng.random_range(5..150) },
            60..70 => Self::AnswerLost,
            70..88 => Self::Reject,
            88..93 => Self::PanicOnce,
            93..98 => Self::Panic,
            _ => Self::Allocate,
        }
    }
}

impl Kind {
    /// As connector files name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Shared => "Shared",
            Self::Exclusive => "Exclusive",
            Self::Failover => "Failover",
            Self::KeyShared => "Key-Shared",
        }
    }

    /// Whether order is promised: of a partition's records, or of those of one key.
    pub(super) fn is_ordered(self) -> bool {
        match self {
            Self::Shared => false,
            Self::Exclusive | Self::Failover | Self::KeyShared => true,
        }
    }
}

impl Schedule {
    /// What a seed stands for.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rng = &mut rng;
        let kind = *[Kind::Shared, Kind::Exclusive, Kind::Failover, Kind::KeyShared].choose(rng).unwrap();
        let instances = match kind {
            Kind::Shared | Kind::KeyShared => rng.random_range(1..=3),
            Kind::Exclusive | Kind::Failover => 1,
        };
        let guest = Guest {
            by_record: rng.random_bool(0.4),
            careless: kind.is_ordered() && rng.random_bool(0.25),
            health_check: rng.random_bool(0.75),
        };
        let badness = *[0, 2, 5, 10, 20].choose(rng).unwrap();
        let mut schedule = Self {
            kind,
            partitions: rng.random_bool(0.4).then(|| rng.random_range(1..=3)),
            instances,
            window: *[5, 10, 10, 25, 50, 200].choose(rng).unwrap(),
            batch_size: *[1, 5, 10, 30, 100].choose(rng).unwrap(),
            guest,
            max_retries: rng.random_range(1..=5),
            retry_backoff_ms: rng.random_range(5..50),
            call_timeout_ms: rng.random_range(400..1200),
            records: Vec::new(),
            steps: Vec::new(),
        };
        schedule.draw_steps(rng);
        schedule.draw_records(rng, badness);
        schedule
    }

    fn draw_steps(&mut self, rng: &mut ChaCha8Rng) {
        let faults = Fault::choice(self);
        for _ in 0..rng.random_range(4..=8) {
            let step = Step {
                publish: rng.random_range(10..80),
                lag: rng.random_range(0..=2 * self.window),
                fault: Fault::draw(rng, self.kind, &faults),
                meanwhile: rng.random_range(0..30),
            };
            self.steps.push(step);
        }
    }

    fn draw_records(&mut self, rng: &mut ChaCha8Rng, badness: u32) {
        let count = self.steps.iter().map(|step| step.publish + step.meanwhile).sum();
        let keys = rng.random_range(1..=12);
        for _ in 0..count {
            let record = Planned { fate: Fate::draw(rng, badness), key: rng.random_range(0..keys) };
            self.records.push(record);
        }
        // Finding a record that hangs costs many call timeouts, so that one is enough.
        if rng.random_bool(0.2) {
            let which = rng.random_range(0..count);
            self.records[which].fate = Fate::Spin;
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, partitions, instances, window, batch_size, guest, .. } = self;
        let Guest { by_record, careless, health_check } = guest;
        let written = if *by_record { "record by record" } else { "batch by batch" };
        let careless = if *careless { ", careless of order" } else { "" };
        let health = if *health_check { "" } else { ", without a health check" };
        writeln!(f, "{} with {instances} instance(s), partitions {partitions:?}, window {window}", kind.name())?;
        writeln!(
            f,
            "  batch_size {batch_size}, max_retries {}, retry_backoff_ms {}, call_timeout {} ms, ack_timeout {} ms",
            self.max_retries,
            self.retry_backoff_ms,
            self.call_timeout_ms,
            ACK_TIMEOUT.as_millis()
        )?;
        writeln!(f, "  guest: {written}{careless}{health}")?;
        let odd = self.records.iter().enumerate().filter(|(_, record)| record.fate != Fate::Written);
        let odd: Vec<String> = odd.map(|(n, record)| format!("{n} {:?}", record.fate)).collect();
        writeln!(f, "  {} records, of these: {}", self.records.len(), odd.join(", "))?;
        self.steps.iter().try_for_each(|Step { publish, lag, fault, meanwhile }| {
            writeln!(f, "  publish {publish}, at most {lag} unsettled: {fault:?}, meanwhile publish {meanwhile}")
        })
    }
}
