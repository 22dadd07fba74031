//! What the connectors of a host are doing right now, for `/readyz` and for the summary at the end of `run`.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::sync::watch;

use crate::{
    capability::observe::Observer,
    metrics::{LaneMetrics, Metrics},
    pipeline::LaneState,
};

/// Where a connector is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Compiling, initializing, or waiting for something that it needs; the cause if a try has failed.
    Starting {
        /// What the last try failed with.
        cause: Option<String>,
    },
    /// Its lanes are at work.
    Running,
    /// Settling what it has.
    Draining,
    /// Ended in good order.
    Stopped,
    /// Ended because of this; a person has to do something.
    Failed {
        /// What happened.
        cause: String,
    },
}

/// The status of all connectors of a host. Clones show the same.
#[derive(Debug, Clone)]
pub struct Status {
    connectors: Arc<Mutex<BTreeMap<String, Entry>>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Entry {
    phase: Phase,
    lanes: Vec<LaneView>,
    /// There if the connector's grants are not enforced.
    observer: Option<Arc<Observer>>,
}

#[derive(Debug)]
struct LaneView {
    topic: Arc<str>,
    state: watch::Receiver<LaneState>,
    metrics: LaneMetrics,
}

/// All of a connector, for `/status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Details {
    connector: String,
    ready: bool,
    /// In words.
    phase: String,
    /// Whether its grants are enforced: `enforce` or `observe`.
    mode: &'static str,
    /// How many requests, lookups and connections enforcing would have refused; there in the mode `observe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_be_denied: Option<u64>,
    topics: Vec<TopicDetails>,
}

/// What the lanes of one topic do together. Counts are since the start of the host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicDetails {
    topic: String,
    /// What each lane waits for; nothing if all is well.
    waiting: Vec<String>,
    received: u64,
    acknowledged: u64,
    in_flight: i64,
    dead_lettered: u64,
    skipped: u64,
    redelivered: u64,
    offsets_missing: u64,
    streams_down: i64,
    times_parked: u64,
    /// How long ago the newest record that came was published; nothing came yet if absent.
    newest_record_age_seconds: Option<f64>,
}

/// One connector's line in `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// `connector_name`.
    pub connector: String,
    /// Whether it is running and none of its lanes waits for anything.
    pub ready: bool,
    /// Its phase.
    pub phase: Phase,
    /// What its lanes wait for, with their topics.
    pub waiting: Vec<String>,
}

impl Status {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { connectors: Arc::default(), metrics }
    }

    pub(crate) fn set(&self, connector: &str, phase: Phase) {
        self.metrics.set_health(connector, phase == Phase::Running);
        let mut connectors = self.lock();
        match connectors.get_mut(connector) {
            Some(entry) => entry.phase = phase,
            None => {
                let entry = Entry { phase, lanes: Vec::new(), observer: None };
                drop(connectors.insert(connector.to_owned(), entry));
            }
        }
    }

    pub(crate) fn watch_lane(
        &self,
        connector: &str,
        topic: Arc<str>,
        state: watch::Receiver<LaneState>,
        metrics: LaneMetrics,
    ) {
        if let Some(entry) = self.lock().get_mut(connector) {
            entry.lanes.push(LaneView { topic, state, metrics });
        }
    }

    /// Shows that a connector's grants are not enforced.
    pub(crate) fn observes(&self, connector: &str, observer: Arc<Observer>) {
        if let Some(entry) = self.lock().get_mut(connector) {
            entry.observer = Some(observer);
        }
    }

    /// What each connector that only observes would have needed, by name: how many requests, lookups and connections enforcing
    /// would have refused, and the lines for its `[capabilities]`.
    pub fn observed(&self) -> Vec<(String, u64, String)> {
        let observed = |(name, entry): (&String, &Entry)| {
            let observer = entry.observer.as_ref()?;
            Some((name.clone(), observer.total(), observer.needed()))
        };
        self.lock().iter().filter_map(observed).collect()
    }

    /// All that there is to say about each connector, by name.
    pub fn details(&self) -> Vec<Details> {
        self.lock().iter().map(|(name, entry)| entry.details(name)).collect()
    }

    /// A line for each connector, by name.
    pub fn reports(&self) -> Vec<Report> {
        self.lock().iter().map(|(name, entry)| entry.report(name)).collect()
    }

    /// How many connectors ended because they had to.
    pub fn failed(&self) -> usize {
        self.reports().iter().filter(|report| matches!(report.phase, Phase::Failed { .. })).count()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn report(&self, connector: &str) -> Report {
        let waiting: Vec<String> = match self.phase {
            Phase::Running | Phase::Draining => self.lanes.iter().filter_map(LaneView::waits_for).collect(),
            Phase::Starting { .. } | Phase::Stopped | Phase::Failed { .. } => Vec::new(),
        };
        let ready = self.phase == Phase::Running && waiting.is_empty();
        Report { connector: connector.to_owned(), ready, phase: self.phase.clone(), waiting }
    }
}

impl Entry {
    fn details(&self, connector: &str) -> Details {
        let Report { connector, ready, phase, waiting: _ } = self.report(connector);
        let mut topics: BTreeMap<&str, TopicDetails> = BTreeMap::new();
        for lane in &self.lanes {
            // Lanes of a topic count together.
            let topic = topics.entry(&lane.topic).or_insert_with(|| lane.details());
            topic.waiting.extend(lane.waits_for());
        }
        let would_be_denied = self.observer.as_ref().map(|observer| observer.total());
        let mode = if would_be_denied.is_some() { "observe" } else { "enforce" };
        let topics = topics.into_values().collect();
        Details { connector, ready, phase: phase.to_string(), mode, would_be_denied, topics }
    }
}

impl LaneView {
    fn details(&self) -> TopicDetails {
        let metrics = &self.metrics;
        TopicDetails {
            topic: self.topic.to_string(),
            waiting: Vec::new(),
            received: metrics.received.get(),
            acknowledged: metrics.acknowledged.get(),
            in_flight: metrics.inflight.get(),
            dead_lettered: metrics.dead_lettered.get(),
            skipped: metrics.skipped.get(),
            redelivered: metrics.redelivered.get(),
            offsets_missing: metrics.offset_gaps.get(),
            streams_down: metrics.streams_down.get(),
            times_parked: metrics.parked.get(),
            newest_record_age_seconds: metrics.newest_age(),
        }
    }

    fn waits_for(&self) -> Option<String> {
        match &*self.state.borrow() {
            LaneState::Stopped => None,
            LaneState::Running { lost } if lost.is_empty() => None,
            LaneState::Running { lost } => {
                let lost: Vec<String> = lost.iter().map(|(topic, error)| format!("{topic}: lost: {error}")).collect();
                Some(lost.join("; "))
            }
            LaneState::Subscribing { cause: None } => Some(format!("{}: subscribing", self.topic)),
            LaneState::Subscribing { cause: Some(cause) } => Some(format!("{}: {cause}", self.topic)),
            LaneState::Parked { reason } => Some(format!("{}: parked: {reason}", self.topic)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.connector, self.phase)?;
        self.waiting.iter().try_for_each(|lane| write!(f, "; {lane}"))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting { cause: None } => f.write_str("starting"),
            Self::Starting { cause: Some(cause) } => write!(f, "starting: {cause}"),
            Self::Running => f.write_str("running"),
            Self::Draining => f.write_str("draining"),
            Self::Stopped => f.write_str("stopped"),
            Self::Failed { cause } => write!(f, "failed: {cause}"),
        }
    }
}
