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

impl Record {
    /// What Key-Shared keeps the order by: the routing key, or the producer's name where there is none. The broker
    /// dispatches by the same.
    pub fn key(&self) -> &str {
        self.routing_key.as_deref().unwrap_or(&self.producer)
    }
}

/// Records of one topic, in the order in which the broker gave them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The topic, without a partition.
    pub topic: Arc<str>,
    /// Which try this is for these records, from 1.
    pub attempt: u32,
    /// Among which of them the order counts.
    pub order: Order,
    /// Never empty.
    pub records: Vec<Record>,
}

/// Among which records of a batch the order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Among none.
    Any,
    /// Among those of one key.
    ByKey,
    /// Among all, or all of one partition.
    Strict,
}

impl Order {
    /// The group that a record belongs to. `None`: its place does not count.
    pub fn group(self, record: &Record) -> Option<OrderGroup<'_>> {
        let key = match self {
            Self::Any => return None,
            Self::ByKey => Some(record.key()),
            Self::Strict => None,
        };
        Some(OrderGroup { partition: record.partition, key })
    }
}

/// Names the records of a batch that must be written in the order given. Groups are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderGroup<'a> {
    // Partitions have no order among them, not even for the records of one key: without a routing key a producer's
    // records go to all of them.
    partition: Option<u32>,
    key: Option<&'a str>,
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

impl SubscriptionType {
    /// The order that it promises.
    pub fn order(self) -> Order {
        match self {
            Self::Shared => Order::Any,
            Self::KeyShared => Order::ByKey,
            Self::Exclusive | Self::Failover => Order::Strict,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: Option<u32>, producer: &str, key: Option<&str>) -> Record {
        Record {
            offset: 0,
            publish_time: 0,
            producer: producer.to_owned(),
            partition,
            routing_key: key.map(str::to_owned),
            attributes: Vec::new(),
            schema: None,
            payload: Payload::Text("".into()),
        }
    }

    fn together(order: Order, one: &Record, other: &Record) -> bool {
        order.group(one).is_some() && order.group(one) == order.group(other)
    }

    #[test]
    fn a_group_is_what_the_broker_keeps_in_order() {
        let eu = record(None, "p", Some("eu"));
        let us = record(None, "p", Some("us"));
        assert!(!together(Order::Any, &eu, &eu));
        assert!(together(Order::ByKey, &eu, &record(None, "q", Some("eu"))));
        assert!(!together(Order::ByKey, &eu, &us));
        assert!(together(Order::Strict, &eu, &us));
    }

    #[test]
    fn a_record_without_a_key_counts_under_its_producer() {
        let (p, q) = (record(None, "p", None), record(None, "q", None));
        assert!(together(Order::ByKey, &p, &p) && !together(Order::ByKey, &p, &q));
        assert!(together(Order::ByKey, &p, &record(None, "other", Some("p"))));
    }

    #[test]
    fn partitions_are_independent() {
        let (first, second) = (record(Some(0), "p", Some("eu")), record(Some(1), "p", Some("eu")));
        for order in [Order::ByKey, Order::Strict] {
            assert!(together(order, &first, &first) && !together(order, &first, &second), "{order:?}");
        }
    }
}
