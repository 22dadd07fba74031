//! The broker behind its gRPC services: topics, registered producers and consumers, the schema registry, the faults.
//! Every operation is synchronous; nothing here knows tonic's transport.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};

use danube_core::proto::{DispatchStrategy, MsgId};
use tokio::time::Instant;

use crate::{
    catalog::Catalog,
    config::DevBrokerConfig,
    connections::Connections,
    faults::Armed,
    observer::Observer,
    outbox::RecordStream,
    record::{ConsumerId, Record, lock},
    schema::Registry,
    subscription::DeadLetter,
    topic::{ConsumerKey, Letters, PublishError, Rules, Topic},
};

/// The whole state of a dev broker.
pub(crate) struct Broker {
    /// The URL that lookups answer.
    pub(crate) url: String,
    /// The broker's own name, in the names of the producers that publish its dead letters.
    id: u64,
    pub(crate) auto_create_topics: bool,
    pub(crate) catalog: Catalog,
    /// The topic of every producer. One that belongs to a deleted topic stays known.
    producers: RwLock<HashMap<u64, String>>,
    consumers: RwLock<HashMap<ConsumerId, ConsumerKey>>,
    registry: Mutex<Registry>,
    /// The requests made for dead letters, by topic.
    replicated: Mutex<HashMap<String, u64>>,
    pub(crate) faults: Armed,
    pub(crate) observer: Observer,
    pub(crate) connections: Connections,
}

impl Broker {
    pub(crate) fn new(config: &DevBrokerConfig, url: String) -> Self {
        Self {
            url,
            id: rand::random(),
            auto_create_topics: config.auto_create_topics,
            catalog: Catalog::new(config.namespaces.clone(), Rules::from(config)),
            producers: RwLock::default(),
            consumers: RwLock::default(),
            registry: Mutex::default(),
            replicated: Mutex::default(),
            faults: Armed::default(),
            observer: Observer::default(),
            connections: Connections::default(),
        }
    }

    /// Runs `with` on the schema registry.
    pub(crate) fn registry<T>(&self, with: impl FnOnce(&mut Registry) -> T) -> T {
        with(&mut lock(&self.registry))
    }

    /// The topic of that name, else its partitions.
    pub(crate) fn topics_of(&self, name: &str) -> Vec<Arc<Topic>> {
        let partition = format!("{name}-part-");
        let of_name = |topic: &Arc<Topic>| topic.name == name || topic.name.starts_with(&partition);
        self.catalog.all().into_iter().filter(of_name).collect()
    }

    /// The producer of that name on a topic, registered if it is new.
    pub(crate) fn register_producer(&self, topic: &Topic, name: &str) -> u64 {
        let id = topic.producer(name, rand::random());
        self.producers.write().unwrap_or_else(PoisonError::into_inner).insert(id, topic.name.clone());
        id
    }

