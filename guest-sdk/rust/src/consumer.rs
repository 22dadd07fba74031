//! Which subscriptions a sink asks the host to consume, and how.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::{Order, bindings::danube::sink::records};

/// How records are divided among the consumers of a subscription. In settings: `Shared`, `Exclusive`, `Failover`,
/// `Key-Shared`; upper and lower case, `-` and `_` make no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SubscriptionType {
    /// Spread over all consumers. No order.
    #[default]
    Shared,
    /// One consumer only, in order.
    Exclusive,
    /// One active consumer, in order; others stand by.
    Failover,
    /// Spread by routing key; in order for each key.
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

/// What a record's payload holds. In settings: `decoded` or `raw`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadFormat {
    /// What the record's schema makes of it.
    #[default]
    Decoded,
    /// The bytes as published, always binary.
    Raw,
}

/// One subscription that the host shall consume. An absent value is taken from the connector's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// The topic, `/namespace/topic`. The connector's file must name it, or grant it.
    pub topic: String,
    /// The subscription. The file must name it for this topic; for a topic that is merely granted, it must start with
    /// the connector's name.
    pub subscription: String,
    /// The consumer's name, unique on the subscription. The host makes one up where it is absent.
    pub consumer_name: Option<String>,
    /// How records are divided among consumers.
    pub subscription_type: SubscriptionType,
    /// Glob patterns for the routing keys to receive. Only for Key-Shared; empty means all.
    pub key_filters: Vec<String>,
    /// The subject that every record's schema must have. A record without it never reaches the sink.
    pub expected_schema_subject: Option<String>,
    /// The largest number of records in a batch.
    pub batch_size: Option<u32>,
    /// The largest sum of payload bytes in a batch. A single record that is larger comes alone. Absent where the
    /// settings give it with a unit: the host reads that itself.
    pub batch_bytes: Option<u64>,
    /// How long the first record of a batch may wait for others, in milliseconds.
    pub flush_interval_ms: Option<u32>,
    /// What a record's payload holds.
    pub payload_format: PayloadFormat,
}

impl ConsumerConfig {
    /// A Shared subscription with the host's defaults for everything else.
    pub fn new(topic: impl Into<String>, subscription: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            subscription: subscription.into(),
            consumer_name: None,
            subscription_type: SubscriptionType::default(),
            key_filters: Vec::new(),
            expected_schema_subject: None,
            batch_size: None,
            batch_bytes: None,
            flush_interval_ms: None,
            payload_format: PayloadFormat::default(),
        }
    }
}

impl<'de> Deserialize<'de> for SubscriptionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = SubscriptionType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`Shared`, `Exclusive`, `Failover` or `Key-Shared`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<SubscriptionType, E> {
                match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
                    "shared" => Ok(SubscriptionType::Shared),
                    "exclusive" => Ok(SubscriptionType::Exclusive),
                    "failover" => Ok(SubscriptionType::Failover),
                    "keyshared" => Ok(SubscriptionType::KeyShared),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl From<ConsumerConfig> for records::ConsumerConfig {
    fn from(config: ConsumerConfig) -> Self {
        let ConsumerConfig {
            topic,
            subscription,
            consumer_name,
            subscription_type,
            key_filters,
            expected_schema_subject,
            batch_size,
            batch_bytes,
            flush_interval_ms,
            payload_format,
        } = config;
        Self {
            topic,
            subscription,
            consumer_name,
            subscription_type: match subscription_type {
                SubscriptionType::Shared => records::SubscriptionType::Shared,
                SubscriptionType::Exclusive => records::SubscriptionType::Exclusive,
                SubscriptionType::Failover => records::SubscriptionType::Failover,
                SubscriptionType::KeyShared => records::SubscriptionType::KeyShared,
            },
            key_filters,
            expected_schema_subject,
            batch_size,
            batch_bytes,
            flush_interval_ms,
            payload_format: match payload_format {
                PayloadFormat::Decoded => records::PayloadFormat::Decoded,
                PayloadFormat::Raw => records::PayloadFormat::Raw,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<SubscriptionType, String> {
        serde_json::from_value(name.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn subscription_types_are_known_by_many_spellings() {
        for (name, expected) in [
            ("Shared", SubscriptionType::Shared),
            ("exclusive", SubscriptionType::Exclusive),
            ("FailOver", SubscriptionType::Failover),
            ("failover", SubscriptionType::Failover),
            ("KeyShared", SubscriptionType::KeyShared),
            ("Key-Shared", SubscriptionType::KeyShared),
            ("key_shared", SubscriptionType::KeyShared),
        ] {
            assert_eq!(parse(name), Ok(expected), "{name}");
        }
    }

    #[test]
    fn an_unknown_subscription_type_is_refused_with_the_known_ones() {
        let expected = "invalid value: string \"Sharded\", expected `Shared`, `Exclusive`, `Failover` or `Key-Shared`";
        assert_eq!(parse("Sharded"), Err(expected.to_owned()));
    }
}
