//! Pieces that are no part of this crate's face, for the benches in `host/benches`.

use std::ops::Range;

use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;

use crate::{
    broker::{Broker, BrokerOptions, Delivery, Error},
    pipeline::{Deliveries, Ledger},
    record::Order,
};

/// A lane's ledger with records of a broker that does not exist.
pub struct Books {
    broker: Broker,
    ledger: Ledger,
}

impl Books {
    /// An empty one.
    ///
    /// # Errors
    /// It has none: nothing is connected.
    pub async fn new() -> Result<Self, Error> {
        let options = BrokerOptions { url: "http://127.0.0.1:1".to_owned(), tls: None, token: None };
        let ledger = Ledger::of(Order::Any, Deliveries::default(), Gauge::default());
        Ok(Self { broker: Broker::new(&options).await?, ledger })
    }

    /// Records as they come from a broker.
    pub fn deliveries(&self, offsets: Range<u64>, payload: &Bytes) -> Vec<Delivery> {
        self.broker.made_up(offsets, payload)
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
