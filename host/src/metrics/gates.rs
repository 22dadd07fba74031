//! The counters of the connectors' gates, read when Prometheus asks.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

use crate::capability::http::GateStats;

/// The gates of all connectors. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Gates(Arc<Mutex<Vec<Gate>>>);

/// A connector's name and its counters.
type Gate = (String, Arc<GateStats>);

impl Gates {
    pub(super) fn watch(&self, connector: &str, stats: Arc<GateStats>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((connector.to_owned(), stats));
    }
}

impl Collector for Gates {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut family = |name, help, cells: &dyn Fn(&GateStats) -> Vec<(&'static str, u64)>| {
            let counter = ConstCounter::new(0u64);
            let mut metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            for (connector, stats) in &gates {
                for (outcome, count) in cells(stats) {
                    let labels = [("connector", connector.as_str()), ("outcome", outcome)];
                    ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
                }
            }
            Ok::<(), std::fmt::Error>(())
        };
        family("danube_wasm_http_requests", "HTTP requests of guests, by what became of them", &outcomes)?;
        family("danube_wasm_http_bytes", "Bytes of HTTP bodies, out of the guests and in", &|stats| {
            vec![("out", read(&stats.bytes_out)), ("in", read(&stats.bytes_in))]
        })?;
        family("danube_wasm_http_connections", "Connections made for guests' HTTP requests", &|stats| {
            vec![("made", read(&stats.connections))]
        })
    }
}

fn outcomes(stats: &GateStats) -> Vec<(&'static str, u64)> {
    let GateStats {
        requests: _,
        denied,
        invalid,
        connect_errors,
        tls_errors,
        timeouts,
        too_large,
        protocol_errors,
        ..
    } = stats;
    let failures = [
        ("denied", denied),
        ("invalid", invalid),
        ("connect", connect_errors),
        ("tls", tls_errors),
        ("timeout", timeouts),
        ("too_large", too_large),
        ("protocol", protocol_errors),
    ];
    let answers = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&stats.responses);
    failures.into_iter().chain(answers).map(|(outcome, count)| (outcome, read(count))).collect()
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
