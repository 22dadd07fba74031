//! Where consumers are measured: a broker in memory, with topics that hold records for them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use danube_client::{DanubeClient, SubType};
use danube_dev_broker::{DevBroker, DevBrokerConfig, Observed};
use futures::{StreamExt, TryStreamExt, stream};

use super::payload::document;

/// Records under way at once while a topic is filled.
const PUBLISHING: usize = 64;
/// So long nothing may move before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker, and what it saw of acknowledgements.
pub(super) struct Bed {
    pub(super) broker: DevBroker,
    client: DanubeClient,
    acks: Arc<Mutex<Acks>>,
    topics: AtomicUsize,
}

/// The acknowledgements since they were last counted.
#[derive(Debug, Default, Clone, Copy)]
struct Acks {
    count: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Bed {
    /// With a window of so many unanswered records.
    pub(super) async fn new(window: usize) -> anyhow::Result<Self> {
        let broker =
            DevBroker::start(DevBrokerConfig { max_unacked_messages: window, ..DevBrokerConfig::default() }).await?;
        let client = DanubeClient::builder().service_url(broker.url()).build().await?;
        let acks = Arc::<Mutex<Acks>>::default();
        let counting = acks.clone();
        broker.observe(move |what| {
            if let Observed::Acknowledging { .. } = what {
                counting.lock().unwrap_or_else(PoisonError::into_inner).saw_one();
            }
        });
        Ok(Self { broker, client, acks, topics: AtomicUsize::new(0) })
    }

    /// A new topic on which the subscription `bench` has so many records before it, and nobody on it.
    pub(super) async fn backlog(&self, records: usize, bytes: usize) -> anyhow::Result<String> {
        let topic = self.topic().await?;
        self.fill(&topic, records, bytes).await?;
        *self.acks() = Acks::default();
        Ok(topic)
    }

    /// A new topic with the subscription `bench`, and nobody on it.
    pub(super) async fn topic(&self) -> anyhow::Result<String> {
        let topic = format!("/default/bench-{}", self.topics.fetch_add(1, Ordering::Relaxed));
        let mut producer =
            self.client.new_producer().with_topic(&topic).with_name("bench").with_reliable_dispatch().build()?;
        producer.create().await?;
        // A new subscription gets only what comes after it.
        let builder = self.client.new_consumer().with_topic(&topic).with_consumer_name("bench-first");
        let mut consumer = builder.with_subscription("bench").with_subscription_type(SubType::Shared).build()?;
        consumer.subscribe().await?;
        let stream = consumer.receive().await?;
        // It has not left before it has come.
        self.until_listening(&topic, true).await?;
        consumer.close().await;
        drop(stream);
        self.until_listening(&topic, false).await?;
        Ok(topic)
    }

    async fn until_listening(&self, topic: &str, wanted: bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        let is_listening = || {
            let subscriptions = self.broker.topic(topic).map(|topic| topic.subscriptions).unwrap_or_default();
            subscriptions.values().flat_map(|subscription| &subscription.consumers).any(|consumer| consumer.streaming)
        };
        while is_listening() != wanted {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "a consumer does not come or go");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Publishes records, as fast as it goes.
    pub(super) async fn fill(&self, topic: &str, records: usize, bytes: usize) -> anyhow::Result<()> {
        let mut producer =
            self.client.new_producer().with_topic(topic).with_name("fill").with_reliable_dispatch().build()?;
        producer.create().await?;
        let producer = &producer;
        let send = |n| async move { producer.send(document(n, bytes).into_bytes(), None).await.map(drop) };
        let sent = stream::iter(0..records).map(send).buffer_unordered(PUBLISHING).try_collect::<()>().await;
        sent.context("cannot publish to the broker in memory")
    }

    /// Waits for so many acknowledgements. Gives the records per second between the first and the last of them.
    pub(super) async fn drained(&self, records: usize) -> anyhow::Result<f64> {
        let (mut moved, mut seen) = (Instant::now(), 0);
        loop {
            let acks = *self.acks();
            if let (true, Some(first), Some(last)) = (acks.count >= records, acks.first, acks.last) {
                return Ok((acks.count - 1) as f64 / (last - first).as_secs_f64());
            }
            if acks.count > seen {
                (moved, seen) = (Instant::now(), acks.count);
            }
            anyhow::ensure!(moved.elapsed() < PATIENCE, "only {seen} of {records} records were acknowledged");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn acks(&self) -> std::sync::MutexGuard<'_, Acks> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acks {
    fn saw_one(&mut self) {
        let now = Instant::now();
        self.count += 1;
        self.first.get_or_insert(now);
        self.last = Some(now);
    }
}
