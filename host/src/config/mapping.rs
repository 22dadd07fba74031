//! The host's part of the connector's `topic_mappings`: which subscriptions the guest may consume, and how.

use std::{str::FromStr, time::Duration};

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    Limits,
    caution::Caution,
    ceiling,
    help::nearest,
    mistake::Mistake,
    processing::{batch_bytes, batch_size, flush_interval},
    raw,
    resolver::{Resolver, Word},
    shape,
    snippet::Place,
    topic::is_topic,
};
use crate::record::{PayloadFormat, SubscriptionType};

/// One subscription that the guest may consume. What is absent, the guest or `[processing]` decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMapping {
    /// `/namespace/topic`, without a partition.
    pub topic: String,
    /// Unique with the topic within a file.
    pub subscription: String,
    /// How the records are divided among consumers.
    pub subscription_type: Option<SubscriptionType>,
    /// The name that the broker shows.
    pub consumer_name: Option<String>,
    /// Patterns of routing keys, for Key-Shared; empty means all.
    pub key_filters: Vec<String>,
    /// The subject that every record's schema must have.
    pub expected_schema_subject: Option<String>,
    /// The most records of a batch.
    pub batch_size: Option<u32>,
    /// The most payload bytes of a batch.
    pub batch_bytes: Option<u64>,
    /// How long the first record of a batch waits for others.
    pub flush_interval: Option<Duration>,
    /// How payloads are handed to the guest.
    pub payload_format: Option<PayloadFormat>,
    /// Where the mapping stands in the file, from 1.
    pub line: usize,
}

impl FromStr for SubscriptionType {
    type Err = ();

    /// Case, `-` and `_` do not count: the native SDK writes `FailOver`, people write `key_shared`.
    fn from_str(word: &str) -> Result<Self, ()> {
        match word.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "exclusive" => Ok(Self::Exclusive),
            "shared" => Ok(Self::Shared),
            "failover" => Ok(Self::Failover),
            "keyshared" => Ok(Self::KeyShared),
            _ => Err(()),
        }
    }
}

impl Word for SubscriptionType {
    const ALLOWED: &'static [&'static str] = &["Shared", "Exclusive", "Failover", "Key-Shared"];
}

impl FromStr for PayloadFormat {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "decoded" => Ok(Self::Decoded),
            "raw" => Ok(Self::Raw),
            _ => Err(()),
        }
    }
}

impl Word for PayloadFormat {
    const ALLOWED: &'static [&'static str] = &["decoded", "raw"];
}

/// What the mappings of a file share.
pub(super) struct Surroundings<'a> {
    pub(super) instances: u32,
    pub(super) ack_timeout: Duration,
    pub(super) limits: &'a Limits,
}

/// The mappings in the connector's own table.
pub(super) fn resolve(
    table: &DeTable<'_>,
    around: &Surroundings<'_>,
    resolver: &mut Resolver<'_>,
) -> Vec<TopicMapping> {
    let Some(entries) = table.get("topic_mappings") else { return Vec::new() };
    let DeValue::Array(entries) = entries.get_ref() else {
        let found = format!("a {}", entries.get_ref().type_str());
        let mistake = Mistake::WrongType { key: "topic_mappings".into(), expected: "an array of tables".into(), found };
        resolver.refuse(Place::Span(entries.span()), mistake);
        return Vec::new();
    };
    let mut mappings: Vec<TopicMapping> = Vec::new();
    for entry in entries {
        let Some(mapping) = TopicMapping::resolve(entry, around, resolver) else { continue };
        let same =
            |other: &&TopicMapping| (&other.topic, &other.subscription) == (&mapping.topic, &mapping.subscription);
        if let Some(&TopicMapping { line, .. }) = mappings.iter().find(same) {
            let (topic, subscription) = (mapping.topic.clone(), mapping.subscription.clone());
            resolver.refuse(Place::Span(entry.span()), Mistake::MappingTwice { topic, subscription, line });
        }
        mappings.push(mapping);
    }
    mappings
}

