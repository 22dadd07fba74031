//! What a guest asked to consume, held against what its file grants, becomes the lanes of a connector. A guest reads
//! nothing that its file does not name.

mod claims;
mod refusal;
#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use crate::{
    broker::SubscribeOptions,
    config::{Config, TopicMapping},
    guest::ConsumerConfig,
    pipeline::{Deliveries, Fuse, LanePolicy, Watch},
    record::{PayloadFormat, SubscriptionType},
};

pub(crate) use claims::Claims;
use refusal::BatchLimit;
pub(crate) use refusal::Refusal;

/// The most key filters of a subscription, each of which the broker tries on each record.
const MOST_FILTERS: usize = 100;
/// The longest of them, in bytes.
const FILTER_BYTES: usize = 256;
/// How long a batch may wait for more, as in files.
const FLUSH_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);

/// What one lane is to do.
#[derive(Debug, Clone)]
pub(super) struct LanePlan {
    pub(super) subscribe: SubscribeOptions,
    pub(super) policy: Arc<LanePolicy>,
}

/// The lanes of a connector. `claims` are those of all connectors of the host; `host_tag` is unique to this process.
pub(super) fn lanes(
    config: &Config,
    component_sha256: &str,
    asked: Vec<ConsumerConfig>,
    claims: &Claims,
    host_tag: &str,
) -> Result<Vec<LanePlan>, Refusal> {
    if asked.is_empty() {
        return Err(Refusal::Nothing { table: config.component.settings_table.clone() });
    }
    if let Some(lanes) = config.limits.too_many_lanes(asked.len(), config.instances) {
        let (topics, instances, most) = (asked.len(), config.instances, config.limits.max_lanes);
        return Err(Refusal::TooManyLanes { topics, instances, lanes, most, file: config.file.display().to_string() });
    }
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut lanes = Vec::new();
    let fuse = Arc::new(Fuse::new(config.processing.max_rejects, config.processing.reject_window));
    for asked in asked {
        let key = (asked.topic.clone(), asked.subscription.clone());
        if seen.contains(&key) {
            return Err(Refusal::Twice { topic: key.0, subscription: key.1 });
        }
        seen.push(key);
        let mapping = granted(config, &asked.topic, &asked.subscription, claims)?;
        within_limits(config, &asked)?;
        let subscription_type = subscription_type(config, &asked, mapping)?;
        let policy = Arc::new(policy(config, component_sha256, &asked, mapping, subscription_type, &fuse));
        let mut key_filters = asked.key_filters.clone();
        if let (true, Some(mapping)) = (key_filters.is_empty(), mapping) {
            key_filters.clone_from(&mapping.key_filters);
        }
        for instance in 0..config.instances {
            let consumer_name = consumer_name(config, &asked, mapping, subscription_type, instance, host_tag);
            let subscribe = SubscribeOptions {
                topic: asked.topic.clone(),
                subscription: asked.subscription.clone(),
                consumer_name,
                subscription_type,
                key_filters: key_filters.clone(),
            };
            lanes.push(LanePlan { subscribe, policy: policy.clone() });
        }
    }
    Ok(lanes)
}

/// The mapping that names the pair, or `None` where a grant allows it without one. A grant does not reach into the
/// subscriptions of other connectors; a mapping is the word of whoever wrote the file, who may share them.
pub(crate) fn granted<'a>(
    config: &'a Config,
    topic: &str,
    subscription: &str,
    claims: &Claims,
) -> Result<Option<&'a TopicMapping>, Refusal> {
    let same = |mapping: &&TopicMapping| mapping.topic == topic && mapping.subscription == subscription;
    if let Some(mapping) = config.mappings.iter().find(same) {
        return Ok(Some(mapping));
    }
    let (topic, subscription) = (topic.to_owned(), subscription.to_owned());
    let (file, table) = (config.file.display().to_string(), config.component.settings_table.clone());
    let connector = config.connector_name.clone();
    let is_granted = config.capabilities.topics.iter().any(|pattern| pattern.matches(&topic));
    if !is_granted || !is_own_subscription(&connector, &subscription) {
        return Err(Refusal::NotGranted { topic, subscription, file, table, connector });
    }
    match claims.owner(&connector, &topic, &subscription) {
        Some(owner) => Err(Refusal::Anothers { owner: owner.to_owned(), topic, subscription, file, table }),
        None => Ok(None),
    }
}

/// Refuses what is more than the file, or the host, allows.
fn within_limits(config: &Config, asked: &ConsumerConfig) -> Result<(), Refusal> {
    let topic = || asked.topic.clone();
    let filters = asked.key_filters.len();
    if filters > MOST_FILTERS {
        return Err(Refusal::TooManyFilters { topic: topic(), asked: filters, most: MOST_FILTERS });
    }
    if let Some(long) = asked.key_filters.iter().map(String::len).find(|bytes| *bytes > FILTER_BYTES) {
        return Err(Refusal::FilterTooLong { topic: topic(), bytes: long, most: FILTER_BYTES });
    }
    if let Some(interval) = asked.flush_interval.filter(|interval| !FLUSH_INTERVAL.contains(interval)) {
        let (least, most) = FLUSH_INTERVAL.into_inner();
        return Err(Refusal::FlushInterval { topic: topic(), asked: interval, least, most });
    }
    batch_within_limits(config, asked)
}

