//! The nouns that every other module speaks of: a decoded [`Record`], a [`Batch`] of them, and the [`Verdict`] on each.
//! Nothing here knows the broker, the guest or the network.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use bytestring::ByteString;

/// A schema of the registry, as records refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaInfo {
    /// The registry's id of the subject (not of the version).
    pub id: u64,
    /// The name under which the schema is registered.
    pub subject: String,
    /// Counts from 1.
    pub version: u32,
    /// `json_schema`, `avro`, `protobuf`, `string`, `number` or `bytes`.
    pub schema_type: String,
}

/// What a record carries. All variants share the memory of the broker's message, except JSON made of Avro or Protobuf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A valid JSON document, as published or made of Avro or Protobuf.
    Json(ByteString),
    /// UTF-8 text that is not JSON.
    Text(ByteString),
    /// Bytes as published.
    Binary(Bytes),
}

impl Payload {
    /// The payload's size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(text) | Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One record of a topic, decoded.
#[derive(Debug, Clone)]
pub struct Record {
    /// The position in the topic, or in the partition where there is one.
    pub offset: u64,
    /// When it was published, in microseconds since the Unix epoch.
    pub publish_time: u64,
    /// The name of the producer.
    pub producer: String,
    /// The partition, counting from 0.
    pub partition: Option<u32>,
    /// The key that the producer routed it by.
    pub routing_key: Option<String>,
    /// Sorted by name.
    pub attributes: Vec<(String, String)>,
    /// The schema that it was published with.
    pub schema: Option<Arc<SchemaInfo>>,
    /// The content.
    pub payload: Payload,
}

/// Records of one topic, in the order in which the broker gave them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The topic, without a partition.
    pub topic: Arc<str>,
    /// Which try this is for these records, from 1.
    pub attempt: u32,
    /// Whether they must be written in the order given; on Key-Shared, those of one key.
    pub ordered: bool,
    /// Never empty.
    pub records: Vec<Record>,
}

/// What became of one record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is safe in the target system.
    Written,
    /// It may work later, not before `after` if that is given.
    Retry {
        /// Why, for people.
        reason: String,
        /// The least pause that the guest asks for.
        after: Option<Duration>,
    },
    /// It will never work.
    Reject {
        /// Why, for people.
        reason: String,
    },
}

/// Where a record stands: the name of a record for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The topic, without a partition.
    pub topic: Arc<str>,
    /// The partition, counting from 0.
    pub partition: Option<u32>,
    /// The offset in it.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(partition) => write!(f, "{}-part-{partition}@{}", self.topic, self.offset),
            None => write!(f, "{}@{}", self.topic, self.offset),
        }
    }
}

/// How the records of a topic are divided among the consumers of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionType {
    /// One consumer only, in order.
    Exclusive,
    /// Spread over all consumers, without order.
    Shared,
    /// One active consumer, in order; others stand by.
    Failover,
    /// Spread by routing key, in order for each key.
    KeyShared,
}

/// How payloads are handed to the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// Decoded by the record's schema.
    Decoded,
    /// The bytes as published.
    Raw,
}

/// What becomes of a record that can never be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReject {
    /// Publish it to the dead-letter topic, then acknowledge it.
    DeadLetter,
    /// Log it, count it, acknowledge it.
    Skip,
    /// Stop the connector; the record stays unacknowledged.
    Stop,
}
