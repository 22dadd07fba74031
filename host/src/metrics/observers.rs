//! The counters of connectors that only observe, read when Prometheus asks.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use crate::capability::observe::Observer;

/// Those of all connectors. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Observers(Arc<Mutex<Vec<Observed>>>);

/// A connector's name and what observes it.
type Observed = (String, Arc<Observer>);

impl Observers {
    pub(super) fn watch(&self, connector: &str, observer: Arc<Observer>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((connector.to_owned(), observer));
    }
}

impl Collector for Observers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let observers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let observing = ConstGauge::new(1_i64);
        let help = "1 for a connector whose grants are not enforced, because its file says `mode = \"observe\"`";
        let mut metric = encoder.encode_descriptor("danube_wasm_observing", help, None, observing.metric_type())?;
        for (connector, _) in &observers {
            observing.encode(metric.encode_family(&[("connector", connector.as_str())])?)?;
        }
        let help = "Requests, lookups and connections that enforcing would have refused, while only observing";
        let counter = ConstCounter::new(0_u64);
        let mut metric = encoder.encode_descriptor("danube_wasm_observed", help, None, counter.metric_type())?;
        for (connector, observer) in &observers {
            let labels = [("connector", connector.as_str())];
            ConstCounter::new(observer.total()).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