/// Refuses batches that are larger than the file allows.
fn batch_within_limits(config: &Config, asked: &ConsumerConfig) -> Result<(), Refusal> {
    let (size, bytes) = (asked.batch_size.unwrap_or_default(), asked.batch_bytes.unwrap_or_default());
    let wishes = [
        (BatchLimit::Records, u64::from(size), u64::from(config.limits.max_batch_size)),
        (BatchLimit::Bytes, bytes, config.limits.max_batch_bytes),
    ];
    match wishes.into_iter().find(|(_, asked, most)| asked > most) {
        None => Ok(()),
        Some((limit, wish, most)) => {
            let (topic, file) = (asked.topic.clone(), config.file.display().to_string());
            Err(Refusal::BatchTooLarge { topic, file, limit, asked: wish, most })
        }
    }
}

/// The connector's name, alone or with something behind a separator: `orders` does not own `orders2`.
fn is_own_subscription(connector: &str, subscription: &str) -> bool {
    subscription
        .strip_prefix(connector)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.', ':', '/']))
}

fn subscription_type(
    config: &Config,
    asked: &ConsumerConfig,
    mapping: Option<&TopicMapping>,
) -> Result<SubscriptionType, Refusal> {
    let topic = asked.topic.clone();
    if let Some(written) = mapping.and_then(|mapping| mapping.subscription_type)
        && written != asked.subscription_type
    {
        let file = config.file.display().to_string();
        return Err(Refusal::OtherType { topic, file, asked: asked.subscription_type, written });
    }
    if asked.subscription_type == SubscriptionType::Exclusive && config.instances > 1 {
        return Err(Refusal::ExclusiveWithInstances { topic, instances: config.instances });
    }
    Ok(asked.subscription_type)
}

/// A name that no other live consumer of the subscription has: the broker lets a consumer of the same name take over.
/// On Exclusive and Failover it must stay the same over restarts, because the broker remembers who held the subscription
/// and gives its records to nobody else.
fn consumer_name(
    config: &Config,
    asked: &ConsumerConfig,
    mapping: Option<&TopicMapping>,
    subscription_type: SubscriptionType,
    instance: u32,
    host_tag: &str,
) -> String {
    let given = asked.consumer_name.clone().or_else(|| mapping.and_then(|mapping| mapping.consumer_name.clone()));
    match (given, subscription_type) {
        (Some(name), _) if config.instances == 1 => name,
        (Some(name), _) => format!("{name}-{instance}"),
        (None, SubscriptionType::Exclusive) => config.connector_name.clone(),
        (None, SubscriptionType::Failover) => format!("{}-{instance}", config.connector_name),
        (None, SubscriptionType::Shared | SubscriptionType::KeyShared) => {
            format!("{}-{host_tag}-{instance}", config.connector_name)
        }
    }
}

fn policy(
    config: &Config,
    component_sha256: &str,
    asked: &ConsumerConfig,
    mapping: Option<&TopicMapping>,
    subscription_type: SubscriptionType,
    fuse: &Arc<Fuse>,
) -> LanePolicy {
    let processing = &config.processing;
    let batch_size = asked.batch_size.or(mapping.and_then(|m| m.batch_size)).unwrap_or(processing.batch_size);
    let batch_bytes = asked.batch_bytes.or(mapping.and_then(|m| m.batch_bytes)).unwrap_or(processing.batch_bytes);
    let flush_interval =
        asked.flush_interval.or(mapping.and_then(|m| m.flush_interval)).unwrap_or(processing.flush_interval);
    let subject = asked.expected_schema_subject.clone();
    let subject = subject.or_else(|| mapping.and_then(|m| m.expected_schema_subject.clone()));
    let order = subscription_type.order();
    LanePolicy {
        connector: config.connector_name.as_str().into(),
        component_sha256: component_sha256.into(),
        topic: asked.topic.as_str().into(),
        subscription: asked.subscription.as_str().into(),
        batch_size: batch_size.max(1) as usize,
        batch_bytes: usize::try_from(batch_bytes.max(1)).unwrap_or(usize::MAX),
        flush_interval,
        raw: asked.payload_format == PayloadFormat::Raw
            || mapping.and_then(|m| m.payload_format) == Some(PayloadFormat::Raw),
        watch: Watch::of(subscription_type, config.instances),
        order,
        hold: subscription_type == SubscriptionType::KeyShared,
        expected_schema_subject: subject,
        max_retries: config.retry.max_retries,
        retry_backoff: config.retry.backoff,
        max_backoff: config.retry.max_backoff,
        budget: budget(config.broker.ack_timeout),
        call_timeout: config.limits.call_timeout,
        health_check_interval: processing.health_check_interval,
        health_check_failure_threshold: processing.health_check_failure_threshold,
        on_reject: config.on_reject,
        on_mismatch: config.on_mismatch,
        deliveries: Deliveries::default(),
        fuse: fuse.clone(),
    }
}

/// Answers must arrive inside the broker's ack timeout, with room for the acknowledgements themselves.
fn budget(ack_timeout: Duration) -> Duration {
    ack_timeout.mul_f64(0.8)
}
