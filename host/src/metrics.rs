//! What the host counts, in Prometheus' terms. Names that the native SDK has keep its names. Every lane gets its own
//! handles once, so that counting a record takes no lock and no allocation.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

mod gates;
mod limits;
mod observers;
mod sockets;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    capability::{http::GateStats, limit::LimitHits, observe::Observer, sockets::SocketStats},
    placement::BusySeconds,
};
use gates::Gates;
use limits::Limits;
use observers::Observers;
use sockets::Sockets;

/// The metrics of one host.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    lanes: LaneFamilies,
    health: Family<ConnectorLabels, Gauge>,
    instances: Family<ConnectorLabels, Counter>,
    busy: Family<ConnectorLabels, BusySeconds>,
    gates: Gates,
    observers: Observers,
    limits: Limits,
    sockets: Sockets,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectorLabels {
    connector: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabels {
    connector: String,
    topic: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    connector: String,
    topic: String,
    error_type: &'static str,
}

type Counters = Family<TopicLabels, Counter>;
type Histograms = Family<TopicLabels, Histogram, fn() -> Histogram>;

#[derive(Debug)]
struct LaneFamilies {
    received: Counters,
    processed: Counters,
    failed: Family<FailureLabels, Counter>,
    retried: Counters,
    acknowledged: Counters,
    ack_failures: Counters,
    dead_lettered: Counters,
    skipped: Counters,
    duplicates: Counters,
    redelivered: Counters,
    offset_gaps: Counters,
    stream_losses: Counters,
    parked: Counters,
    duration: Histograms,
    batch_size: Histograms,
    inflight: Family<TopicLabels, Gauge>,
    newest_age: Family<TopicLabels, Gauge<f64, AtomicU64>>,
    newest_time: Family<TopicLabels, Gauge<f64, AtomicU64>>,
    streams_down: Family<TopicLabels, Gauge>,
}

/// What one lane counts. Clones count into the same cells.
#[derive(Debug, Clone)]
pub(crate) struct LaneMetrics {
    pub(crate) received: Counter,
    pub(crate) processed: Counter,
    pub(crate) retried: Counter,
    pub(crate) acknowledged: Counter,
    pub(crate) ack_failures: Counter,
    pub(crate) dead_lettered: Counter,
    pub(crate) skipped: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) redelivered: Counter,
    pub(crate) offset_gaps: Counter,
    pub(crate) stream_losses: Counter,
    pub(crate) parked: Counter,
    pub(crate) duration: Histogram,
    pub(crate) batch_size: Histogram,
    pub(crate) inflight: Gauge,
    pub(crate) streams_down: Gauge,
    newest_age: Gauge<f64, AtomicU64>,
    newest_time: Gauge<f64, AtomicU64>,
    pub(crate) failed: Failures,
}

impl LaneMetrics {
    /// A record came that was published then, in microseconds since 1970.
    pub(crate) fn newest(&self, publish_time: u64) {
        let published = Duration::from_micros(publish_time);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.newest_age.set(now.saturating_sub(published).as_secs_f64());
        self.newest_time.set(published.as_secs_f64());
    }

    /// How long ago the newest record was published, in seconds. `None`: nothing came yet.
    pub(crate) fn newest_age(&self) -> Option<f64> {
        let published = self.newest_time.get();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        (published > 0.0).then_some((now - published).max(0.0))
    }
}

/// Failures by their kind.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pub(crate) decode: Counter,
    pub(crate) schema: Counter,
    pub(crate) process: Counter,
    pub(crate) trap: Counter,
    pub(crate) retryable: Counter,
    pub(crate) fatal: Counter,
}

/// Registers families under the names that users see.
struct Register<'a>(&'a mut Registry);

