//! Publishing dead letters: the record as it was published, with headers that say where it came from and why it is here.

use std::{collections::HashMap, time::SystemTime};

use super::{
    Broker, Content, Error, anchor, header,
    publish::{Outgoing, Publisher},
};

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
    publisher: Publisher,
}

impl DeadLetters {
    /// Prepares; nothing is sent yet.
    pub fn new(broker: Broker, topic: String, producer_name: String) -> Self {
        Self { publisher: Publisher::new(broker, topic, producer_name) }
    }

    /// Publishes one dead letter and waits until the broker has stored it. Before the first one it makes sure that dead
    /// letters can be read back.
    pub async fn publish(&mut self, letter: &DeadLetter) -> Result<(), Error> {
        anchor::before_the_first_letter(&mut self.publisher).await?;
        let outgoing = Outgoing::with(&letter.content, letter.attributes());
        self.publisher.publish("a dead letter", &outgoing).await
    }
}

impl DeadLetter {
    fn attributes(&self) -> HashMap<String, String> {
        let mut attributes = self.content.attributes.clone();
        let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let headers = [
            (header::TOPIC, self.topic.clone()),
            (header::OFFSET, self.offset.to_string()),
            (header::SUBSCRIPTION, self.subscription.clone()),
            (header::PRODUCER_ID, self.producer_id.to_string()),
            (header::PUBLISH_TIME, self.content.publish_time.to_string()),
            (header::REASON, self.reason.clone()),
            (header::ATTEMPT, self.attempts.to_string()),
            (header::TIME, now),
            (header::CONNECTOR, self.connector.clone()),
            (header::COMPONENT, self.component_sha256.clone()),
            (header::STAGE, self.stage.to_owned()),
        ];
        attributes.extend(headers.map(|(name, value)| (name.to_owned(), value)));
        attributes
    }
}
