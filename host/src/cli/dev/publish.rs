//! Publishing with Danube's own client, as any producer would.

use anyhow::Context;
use danube_client::{DanubeClient, Producer};

use super::records::Record;

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

    /// Publishes all records, in order.
    pub(super) async fn publish(&mut self, records: &[Record]) -> anyhow::Result<()> {
        for record in records {
            let sent = self.producer.send(record.payload.clone().into_bytes(), None).await;
            sent.with_context(|| format!("cannot publish to `{}`", self.topic))?;
        }
        Ok(())
    }
}