impl Register<'_> {
    fn counters<L>(&mut self, name: &str, help: &str) -> Family<L, Counter>
    where
        L: Clone + std::fmt::Debug + std::hash::Hash + Eq + EncodeLabelSet + Send + Sync + 'static,
    {
        let family = Family::default();
        self.0.register(name, help, family.clone());
        family
    }

    fn histograms(&mut self, name: &str, help: &str, make: fn() -> Histogram) -> Histograms {
        let family = Family::new_with_constructor(make);
        self.0.register(name, help, family.clone());
        family
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let mut register = Register(&mut registry);
        let lanes = LaneFamilies::new(&mut register);
        let instances =
            register.counters("danube_wasm_instances_started", "Guest instances made, new ones after a trap included");
        let health = Family::default();
        registry.register(
            "danube_connector_health",
            "1: running, 0: not (yet, any more, or waiting for its target)",
            health.clone(),
        );
        let busy = Family::default();
        registry.register(
            "danube_wasm_busy_seconds",
            "Time that a connector kept a processor busy: its guests, and the host's own work on its records",
            Family::clone(&busy),
        );
        let gates = Gates::default();
        registry.register_collector(Box::new(gates.clone()));
        let observers = Observers::default();
        registry.register_collector(Box::new(observers.clone()));
        let limits = Limits::default();
        registry.register_collector(Box::new(limits.clone()));
        let sockets = Sockets::default();
        registry.register_collector(Box::new(sockets.clone()));
        Self { registry, lanes, health, instances, busy, gates, observers, limits, sockets }
    }
}

impl Metrics {
    /// The text that Prometheus scrapes (OpenMetrics 1.0).
    pub fn encode(&self) -> String {
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string can't fail; if the library should find something all the same, say so to the reader.
            Err(error) => format!("# error: {error}\n"),
        }
    }

    pub(crate) fn set_health(&self, connector: &str, healthy: bool) {
        self.health.get_or_create(&ConnectorLabels { connector: connector.to_owned() }).set(healthy.into());
    }

    pub(crate) fn instances(&self, connector: &str) -> Counter {
        self.instances.get_or_create_owned(&ConnectorLabels { connector: connector.to_owned() })
    }

    pub(crate) fn busy(&self, connector: &str) -> BusySeconds {
        self.busy.get_or_create_owned(&ConnectorLabels { connector: connector.to_owned() })
    }

    /// Shows what a connector tries with sockets from now on.
    pub(crate) fn watch_sockets(&self, connector: &str, stats: Arc<SocketStats>) {
        self.sockets.watch(connector, stats);
    }

    /// Shows what passes a connector's gate from now on.
    pub(crate) fn watch_gate(&self, connector: &str, stats: Arc<GateStats>) {
        self.gates.watch(connector, stats);
    }

    /// Shows what a connector that only observes would have been refused, from now on.
    pub(crate) fn watch_observer(&self, connector: &str, observer: Arc<Observer>) {
        self.observers.watch(connector, observer);
    }

    /// Shows how often a connector runs into its limits from now on.
    pub(crate) fn watch_limits(&self, connector: &str, hits: Arc<LimitHits>) {
        self.limits.watch(connector, hits);
    }

    pub(crate) fn lane(&self, connector: &str, topic: &str) -> LaneMetrics {
        self.lanes.handles(connector, topic)
    }
}

