//! What the host is compared with: danube-client's consumer with acknowledgements that overlap, and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use danube_client::{Consumer, DanubeClient, SubType};
use danube_core::message::StreamMessage;
use danube_core::proto::{AckRequest, consumer_service_client::ConsumerServiceClient};
use futures::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Acknowledgements under way at once, as many as a lane of the host has.
const ACKNOWLEDGING: usize = 256;

/// A consumer of one topic.
pub(super) struct Bare {
    _consumer: Consumer,
    messages: mpsc::Receiver<StreamMessage>,
    acks: Acks,
}

/// Where a consumer sends its acknowledgements, and how many it has sent.
#[derive(Clone)]
struct Acks {
    client: ConsumerServiceClient<Channel>,
    count: Arc<AtomicUsize>,
}

impl Bare {
    pub(super) async fn subscribe(url: &str, topic: &str) -> anyhow::Result<Self> {
        let client = DanubeClient::builder().service_url(url).build().await?;
        let builder = client.new_consumer().with_topic(topic).with_consumer_name("bare");
        let mut consumer = builder.with_subscription("bench").with_subscription_type(SubType::Shared).build()?;
        consumer.subscribe().await.context("cannot subscribe")?;
        let messages = consumer.receive().await?;
        let broker = client.resolve_topic_broker(topic).await?;
        let client = ConsumerServiceClient::new(client.get_broker_channel(&broker).await?);
        Ok(Self { _consumer: consumer, messages, acks: Acks { client, count: Arc::default() } })
    }

    /// Counts what it has acknowledged.
    pub(super) fn acknowledged(&self) -> impl Fn() -> usize + use<> {
        let count = self.acks.count.clone();
        move || count.load(Ordering::Relaxed)
    }

    /// What comes within `time`, at most `size` messages and at least one. `None`: nothing will come any more.
    pub(super) async fn batch(&mut self, size: usize, time: Duration) -> Option<Vec<StreamMessage>> {
        let mut batch = vec![self.messages.recv().await?];
        let deadline = Instant::now() + time;
        while batch.len() < size
            && let Ok(Some(message)) = timeout_at(deadline, self.messages.recv()).await
        {
            batch.push(message);
        }
        Some(batch)
    }

    /// Acknowledges a batch while the next one is on its way.
    pub(super) fn acknowledge(&self, messages: Vec<StreamMessage>) {
        let acks = self.acks.clone();
        let all = stream::iter(messages);
        tokio::spawn(all.for_each_concurrent(ACKNOWLEDGING, move |message| acks.clone().acknowledge(message)));
    }

    /// Acknowledges whatever comes, until it is dropped.
    pub(super) async fn run(self) {
        let Self { _consumer, messages, acks } = self;
        let acknowledge = |message: StreamMessage| acks.clone().acknowledge(message);
        ReceiverStream::new(messages).for_each_concurrent(ACKNOWLEDGING, acknowledge).await;
    }
}

impl Acks {
    async fn acknowledge(mut self, message: StreamMessage) {
        let StreamMessage { request_id, msg_id, .. } = message;
        let request = AckRequest { request_id, msg_id: Some(msg_id.into()), subscription_name: "bench".to_owned() };
        match self.client.ack(request).await {
            Ok(_) => drop(self.count.fetch_add(1, Ordering::Relaxed)),
            Err(error) => tracing::warn!(%error, "a record could not be acknowledged"),
        }
    }
}
