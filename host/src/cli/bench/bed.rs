//! Where consumers are measured: a broker with topics that hold records for them. It is one in memory, on threads of its
//! own, or one that runs elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use danube_client::{DanubeClient, SubType};
use danube_dev_broker::{DevBroker, DevBrokerConfig, Observed};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::{Builder, Runtime};

use super::{Context, Stop, machine, payload::document, publisher::Publisher};

/// Records under way at once while a topic is filled.
const PUBLISHING: usize = 64;
/// How many records a real broker is given that are not acknowledged: it skips some of those that a new subscription falls
/// behind by more than 256.
const AHEAD: usize = 200;
/// So long nothing may move before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How the broker's threads are called.
const THREADS: &str = "dev-broker";

/// A broker.
pub(super) struct Bed {
    url: String,
    memory: Option<InMemory>,
    client: DanubeClient,
    /// Topics of one run have names of their own, since a real broker has them from earlier runs.
    tag: u32,
    topics: AtomicUsize,
}

/// The dev broker. Its threads tell its work from that of what is measured.
struct InMemory {
    broker: DevBroker,
    /// Of all consumers.
    acknowledged: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

/// What it took to get records through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    /// Records per second, from the first acknowledgement to the last.
    pub(super) rate: f64,
    /// Microseconds of processor time for each record, without the broker in memory.
    pub(super) processor: f64,
    /// The same of the broker in memory.
    pub(super) broker: f64,
}

/// Processor time so far.
#[derive(Debug, Clone, Copy)]
struct Times {
    all: Duration,
    broker: Duration,
}

impl Times {
    fn now() -> anyhow::Result<Self> {
        Ok(Self { all: machine::processor_time(std::process::id())?, broker: machine::threads_time(THREADS)? })
    }
}

impl Bed {
    /// The broker that was asked for, or one in memory with a window of so many unanswered records.
    pub(super) async fn new(context: &Context, window: usize) -> anyhow::Result<Self> {
        match &context.broker {
            Some(url) => Self::of(url.clone(), None).await,
            None => Self::in_memory(window).await,
        }
    }