impl LaneFamilies {
    fn new(register: &mut Register<'_>) -> Self {
        fn seconds() -> Histogram {
            Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
        }
        fn records() -> Histogram {
            Histogram::new([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0])
        }
        let inflight = Family::default();
        let (newest_age, newest_time, streams_down) = (Family::default(), Family::default(), Family::default());
        let families = Self {
            received: register.counters("danube_connector_messages_received", "Records received from the broker"),
            processed: register.counters("danube_connector_messages_processed", "Records that the guest wrote"),
            failed: register.counters("danube_connector_messages_failed", "Records that failed, by what failed"),
            retried: register.counters("danube_connector_messages_retried", "Records given to the guest once more"),
            acknowledged: register
                .counters("danube_wasm_messages_acknowledged", "Records that the broker took an acknowledgement for"),
            ack_failures: register.counters(
                "danube_wasm_ack_failures",
                "Acknowledgements given up; the broker delivers those records again",
            ),
            dead_lettered: register
                .counters("danube_wasm_messages_dead_lettered", "Records published to the dead-letter topic"),
            skipped: register.counters(
                "danube_wasm_messages_skipped",
                "Records dropped because `on_reject` or `on_mismatch` is `skip`",
            ),
            duplicates: register.counters(
                "danube_wasm_messages_duplicate",
                "Records that the broker delivered again while the host still had them",
            ),
            redelivered: register.counters(
                "danube_wasm_messages_redelivered",
                "Records that the broker delivered more than once, as far as the host can tell",
            ),
            offset_gaps: register.counters("danube_wasm_offsets_missing", "Offsets that the broker passed over"),
            stream_losses: register
                .counters("danube_wasm_stream_losses", "Streams of records that ended and had to be opened again"),
            parked: register.counters(
                "danube_wasm_lane_parked",
                "Times that a lane gave its records back because the target took none",
            ),
            duration: register.histograms(
                "danube_connector_processing_duration_seconds",
                "Time in the guest, per call",
                seconds,
            ),
            batch_size: register.histograms("danube_connector_batch_size", "Records per call of the guest", records),
            inflight: Family::clone(&inflight),
            newest_age: Family::clone(&newest_age),
            newest_time: Family::clone(&newest_time),
            streams_down: Family::clone(&streams_down),
        };
        register.0.register("danube_connector_inflight_messages", "Records received and not yet settled", inflight);
        register.0.register(
            "danube_wasm_newest_record_age_seconds",
            "Age of the newest record when it was received",
            newest_age,
        );
        register.0.register(
            "danube_wasm_newest_record_timestamp_seconds",
            "When the newest record that was received was published, in seconds since 1970",
            newest_time,
        );
        register.0.register(
            "danube_wasm_streams_down",
            "Streams of records (one for each partition) that are lost and not back yet",
            streams_down,
        );
        families
    }

    fn handles(&self, connector: &str, topic: &str) -> LaneMetrics {
        let labels = TopicLabels { connector: connector.to_owned(), topic: topic.to_owned() };
        let failed = |error_type| {
            let labels = FailureLabels { connector: connector.to_owned(), topic: topic.to_owned(), error_type };
            self.failed.get_or_create_owned(&labels)
        };
        LaneMetrics {
            received: self.received.get_or_create_owned(&labels),
            processed: self.processed.get_or_create_owned(&labels),
            retried: self.retried.get_or_create_owned(&labels),
            acknowledged: self.acknowledged.get_or_create_owned(&labels),
            ack_failures: self.ack_failures.get_or_create_owned(&labels),
            dead_lettered: self.dead_lettered.get_or_create_owned(&labels),
            skipped: self.skipped.get_or_create_owned(&labels),
            duplicates: self.duplicates.get_or_create_owned(&labels),
            redelivered: self.redelivered.get_or_create_owned(&labels),
            offset_gaps: self.offset_gaps.get_or_create_owned(&labels),
            stream_losses: self.stream_losses.get_or_create_owned(&labels),
            parked: self.parked.get_or_create_owned(&labels),
            duration: self.duration.get_or_create_owned(&labels),
            batch_size: self.batch_size.get_or_create_owned(&labels),
            inflight: self.inflight.get_or_create_owned(&labels),
            newest_age: self.newest_age.get_or_create_owned(&labels),
            newest_time: self.newest_time.get_or_create_owned(&labels),
            streams_down: self.streams_down.get_or_create_owned(&labels),
            failed: Failures {
                decode: failed("decode"),
                schema: failed("schema"),
                process: failed("rejected"),
                trap: failed("trap"),
                retryable: failed("retryable"),
                fatal: failed("fatal"),
            },
        }
    }
}
