//! What a guest wants to consume, as plain data.

use std::time::Duration;

/// How records are divided among the consumers of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionType {
    /// Spread over all consumers, no order.
    Shared,
    /// One consumer only, in order.
    Exclusive,
    /// One active consumer, in order; others stand by.
    Failover,
    /// Spread by routing key, in order for each key.
    KeyShared,
}

/// What the guest wants payloads to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// Decoded by the record's schema.
    Decoded,
    /// The bytes as published.
    Raw,
}

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
