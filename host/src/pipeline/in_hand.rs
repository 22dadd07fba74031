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
    inner: Arc<Mutex<Inner>>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Inner {
    positions: HashSet<(Option<u32>, u64)>,
    /// How many of them are being acknowledged right now.
    answering: usize,
}

impl InHand {
    pub(crate) fn new(gauge: Gauge) -> Self {
        gauge.set(0);
        Self { inner: Arc::default(), gauge }
    }

    /// Takes a record in. `false`: it is in hand already.
    pub(crate) fn take(&self, receipt: &Receipt) -> bool {
        let new = self.lock().positions.insert((receipt.partition(), receipt.offset()));
        if new {
            self.gauge.inc();
        }
        new
    }

    /// An acknowledgement is on its way; [`InHand::release`] follows.
    pub(crate) fn answering(&self) {
        self.lock().answering += 1;
    }

    /// The record is settled: if it comes again, it counts as new.
    pub(crate) fn release(&self, receipt: &Receipt) {
        let mut inner = self.lock();
        inner.answering -= 1;
        if inner.positions.remove(&(receipt.partition(), receipt.offset())) {
            self.gauge.dec();
        }
    }

    /// How many records the broker waits for. One that is being acknowledged does not count: the broker gives the next
    /// record out before the host learns that the acknowledgement has arrived.
    pub(crate) fn unanswered(&self) -> usize {
        let inner = self.lock();
        inner.positions.len() - inner.answering
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if Arc::strong_count(&self.inner) == 1 {
            self.gauge.set(0);
        }
    }
}
