//! Topics of a test and publishing to them.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use danube_client::{Producer, SchemaType, errors::DanubeError};

use super::{Rig, unique};
use crate::soon;

/// How many records may be published and not yet at the endpoint. The released broker passes over records when a new
/// subscription falls more than 256 behind.
const FARTHEST_AHEAD: usize = 100;

/// A topic that keeps its records, with a producer on it.
pub struct Topic {
    name: String,
    partitions: Option<usize>,
    subject: Option<String>,
    producer: Producer,
}

/// What is published.
#[derive(Debug, Clone, Default)]
pub struct Message {
    payload: Vec<u8>,
    attributes: Option<HashMap<String, String>>,
    key: Option<String>,
}

impl Message {
    /// With this routing key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// With this attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.get_or_insert_default().insert(name.to_owned(), value.to_owned());
        self
    }
}

impl<T: Into<Vec<u8>>> From<T> for Message {
    fn from(payload: T) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }
}

impl Topic {
    /// `/default/...`
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its subscription is called in connector files.
    pub fn subscription(&self) -> String {
        self.name.rsplit('/').next().unwrap_or_default().replace("topic", "sub")
    }

    /// The subject of its schema, if it has one.
    pub fn subject(&self) -> &str {
        self.subject.as_deref().unwrap_or_default()
    }
}

impl Topic {
    async fn send(&self, Message { payload, attributes, key }: Message) {
        match key {
            Some(key) => self.producer.send_with_key(payload, attributes, &key).await,
            None => self.producer.send(payload, attributes).await,
        }
        .unwrap();
    }
}

impl Rig {
    /// A new topic.
    pub async fn topic(&self) -> Topic {
        self.new_topic(None, None).await
    }

    /// A new topic with partitions.
    pub async fn partitioned(&self, partitions: usize) -> Topic {
        self.new_topic(Some(partitions), None).await
    }

    /// A new topic whose records have a schema.
    pub async fn topic_with_schema(&self, schema_type: SchemaType, definition: &str) -> Topic {
        let subject = unique("subject");
        self.register(&subject, schema_type, definition).await;
        self.new_topic(None, Some(subject)).await
    }

    /// A topic of this name, for publishing to; it is created unless it exists.
    pub async fn topic_named(&self, name: &str) -> Topic {
        let producer = self.producer(name, None, None).await;
        Topic { name: name.to_owned(), partitions: None, subject: None, producer }
    }

    /// The same topic with a producer that uses the next version of its schema. The one before goes on with its own.
    pub async fn next_version(&self, topic: &Topic, schema_type: SchemaType, definition: &str) -> Topic {
        self.register(topic.subject(), schema_type, definition).await;
        let producer = self.producer(&topic.name, topic.partitions, topic.subject.as_deref()).await;
        Topic { name: topic.name.clone(), partitions: topic.partitions, subject: topic.subject.clone(), producer }
    }

    async fn register(&self, subject: &str, schema_type: SchemaType, definition: &str) {
        let registry = self.client.schema();
        let schema = registry.register_schema(subject).with_type(schema_type).with_schema_data(definition.as_bytes());
        soon("the schema", schema.execute()).await.unwrap();
    }

    async fn new_topic(&self, partitions: Option<usize>, subject: Option<String>) -> Topic {
        let name = format!("/default/{}", unique("topic"));
        let producer = self.producer(&name, partitions, subject.as_deref()).await;
        Topic { name, partitions, subject, producer }
    }

    /// The same topic with a new producer, as after a restart of the broker.
    pub async fn reopened(&self, topic: Topic) -> Topic {
        let producer = self.producer(&topic.name, topic.partitions, topic.subject.as_deref()).await;
        Topic { producer, ..topic }
    }

    /// Gives a topic a new producer, however often that has to be tried.
    pub async fn reopen(&self, topic: &mut Topic) {
        topic.producer = soon("a new producer", async {
            loop {
                match self.try_producer(&topic.name, topic.partitions, topic.subject.as_deref()).await {
                    Ok(producer) => return producer,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await;
    }

    pub(super) async fn producer(&self, name: &str, partitions: Option<usize>, subject: Option<&str>) -> Producer {
        soon("the producer", self.try_producer(name, partitions, subject)).await.unwrap()
    }

    async fn try_producer(
        &self,
        name: &str,
        partitions: Option<usize>,
        subject: Option<&str>,
    ) -> Result<Producer, DanubeError> {
        let builder =
            self.client.new_producer().with_topic(name).with_name(unique("producer")).with_reliable_dispatch();
        let builder = match partitions {
            Some(count) => builder.with_partitions(count),
            None => builder,
        };
        let builder = match subject {
            Some(subject) => builder.with_schema_subject(subject),
            None => builder,
        };
        let mut producer = builder.build()?;
        producer.create().await?;
        Ok(producer)
    }

    /// Publishes records of which the endpoint sees nothing.
    pub async fn publish_unseen<M: Into<Message>>(&self, topic: &Topic, messages: impl IntoIterator<Item = M>) {
        for message in messages {
            soon("a record to be published", topic.send(message.into())).await;
        }
    }

    /// Publishes records that go to the endpoint, in order, and never runs far ahead of it.
    pub async fn publish<M: Into<Message>>(&self, topic: &Topic, messages: impl IntoIterator<Item = M>) {
        for message in messages {
            let published = self.published.fetch_add(1, Ordering::Relaxed);
            soon("the endpoint to keep up", async {
                while published >= FARTHEST_AHEAD && published - FARTHEST_AHEAD >= self.endpoint.records().len() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
            soon("a record to be published", self.try_publish(topic, message.into())).await.unwrap();
        }
    }

    /// Publishes one record, at once. An error does not mean that the broker has not taken it.
    pub async fn try_publish(&self, topic: &Topic, message: Message) -> Result<(), DanubeError> {
        let Message { payload, attributes, key } = message;
        match key {
            Some(key) => topic.producer.send_with_key(payload, attributes, &key).await.map(drop),
            None => topic.producer.send(payload, attributes).await.map(drop),
        }
    }
}