    /// A broker in memory, whatever was asked for.
    pub(super) async fn in_memory(window: usize) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name(THREADS).enable_all().build()?;
        let config = DevBrokerConfig { max_unacked_messages: window, ..DevBrokerConfig::default() };
        let broker = runtime.spawn(DevBroker::start(config)).await??;
        let acknowledged = Arc::<AtomicUsize>::default();
        let counter = acknowledged.clone();
        broker.observe(move |what| {
            if let Observed::Acknowledging { .. } = what {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let url = broker.url().to_owned();
        Self::of(url, Some(InMemory { broker, acknowledged, runtime: Some(runtime) })).await
    }

    async fn of(url: String, memory: Option<InMemory>) -> anyhow::Result<Self> {
        let client = DanubeClient::builder().service_url(&url).build().await?;
        Ok(Self { url, memory, client, tag: rand::random(), topics: AtomicUsize::new(0) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Counts the acknowledgements of all consumers, which a broker in memory sees.
    pub(super) fn acknowledged(&self) -> anyhow::Result<impl Fn() -> usize + use<>> {
        let memory = self.memory.as_ref().context("only a broker in memory counts acknowledgements")?;
        let count = memory.acknowledged.clone();
        Ok(move || count.load(Ordering::Relaxed))
    }

    /// Measures one consumer of `records` records, which `start` starts on a topic. It gives what ends it when it is
    /// dropped, and how to count. The broker in memory has all records before the consumer comes; a real one gets them
    /// while it is there.
    pub(super) async fn measure<T, A: Fn() -> usize>(
        &self,
        records: usize,
        bytes: usize,
        start: impl AsyncFnOnce(&str) -> Result<(T, A), Stop>,
    ) -> Result<(T, Drained), Stop> {
        if let Some(memory) = &self.memory {
            let topic = self.subscribed_topic(&memory.broker).await?;
            self.feed(&self.publisher(&topic).await?, records, bytes, &|| usize::MAX, usize::MAX).await?;
            let (consumer, acknowledged) = start(&topic).await?;
            return Ok((consumer, drained(records, &acknowledged).await?));
        }
        let topic = self.topic().await?;
        let (consumer, acknowledged) = start(&topic).await?;
        let publisher = self.publisher(&topic).await?;
        let feed = self.feed(&publisher, records, bytes, &acknowledged, AHEAD);
        let ((), drained) = tokio::try_join!(feed, drained(records, &acknowledged))?;
        Ok((consumer, drained))
    }

    /// A new topic.
    pub(super) async fn topic(&self) -> anyhow::Result<String> {
        let topic = format!("/default/bench-{:08x}-{}", self.tag, self.topics.fetch_add(1, Ordering::Relaxed));
        let builder = self.client.new_producer().with_topic(&topic).with_name("bench-first").with_reliable_dispatch();
        builder.build()?.create().await.with_context(|| format!("cannot create `{topic}`"))?;
        Ok(topic)
    }

    /// A new topic with the subscription `bench`, and nobody on it: a new subscription gets only what comes after it.
    async fn subscribed_topic(&self, broker: &DevBroker) -> anyhow::Result<String> {
        let topic = self.topic().await?;
        let builder = self.client.new_consumer().with_topic(&topic).with_consumer_name("bench-first");
        let mut consumer = builder.with_subscription("bench").with_subscription_type(SubType::Shared).build()?;
        consumer.subscribe().await?;
        let stream = consumer.receive().await?;
        // It has not left before it has come.
        until_listening(broker, &topic, true).await?;
        consumer.close().await;
        drop(stream);
        until_listening(broker, &topic, false).await?;
        Ok(topic)
    }

    /// For a topic that there is.
    pub(super) async fn publisher(&self, topic: &str) -> anyhow::Result<Publisher> {
        Publisher::new(&self.client, topic).await
    }

    /// Publishes records, never more than so many before what is acknowledged.
    pub(super) async fn feed(
        &self,
        publisher: &Publisher,
        records: usize,
        bytes: usize,
        acknowledged: &impl Fn() -> usize,
        ahead: usize,
    ) -> anyhow::Result<()> {
        let send = |n| async move {
            while n >= acknowledged().saturating_add(ahead) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            publisher.send(document(n, bytes)).await
        };
        stream::iter(0..records).map(send).buffer_unordered(PUBLISHING).try_collect().await
    }
}

async fn until_listening(broker: &DevBroker, topic: &str, wanted: bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    let is_listening = || {
        let subscriptions = broker.topic(topic).map(|topic| topic.subscriptions).unwrap_or_default();
        subscriptions.values().flat_map(|subscription| &subscription.consumers).any(|consumer| consumer.streaming)
    };
    while is_listening() != wanted {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "a consumer does not come or go");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Waits until so many records are acknowledged.
pub(super) async fn until(records: usize, acknowledged: &impl Fn() -> usize) -> anyhow::Result<()> {
    let (mut moved, mut seen) = (Instant::now(), 0);
    loop {
        let count = acknowledged();
        if count >= records {
            return Ok(());
        }
        if count > seen {
            (moved, seen) = (Instant::now(), count);
        }
        anyhow::ensure!(moved.elapsed() < PATIENCE, "only {seen} of {records} records were acknowledged");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn drained(records: usize, acknowledged: &impl Fn() -> usize) -> anyhow::Result<Drained> {
    until(1, acknowledged).await?;
    let (before, begun, times) = (acknowledged(), Instant::now(), Times::now()?);
    until(records, acknowledged).await?;
    let (counted, took, after) = ((acknowledged() - before).max(1) as f64, begun.elapsed(), Times::now()?);
    let broker = after.broker.saturating_sub(times.broker).as_secs_f64() * 1e6 / counted;
    let all = (after.all - times.all).as_secs_f64() * 1e6 / counted;
    Ok(Drained { rate: counted / took.as_secs_f64(), processor: (all - broker).max(0.0), broker })
}

impl Drop for InMemory {
    fn drop(&mut self) {
        // Waiting for it is not allowed here, and there is nothing to wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
