//! Pieces that are no part of this crate's face, for the benches in `host/benches`.

use std::ops::Range;

use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;

use crate::{
    broker::Delivery,
    pipeline::{Deliveries, Ledger},
    record::Order,
};

/// A lane's ledger with records of a broker that does not exist.
pub struct Books {
    ledger: Ledger,
}

impl Default for Books {
    fn default() -> Self {
        Self { ledger: Ledger::of(Order::Any, Deliveries::default(), Gauge::default()) }
    }
}

impl Books {
    /// Records as they come from a broker.
    pub fn deliveries(offsets: Range<u64>, payload: &Bytes) -> Vec<Delivery> {
        Delivery::made_up(offsets, payload)
    }

    /// Takes records in, and settles them as they are acknowledged.
    pub fn settle(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.ledger.take(delivery);
        }
        for Delivery { receipt, .. } in deliveries {
            if self.ledger.answering(receipt) {
                self.ledger.answered(receipt);
            }
        }
    }
}
