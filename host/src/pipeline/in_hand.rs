//! The records that a lane has received and not settled yet. The broker may deliver one of them again (its ack timeout
//! ran out, or an ack was lost); the guest must not get it twice at the same time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::metrics::gauge::Gauge;

use crate::broker::Receipt;

/// A set of positions, shared by the stages of one session. No stage holds the lock across an await.
#[derive(Debug, Clone)]
pub(crate) struct InHand {
    positions: Arc<Mutex<HashSet<(Option<u32>, u64)>>>,
    gauge: Gauge,
}

impl InHand {
    pub(crate) fn new(gauge: Gauge) -> Self {
        gauge.set(0);
        Self { positions: Arc::default(), gauge }
    }

    /// Takes a record in. `false`: it is in hand already.
    pub(crate) fn take(&self, receipt: &Receipt) -> bool {
        let new = self.lock().insert((receipt.partition(), receipt.offset()));
        if new {
            self.gauge.inc();
        }
        new
    }

    /// The record is settled: if it comes again, it counts as new.
    pub(crate) fn release(&self, receipt: &Receipt) {
        if self.lock().remove(&(receipt.partition(), receipt.offset())) {
            self.gauge.dec();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(Option<u32>, u64)>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if Arc::strong_count(&self.positions) == 1 {
            self.gauge.set(0);
        }
    }
}
