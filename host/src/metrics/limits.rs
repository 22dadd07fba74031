//! How often connectors ran into their limits, read when Prometheus asks.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

use crate::capability::limit::{Limit, LimitHits};

/// Those of all connectors. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits(Arc<Mutex<Vec<Hits>>>);

/// A connector's name and its counters.
type Hits = (String, Arc<LimitHits>);

impl Limits {
    pub(super) fn watch(&self, connector: &str, hits: Arc<LimitHits>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((connector.to_owned(), hits));
    }
}

impl Collector for Limits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let connectors = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "Times that a connector ran into one of its limits";
        let counter = ConstCounter::new(0_u64);
        let mut metric = encoder.encode_descriptor("danube_wasm_limit_hits", help, None, counter.metric_type())?;
        for (connector, hits) in &connectors {
            for limit in Limit::ALL {
                let labels = [("connector", connector.as_str()), ("limit", limit.name())];
                ConstCounter::new(hits.count(*limit)).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
