//! What a guest wants to consume, as plain data.

use std::time::Duration;

use crate::record::{PayloadFormat, SubscriptionType};

/// One subscription that a guest asks for. Nothing in it is checked against the connector's file yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// The topic, `/namespace/topic`.
    pub topic: String,
    /// The subscription.
    pub subscription: String,
    /// The name of the consumer; the host makes one up where it is absent.
    pub consumer_name: Option<String>,
    /// How records are divided.
    pub subscription_type: SubscriptionType,
    /// Glob patterns for the routing keys to receive; empty for all.
    pub key_filters: Vec<String>,
    /// The subject that every record's schema must have.
    pub expected_schema_subject: Option<String>,
    /// The largest number of records in a batch.
    pub batch_size: Option<u32>,
    /// The largest sum of payload bytes in a batch.
    pub batch_bytes: Option<u64>,
    /// How long the first record of a batch may wait for others.
    pub flush_interval: Option<Duration>,
    /// What payloads are to be.
    pub payload_format: PayloadFormat,
}

impl ConsumerConfig {
    /// All names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let Self {
            topic,
            subscription,
            consumer_name,
            subscription_type: _,
            key_filters,
            expected_schema_subject,
            batch_size: _,
            batch_bytes: _,
            flush_interval: _,
            payload_format: _,
        } = self;
        let optional = [consumer_name, expected_schema_subject].into_iter().flatten();
        [topic, subscription].into_iter().chain(optional).chain(key_filters).map(String::as_str)
    }
}
