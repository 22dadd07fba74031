//! Publishing dead letters: the record as it was published, with headers that say where it came from and why it is here.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use danube_core::proto::{
    DispatchStrategy, MsgId, ProducerAccessMode, ProducerRequest, StreamMessage,
    producer_service_client::ProducerServiceClient,
};

use super::{Broker, Content, Error, connection::Route};

/// A record that is given up on. Header names follow the broker's own dead letters where it has them.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The record as it was published.
    pub content: Content,
    /// The topic that it came from, with its partition.
    pub topic: String,
    /// Its offset there.
    pub offset: u64,
    /// The broker's id of its producer.
    pub producer_id: u64,
    /// The subscription that it was consumed on.
    pub subscription: String,
    /// Why it is given up on.
    pub reason: String,
    /// `decode`, `schema`, `process` or `trap`: what it did not survive.
    pub stage: &'static str,
    /// How often the host gave it to the guest; 0 if never.
    pub attempts: u32,
    /// The connector's name.
    pub connector: String,
    /// The digest of the connector's component, 64 hex digits.
    pub component_sha256: String,
}

/// A producer on one dead-letter topic. The topic is created by the broker when the first dead letter comes.
#[derive(Debug)]
pub struct DeadLetters {
    broker: Broker,
    topic: String,
    producer_name: String,
    session: Option<(Route, u64)>,
}

impl DeadLetters {
    /// Prepares; nothing is sent yet.
    pub fn new(broker: Broker, topic: String, producer_name: String) -> Self {
        Self { broker, topic, producer_name, session: None }
    }

    /// Publishes one dead letter and waits until the broker has stored it.
    pub async fn publish(&mut self, letter: &DeadLetter) -> Result<(), Error> {
        let (route, producer_id) = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        let message = self.message(letter, producer_id);
        let request = self.broker.request(message, &route).await?;
        let mut client = ProducerServiceClient::new(route.channel.clone());
        let action = format!("publish a dead letter to `{}`", self.topic);
        self.broker.call(&action, client.send_message(request)).await?;
        self.session = Some((route, producer_id));
        Ok(())
    }

    async fn open(&self) -> Result<(Route, u64), Error> {
        let action = format!("produce to `{}`", self.topic);
        // A topic that does not exist yet has no owner; asking the configured broker creates it.
        let route = match self.broker.route(&self.topic).await {
            Err(Error::NotFound { .. }) => self.broker.service_route(&action).await?,
            route => route?,
        };
        let request = ProducerRequest {
            request_id: 0,
            producer_name: self.producer_name.clone(),
            topic_name: self.topic.clone(),
            schema_ref: None,
            producer_access_mode: ProducerAccessMode::Shared.into(),
            dispatch_strategy: DispatchStrategy::Reliable.into(),
        };
        let request = self.broker.request(request, &route).await?;
        let mut client = ProducerServiceClient::new(route.channel.clone());
        let producer_id = self.broker.call(&action, client.create_producer(request)).await?.producer_id;
        Ok((route, producer_id))
    }

    fn message(&self, letter: &DeadLetter, producer_id: u64) -> StreamMessage {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        StreamMessage {
            request_id: 0,
            msg_id: Some(MsgId {
                producer_id,
                topic_name: self.topic.clone(),
                broker_addr: self.broker.url().to_owned(),
                topic_offset: 0,
            }),
            payload: letter.content.payload.clone(),
            // danube-client publishes milliseconds.
            publish_time: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            producer_name: self.producer_name.clone(),
            subscription_name: String::new(),
            attributes: letter.attributes(),
            schema_id: letter.content.schema_id,
            schema_version: letter.content.schema_version,
            routing_key: letter.content.routing_key.clone(),
        }
    }
}

impl DeadLetter {
    fn attributes(&self) -> HashMap<String, String> {
        let mut attributes = self.content.attributes.clone();
        let headers = [
            ("x-original-topic", self.topic.clone()),
            ("x-original-topic-offset", self.offset.to_string()),
            ("x-original-subscription", self.subscription.clone()),
            ("x-original-producer-id", self.producer_id.to_string()),
            ("x-failure-reason", self.reason.clone()),
            ("x-delivery-attempt", self.attempts.to_string()),
            ("x-connector", self.connector.clone()),
            ("x-component-sha256", self.component_sha256.clone()),
            ("x-stage", self.stage.to_owned()),
        ];
        attributes.extend(headers.map(|(name, value)| (name.to_owned(), value)));
        attributes
    }
}
