//! The `topic_mappings` of a connector's settings: per topic, the subscription and whatever else a sink wants to know.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};
use serde_json::{Map, Value};

use crate::{ConsumerConfig, PayloadFormat, SubscriptionType, settings};

/// The keys of a mapping that belong to the host. All others are the sink's own.
const KEYS: [&str; 10] = [
    "topic",
    "subscription",
    "subscription_type",
    "consumer_name",
    "key_filters",
    "expected_schema_subject",
    "batch_size",
    "batch_bytes",
    "flush_interval_ms",
    "payload_format",
];

/// One entry of `topic_mappings`: the subscription, and beside it the keys of the sink's own, which `T` reads.
///
/// A `T` with `#[serde(deny_unknown_fields)]` refuses every key that is neither its own nor the host's. The default `T`
/// takes any.
#[derive(Debug, Clone)]
pub struct TopicMapping<T = IgnoredAny> {
    /// What the host shall consume.
    pub consumer: ConsumerConfig,
    /// The sink's own keys for this topic.
    pub extra: T,
}

/// The `topic_mappings` of the settings: make it a field of your config to have per-topic settings.
///
/// ```
/// use danube_sink::TopicMappings;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Config {
///     topic_mappings: TopicMappings<PerTopic>,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct PerTopic {
///     target_table: String,
/// }
///
/// let config: Config = serde_json::from_value(serde_json::json!({
///     "topic_mappings": [
///         { "topic": "/default/orders", "subscription": "sink", "batch_size": 500, "target_table": "orders" },
///     ],
/// }))?;
/// let mapping = config.topic_mappings.get("/default/orders").unwrap();
/// assert_eq!(mapping.extra.target_table, "orders");
/// assert_eq!(mapping.consumer.batch_size, Some(500));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent, bound = "T: DeserializeOwned")]
pub struct TopicMappings<T = IgnoredAny> {
    mappings: Vec<TopicMapping<T>>,
}

impl<T> TopicMappings<T> {
    /// The mapping of a topic: the first one, should several subscriptions of it be consumed.
    pub fn get(&self, topic: &str) -> Option<&TopicMapping<T>> {
        self.iter().find(|mapping| mapping.consumer.topic == topic)
    }

    /// All mappings, in the file's order.
    pub fn iter(&self) -> std::slice::Iter<'_, TopicMapping<T>> {
        self.mappings.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// What the host shall consume, for all of them.
    pub fn consumer_configs(&self) -> Vec<ConsumerConfig> {
        self.iter().map(|mapping| mapping.consumer.clone()).collect()
    }
}

impl<T> Default for TopicMappings<T> {
    fn default() -> Self {
        Self { mappings: Vec::new() }
    }
}

impl<'a, T> IntoIterator for &'a TopicMappings<T> {
    type Item = &'a TopicMapping<T>;
    type IntoIter = std::slice::Iter<'a, TopicMapping<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The host's keys, as written.
#[derive(Deserialize)]
struct Consumer {
    topic: String,
    subscription: String,
    #[serde(default)]
    subscription_type: SubscriptionType,
    consumer_name: Option<String>,
    #[serde(default)]
    key_filters: Vec<String>,
    expected_schema_subject: Option<String>,
    batch_size: Option<u32>,
    batch_bytes: Option<Size>,
    flush_interval_ms: Option<u32>,
    #[serde(default)]
    payload_format: PayloadFormat,
}

/// A number of bytes, plain or with a unit.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of bytes")]
enum Size {
    Bytes(u64),
    WithUnit(IgnoredText),
}

/// Text that somebody else reads.
struct IgnoredText;

impl<'de> Deserialize<'de> for IgnoredText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self)
    }
}

impl Size {
    /// The host reads its own keys too and takes its value where a sink gives none, so that units need no second reader.
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::WithUnit(IgnoredText) => None,
        }
    }
}

