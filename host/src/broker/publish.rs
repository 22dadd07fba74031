//! One producer on one topic, on danube-core's own gRPC client: a record counts as published when the broker has stored it.
//! danube-client's producer can't set a schema reference record by record.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use danube_core::proto::{
    DispatchStrategy, MsgId, ProducerAccessMode, ProducerRequest, StreamMessage,
    producer_service_client::ProducerServiceClient,
};

use super::{Broker, Content, Error, connection::Route};

/// How often publishing is tried where nobody else would try again.
const TRIES: u32 = 5;

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub(super) struct Outgoing {
    pub(super) payload: Bytes,
    pub(super) attributes: HashMap<String, String>,
    pub(super) schema_id: Option<u64>,
    pub(super) schema_version: Option<u32>,
    pub(super) routing_key: Option<String>,
}

impl Outgoing {
    /// The same content with other attributes.
    pub(super) fn with(content: &Content, attributes: HashMap<String, String>) -> Self {
        Self {
            payload: content.payload.clone(),
            attributes,
            schema_id: content.schema_id,
            schema_version: content.schema_version,
            routing_key: content.routing_key.clone(),
        }
    }
}

/// A producer on one topic, or on one partition. The broker creates a topic that does not exist yet.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) broker: Broker,
    pub(super) topic: String,
    name: String,
    session: Option<(Route, u64)>,
}

impl Publisher {
    /// Prepares; nothing is sent yet.
    pub(super) fn new(broker: Broker, topic: String, name: String) -> Self {
        Self { broker, topic, name, session: None }
    }

    /// Publishes one record and waits until the broker has stored it. `what` says in an error what it was.
    pub(super) async fn publish(&mut self, what: &str, outgoing: &Outgoing) -> Result<(), Error> {
        self.open().await?;
        let Some((route, producer_id)) = self.session.take() else { return Ok(()) };
        let request = self.broker.request(self.message(outgoing.clone(), producer_id), &route);
        let mut client = ProducerServiceClient::new(route.link.clone());
        let action = format!("publish {what} to `{}`", self.topic);
        self.broker.call(&action, client.send_message(request)).await?;
        self.session = Some((route, producer_id));
        Ok(())
    }

    /// The same, with a few more tries while the broker can't be reached or has forgotten the producer.
    pub(super) async fn publish_stubbornly(&mut self, what: &str, outgoing: &Outgoing) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            match self.publish(what, outgoing).await {
                Err(error) if tries < TRIES && error.is_retryable() => {
                    tokio::time::sleep(Duration::from_millis(200) * 2_u32.pow(tries)).await;
                }
                result => return result,
            }
            tries += 1;
        }
    }

    /// Registers the producer, unless it is; creates the topic, if it must be.
    pub(super) async fn open(&mut self) -> Result<(), Error> {
        if self.session.is_some() {
            return Ok(());
        }
        let action = format!("produce to `{}`", self.topic);
        // A topic that does not exist yet has no owner; asking the configured broker creates it.
        let route = match self.broker.route(&self.topic).await {
            Err(Error::NotFound { .. }) => self.broker.service_route(),
            route => route?,
        };
        let request = ProducerRequest {
            request_id: 0,
            producer_name: self.name.clone(),
            topic_name: self.topic.clone(),
            schema_ref: None,
            producer_access_mode: ProducerAccessMode::Shared.into(),
            dispatch_strategy: DispatchStrategy::Reliable.into(),
        };
        let request = self.broker.request(request, &route);
        let mut client = ProducerServiceClient::new(route.link.clone());
        let producer_id = self.broker.call(&action, client.create_producer(request)).await?.producer_id;
        self.session = Some((route, producer_id));
        Ok(())
    }

    fn message(&self, outgoing: Outgoing, producer_id: u64) -> StreamMessage {
        let Outgoing { payload, attributes, schema_id, schema_version, routing_key } = outgoing;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        StreamMessage {
            request_id: 0,
            msg_id: Some(MsgId {
                producer_id,
                topic_name: self.topic.clone(),
                broker_addr: self.broker.url().to_owned(),
                topic_offset: 0,
            }),
            payload,
            // danube-client publishes milliseconds.
            publish_time: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            producer_name: self.name.clone(),
            subscription_name: String::new(),
            attributes,
            schema_id,
            schema_version,
            routing_key,
        }
    }
}
