//! What connectors try with sockets, read when Prometheus asks.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

use crate::capability::sockets::SocketStats;

/// Those of all connectors. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Sockets(Arc<Mutex<Vec<Watched>>>);

/// A connector's name and its counters.
type Watched = (String, Arc<SocketStats>);

impl Sockets {
    pub(super) fn watch(&self, connector: &str, stats: Arc<SocketStats>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((connector.to_owned(), stats));
    }
}

impl Collector for Sockets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let connectors = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "What guests tried with sockets, and what came of it";
        let counter = ConstCounter::new(0_u64);
        let mut metric = encoder.encode_descriptor("danube_wasm_sockets", help, None, counter.metric_type())?;
        for (connector, stats) in &connectors {
            for (attempt, outcome, count) in stats.rows() {
                let labels = [("connector", connector.as_str()), ("attempt", attempt), ("outcome", outcome)];
                ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