impl TopicMapping {
    fn resolve(entry: &Spanned<DeValue<'_>>, around: &Surroundings<'_>, resolver: &mut Resolver<'_>) -> Option<Self> {
        let written: raw::TopicMapping = shape::deserialize("topic_mappings", entry.clone(), &mut resolver.mistakes)?;
        warn_of_near_keys(entry.get_ref(), resolver);
        let r = resolver;
        let w = &written;
        let topic = required("topic", "topic = \"/default/events\"", &w.topic, entry, r);
        let subscription = required("subscription", "subscription = \"orders-to-http\"", &w.subscription, entry, r);
        if let Some((topic, written)) = topic.as_ref().zip(w.topic.as_ref()).filter(|(topic, _)| !is_topic(topic)) {
            r.refuse(Place::Span(written.span()), Mistake::BadTopic { value: topic.clone(), pattern: false });
        } else if let Some((topic, written)) = topic.as_ref().zip(w.topic.as_ref()) {
            ceiling::topic(topic, written.span(), r);
        }
        let mapping = Self {
            subscription_type: r.word("subscription_type", &w.subscription_type),
            consumer_name: name("consumer_name", &w.consumer_name, r),
            key_filters: key_filters(w, r),
            expected_schema_subject: name("expected_schema_subject", &w.expected_schema_subject, r),
            batch_size: batch_size(&w.batch_size, around.limits, r),
            batch_bytes: batch_bytes(&w.batch_bytes, around.limits, r),
            flush_interval: flush_interval("flush_interval_ms", &w.flush_interval_ms, around.ack_timeout, r),
            payload_format: r.word("payload_format", &w.payload_format),
            line: r.source.line(entry.span().start),
            topic: topic?,
            subscription: subscription?,
        };
        mapping.check_type(w, around.instances, r);
        Some(mapping)
    }

    fn check_type(&self, written: &raw::TopicMapping, instances: u32, resolver: &mut Resolver<'_>) {
        let keyed = self.subscription_type == Some(SubscriptionType::KeyShared);
        if let Some(filters) = written.key_filters.as_ref().filter(|_| !keyed && !self.key_filters.is_empty()) {
            resolver.refuse(Place::Span(filters.span()), Mistake::FiltersWithoutKeys);
        }
        let Some(place) = written.subscription_type.as_ref().map(|written| Place::Span(written.span())) else { return };
        match self.subscription_type.filter(|_| instances > 1) {
            Some(SubscriptionType::Exclusive) => resolver.refuse(place, Mistake::ExclusiveShared { instances }),
            Some(SubscriptionType::Failover) => resolver.warn(place, Caution::IdleLanes { instances }),
            Some(SubscriptionType::Shared | SubscriptionType::KeyShared) | None => {}
        }
    }
}

fn required(
    key: &'static str,
    example: &'static str,
    written: &Option<raw::Text>,
    entry: &Spanned<DeValue<'_>>,
    resolver: &mut Resolver<'_>,
) -> Option<String> {
    match written {
        Some(written) if !written.get_ref().is_empty() => resolver.plain(key, written),
        Some(written) => {
            resolver.refuse(Place::Span(written.span()), Mistake::Missing { key, example });
            None
        }
        None => {
            resolver.refuse(Place::Span(entry.span()), Mistake::Missing { key, example });
            None
        }
    }
}

fn name(key: &str, written: &Option<raw::Text>, resolver: &mut Resolver<'_>) -> Option<String> {
    resolver.plain(key, written.as_ref()?)
}

fn key_filters(written: &raw::TopicMapping, resolver: &mut Resolver<'_>) -> Vec<String> {
    let filters = written.key_filters.iter().flat_map(Spanned::get_ref);
    filters.filter_map(|filter| resolver.plain("key_filters", filter)).collect()
}

/// A mapping may hold any keys of the connector's own, so a slip of the pen is no mistake, but likely one.
fn warn_of_near_keys(entry: &DeValue<'_>, resolver: &mut Resolver<'_>) {
    let known = shape::keys_of::<raw::TopicMapping>();
    let Some(table) = entry.as_table() else { return };
    for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
        if let Some(nearest) = nearest(key.get_ref(), known.iter().copied()).filter(|near| !table.contains_key(*near)) {
            let caution = Caution::NearKey { key: key.get_ref().to_string(), nearest: nearest.to_owned() };
            resolver.warn(Place::Span(key.span()), caution);
        }
    }
}