    /// The topic that a producer was registered for, which may be gone.
    pub(crate) fn topic_of_producer(&self, id: u64) -> Option<String> {
        self.producers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Whether a producer was ever registered.
    pub(crate) fn knows_producer(&self, id: u64) -> bool {
        self.producers.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    pub(crate) fn register_consumer(&self, key: ConsumerKey) {
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).insert(key.id, key);
    }

    pub(crate) fn consumer(&self, id: ConsumerId) -> Option<ConsumerKey> {
        self.consumers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Publishes a message and whatever dead letters that sets free.
    pub(crate) fn publish(&self, topic: &Topic, record: Record) -> Result<(), PublishError> {
        if let Some(schema) = topic.schema(|schema| schema.checks_messages().then(|| schema.clone())) {
            let admitted = self.registry(|registry| schema.admit(&topic.name, &record, registry));
            admitted.map_err(PublishError::Schema)?;
        }
        let letters = topic.publish(record, &self.observer, Instant::now())?;
        self.post(&topic.name, letters);
        Ok(())
    }

    /// A stream for a consumer; `None` if the consumer is unknown. When the stream is gone, what the consumer holds goes
    /// to the next one.
    pub(crate) fn attach(self: &Arc<Self>, id: ConsumerId) -> Option<RecordStream> {
        let key = self.consumer(id)?;
        let topic = self.catalog.get(&key.topic)?;
        let (broker, gone) = (Arc::downgrade(self), key.clone());
        let on_gone = Box::new(move || {
            if let Some(broker) = broker.upgrade() {
                broker.detach(&gone);
            }
        });
        let (stream, letters) = topic.attach(&key.subscription, id, on_gone, Instant::now())?;
        self.post(&key.topic, letters);
        Some(stream)
    }

    fn detach(&self, key: &ConsumerKey) {
        let Some(topic) = self.catalog.get(&key.topic) else { return };
        let letters = topic.detach(&key.subscription, key.id, Instant::now());
        self.post(&key.topic, letters);
    }

    /// Lets time pass on every topic.
    pub(crate) fn tick(&self) {
        for topic in self.catalog.all() {
            self.post(&topic.name, topic.tick(Instant::now()));
        }
    }

    /// Forgets everything that a broker forgets when it stops. Topics, records, cursors and schemas stay.
    pub(crate) fn restart(&self) {
        self.catalog.all().iter().for_each(|topic| topic.restart());
        self.producers.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Publishes dead letters and tells their subscriptions. Publishing may set free others, on any topic.
    pub(crate) fn post(&self, source: &str, letters: impl IntoIterator<Item = Letters>) {
        let mut due: Vec<(String, Letters)> = letters.into_iter().map(|letters| (source.to_owned(), letters)).collect();
        while let Some((source, Letters { subscription, letters })) = due.pop() {
            for letter in letters {
                let offset = letter.offset;
                let freed = self.publish_dead_letter(&source, &subscription, letter);
                let published = freed.is_some();
                due.extend(freed.into_iter().flatten());
                let told = self.catalog.get(&source);
                let told = told.and_then(|topic| topic.dead_lettered(&subscription, offset, published, Instant::now()));
                due.extend(told.map(|letters| (source.clone(), letters)));
            }
        }
    }

    /// `None` if it cannot be published: the topic may not be created, or it is not reliable.
    fn publish_dead_letter(
        &self,
        source: &str,
        subscription: &str,
        letter: DeadLetter,
    ) -> Option<Vec<(String, Letters)>> {
        let name = letter.topic.clone();
        let topic = match self.catalog.get(&name) {
            Some(topic) => topic,
            None => self.catalog.create(&name, DispatchStrategy::Reliable, None).ok()?,
        };
        if !topic.reliable {
            return None;
        }
        let record = self.dead_letter(&topic, source, subscription, letter);
        let freed = topic.publish(record, &self.observer, Instant::now()).ok()?;
        Some(freed.into_iter().map(|letters| (name.clone(), letters)).collect())
    }

    fn dead_letter(&self, topic: &Topic, source: &str, subscription: &str, letter: DeadLetter) -> Record {
        let DeadLetter { topic: _, record, offset, sends, reason, policy } = letter;
        let producer_name = format!("broker-replicator-{}-0", self.id);
        let original = record.msg_id.clone().unwrap_or_default();
        let mut attributes = record.attributes.clone();
        attributes.extend(
            [
                ("x-original-topic", source.to_owned()),
                ("x-original-subscription", subscription.to_owned()),
                ("x-original-topic-offset", offset.to_string()),
                ("x-original-producer-id", original.producer_id.to_string()),
                ("x-original-broker-addr", original.broker_addr),
                ("x-poison-policy", policy.to_owned()),
                ("x-delivery-attempt", sends.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        attributes.extend(reason.map(|reason| ("x-failure-reason".to_owned(), reason)));
        let msg_id = MsgId {
            producer_id: self.register_producer(topic, &producer_name),
            topic_name: topic.name.clone(),
            broker_addr: format!("{}/", self.url),
            topic_offset: 0,
        };
        Record {
            request_id: self.next_replicated(&topic.name),
            msg_id: Some(msg_id),
            payload: record.payload.clone(),
            publish_time: now_millis(),
            producer_name,
            attributes,
            ..Record::default()
        }
    }

    fn next_replicated(&self, topic: &str) -> u64 {
        let mut replicated = lock(&self.replicated);
        let count = replicated.entry(topic.to_owned()).or_default();
        *count += 1;
        *count
    }
}

impl From<&DevBrokerConfig> for Rules {
    fn from(config: &DevBrokerConfig) -> Self {
        Self {
            window: config.max_unacked_messages,
            policy: config.failure_policy.clone(),
            honour_window: config.honour_dispatch_config,
            promote_standby: config.promote_standby,
            eviction: config.key_shared_eviction,
            hand_over: config.key_shared_hand_over,
            live_backlog: config.live_backlog,
        }
    }
}

/// As clients stamp their messages: milliseconds since the Unix epoch.
fn now_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
