//! Publishing with Danube's own client, as any producer would.

use std::time::Duration;

use anyhow::Context;
use danube_client::{DanubeClient, Producer};

use super::records::Record;

/// How many records may be published and not yet written.
const FARTHEST_AHEAD: usize = 200;

/// A producer on one topic; the topic exists once this does.
pub(super) struct Publisher {
    producer: Producer,
    topic: String,
}

impl Publisher {
    pub(super) async fn new(url: &str, topic: &str) -> anyhow::Result<Self> {
        let client = DanubeClient::builder().service_url(url).build().await?;
        let mut producer =
            client.new_producer().with_topic(topic).with_name("danube-wasm-dev").with_reliable_dispatch().build()?;
        producer.create().await.with_context(|| format!("cannot publish to `{topic}`"))?;
        Ok(Self { producer, topic: topic.to_owned() })
    }

    /// Publishes all records, in order, and never runs far ahead of those that are `done`: Danube passes over records
    /// that are more than 256 ahead of what a new subscription has consumed, and the in-memory broker does as Danube does.
    pub(super) async fn publish(&mut self, records: &[Record], done: impl Fn() -> usize) -> anyhow::Result<()> {
        for (published, record) in records.iter().enumerate() {
            while published >= done() + FARTHEST_AHEAD {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let sent = self.producer.send(record.payload.clone().into_bytes(), None).await;
            sent.with_context(|| format!("cannot publish to `{}`", self.topic))?;
        }
        Ok(())
    }
}
