//! A dead-letter topic and who reads it.

use danube_client::{Consumer, SubType};
use danube_core::message::StreamMessage;
use danube_wasm::broker::header;
use tokio::sync::mpsc;

use super::{Rig, unique};
use crate::soon;

/// A dead-letter topic that is being read.
pub struct DeadLetters {
    topic: String,
    consumer: Consumer,
    records: mpsc::Receiver<StreamMessage>,
}

impl DeadLetters {
    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The next dead letter. The host's marks in the log are passed over.
    pub async fn next(&mut self) -> StreamMessage {
        loop {
            let letter = soon("a dead letter", self.records.recv()).await.expect("the consumer died");
            soon("its acknowledgement", self.consumer.ack(&letter)).await.unwrap();
            if !letter.attributes.contains_key(header::MARK) {
                return letter;
            }
        }
    }
}

impl Rig {
    /// A name for a topic of dead letters that does not exist yet.
    pub fn dead_letter_topic(&self) -> String {
        format!("/default/{}", unique("dlq"))
    }

    /// A new topic for dead letters, and a consumer on it.
    pub async fn dead_letters(&self) -> DeadLetters {
        let topic = format!("/default/{}", unique("dlq"));
        self.producer(&topic, None, None).await;
        let builder = self.client.new_consumer().with_topic(&topic).with_consumer_name(unique("reader"));
        let builder = builder.with_subscription("reader").with_subscription_type(SubType::Exclusive);
        let mut consumer = builder.build().unwrap();
        soon("the dead letters' consumer", consumer.subscribe()).await.unwrap();
        let records = soon("the dead letters' stream", consumer.receive()).await.unwrap();
        DeadLetters { topic, consumer, records }
    }
}
