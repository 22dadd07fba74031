//! Publishing with Danube's own client, as any producer would.

use std::collections::HashMap;

use anyhow::Context;
use danube_client::{DanubeClient, Producer};

use crate::cli::records::Record;

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
            let payload = record.payload.to_vec();
            let attributes: HashMap<_, _> = record.attributes.clone().into_iter().collect();
            let attributes = (!attributes.is_empty()).then_some(attributes);
            let sent = match &record.key {
                None => self.producer.send(payload, attributes).await,
                Some(key) => self.producer.send_with_key(payload, attributes, key).await,
            };
            sent.with_context(|| format!("cannot publish to `{}`", self.topic))?;
        }
        Ok(())
    }
}