// By hand, since serde cannot both flatten a type and let it refuse unknown keys.
impl<'de, T: DeserializeOwned> Deserialize<'de> for TopicMapping<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Map::deserialize(deserializer)?;
        let (host, own): (Map<_, _>, Map<_, _>) = entry.into_iter().partition(|(key, _)| KEYS.contains(&key.as_str()));
        let consumer = settings::read::<Consumer>(Value::Object(host)).map_err(D::Error::custom)?;
        let extra = settings::read(Value::Object(own)).map_err(|error| D::Error::custom(with_host_keys(error)))?;
        Ok(Self { consumer: consumer.into(), extra })
    }
}

/// A sink's own type knows nothing of the host's keys, so its list of known keys lacks them.
fn with_host_keys(error: String) -> String {
    if error.contains("unknown field") { format!("{error} (besides `{}`)", KEYS.join("`, `")) } else { error }
}

impl From<Consumer> for ConsumerConfig {
    fn from(written: Consumer) -> Self {
        let Consumer {
            topic,
            subscription,
            subscription_type,
            consumer_name,
            key_filters,
            expected_schema_subject,
            batch_size,
            batch_bytes,
            flush_interval_ms,
            payload_format,
        } = written;
        Self {
            topic,
            subscription,
            subscription_type,
            consumer_name,
            key_filters,
            expected_schema_subject,
            batch_size,
            batch_bytes: batch_bytes.and_then(Size::bytes),
            flush_interval_ms,
            payload_format,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct PerTopic {
        table: String,
    }

    fn read<T: DeserializeOwned>(mapping: Value) -> Result<TopicMapping<T>, String> {
        settings::read(mapping)
    }

    #[test]
    fn every_key_of_the_host_is_read() {
        let mapping: TopicMapping = read(json!({
            "topic": "/default/orders",
            "subscription": "sink",
            "subscription_type": "Key-Shared",
            "consumer_name": "sink-1",
            "key_filters": ["eu-*"],
            "expected_schema_subject": "orders",
            "batch_size": 500,
            "batch_bytes": 1048576,
            "flush_interval_ms": 1000,
            "payload_format": "raw",
        }))
        .expect("the mapping is valid");
        let expected = ConsumerConfig {
            subscription_type: SubscriptionType::KeyShared,
            consumer_name: Some("sink-1".to_owned()),
            key_filters: vec!["eu-*".to_owned()],
            expected_schema_subject: Some("orders".to_owned()),
            batch_size: Some(500),
            batch_bytes: Some(1_048_576),
            flush_interval_ms: Some(1000),
            payload_format: PayloadFormat::Raw,
            ..ConsumerConfig::new("/default/orders", "sink")
        };
        assert_eq!(mapping.consumer, expected);
    }

    #[test]
    fn a_size_with_a_unit_is_left_to_the_host() {
        let mapping = |size: Value| json!({ "topic": "/default/a", "subscription": "s", "batch_bytes": size });
        let bytes = |size| read::<IgnoredAny>(mapping(size)).map(|mapping| mapping.consumer.batch_bytes);
        assert_eq!((bytes(json!(4096)), bytes(json!("4MiB"))), (Ok(Some(4096)), Ok(None)));
        assert_eq!(bytes(json!(true)), Err("`batch_bytes`: a number of bytes".to_owned()));
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let mapping: TopicMapping<PerTopic> =
            read(json!({ "topic": "/default/a", "subscription": "s", "table": "t" })).expect("the mapping is valid");
        assert_eq!(mapping.consumer, ConsumerConfig::new("/default/a", "s"));
        assert_eq!(mapping.extra.table, "t");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let mapping = json!({ "topic": "/default/a", "subscription": "s", "table": "t", "bath_size": 5 });
        let error = read::<PerTopic>(mapping).expect_err("there is no such key");
        assert!(error.starts_with("unknown field `bath_size`, expected `table` (besides `topic`, "), "{error}");
    }

    #[test]
    fn a_mistake_names_its_key() {
        let error = read::<IgnoredAny>(json!({ "topic": "/default/a", "subscription": "s", "batch_size": "many" }));
        assert_eq!(error.expect_err("no number"), "`batch_size`: invalid type: string, expected u32");
        let error = read::<IgnoredAny>(json!({ "topic": "/default/a" }));
        assert_eq!(error.expect_err("incomplete"), "missing field `subscription`");
    }
}
