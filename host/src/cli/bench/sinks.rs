//! Records per second of the sinks that need a server of their own, each next to a plain native client that does the same
//! work, in turns, on servers that the command line names.

mod clickhouse;
mod postgres;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use danube_client::{DanubeClient, Producer};
use danube_dev_broker::{DevBroker, DevBrokerConfig, Observed};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;

use super::{Context, Figure, Stop, median, payload::document};
use crate::{
    cli::dev::until_ready,
    config::{Config, Environment},
    host::{Host, HostOptions},
    shutdown::Shutdown,
};

/// Records that the broker hands out unanswered.
const WINDOW: usize = 2000;
/// Records in a batch.
const BATCH: usize = 1000;
/// Bytes of a record.
const BYTES: usize = 500;
/// Records under way at once while they are published.
const PUBLISHING: usize = 64;
/// So long nothing may move before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The servers to write to. A sink whose server is not named is not measured.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Servers {
    /// Measure the ClickHouse sink on this server's HTTP interface, as in http://user:password@127.0.0.1:8123/. It gets a
    /// table `danube_bench`.
    #[arg(long, value_name = "URL")]
    clickhouse: Option<url::Url>,
    /// Measure the PostgreSQL sink on this database, as in postgres://user:password@127.0.0.1/db. It gets a table
    /// `danube_bench`.
    #[arg(long, value_name = "URL")]
    postgres: Option<url::Url>,
}

/// All sinks whose servers are named.
pub(super) async fn measure(context: &Context, servers: &Servers) -> Result<Vec<Figure>, Stop> {
    let Servers { clickhouse, postgres } = servers;
    let mut figures = Vec::new();
    match clickhouse {
        Some(url) => figures.push(clickhouse::measure(context, url).await?),
        None => eprintln!("not measured: the ClickHouse sink; name a server with --clickhouse URL"),
    }
    match postgres {
        Some(url) => figures.extend(postgres::measure(context, url).await?),
        None => eprintln!("not measured: the PostgreSQL sink; name a database with --postgres URL"),
    }
    Ok(figures)
}

/// A broker in memory, with what it saw of acknowledgements.
struct Source {
    broker: DevBroker,
    client: DanubeClient,
    acknowledged: Arc<AtomicUsize>,
    topics: AtomicUsize,
}

impl Source {
    async fn new() -> anyhow::Result<Self> {
        let config = DevBrokerConfig { max_unacked_messages: WINDOW, ..DevBrokerConfig::default() };
        let broker = DevBroker::start(config).await?;
        let client = DanubeClient::builder().service_url(broker.url()).build().await?;
        let acknowledged = Arc::<AtomicUsize>::default();
        let counter = acknowledged.clone();
        broker.observe(move |what| {
            if let Observed::Acknowledging { .. } = what {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { broker, client, acknowledged, topics: AtomicUsize::new(0) })
    }

    fn url(&self) -> &str {
        self.broker.url()
    }

    /// A new topic.
    async fn topic(&self) -> anyhow::Result<(String, Producer)> {
        let topic = format!("/default/sinks-{}", self.topics.fetch_add(1, Ordering::Relaxed));
        let builder = self.client.new_producer().with_topic(&topic).with_name("bench").with_reliable_dispatch();
        let mut producer = builder.build()?;
        producer.create().await?;
        Ok((topic, producer))
    }

    /// Publishes records to whoever is subscribed, until all are acknowledged. Gives the records per second from the first
    /// acknowledgement to the last.
    async fn drain(&self, producer: &Producer, records: usize) -> anyhow::Result<f64> {
        let before = self.acknowledged.load(Ordering::Relaxed);
        let send = |n| async move { producer.send(document(n, BYTES).into_bytes(), None).await.map(drop) };
        let publishing = stream::iter(0..records).map(send).buffer_unordered(PUBLISHING).try_collect::<()>();
        let counting = async {
            let (mut first, mut moved, mut seen) = (None, Instant::now(), 0);
            loop {
                let count = self.acknowledged.load(Ordering::Relaxed) - before;
                if count > seen {
                    (moved, seen) = (Instant::now(), count);
                    first.get_or_insert((moved, count));
                }
                if let (true, Some((begun, already))) = (count >= records, first) {
                    return Ok((records - already) as f64 / begun.elapsed().as_secs_f64());
                }
                anyhow::ensure!(moved.elapsed() < PATIENCE, "only {seen} of {records} records were acknowledged");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ((), rate) = tokio::try_join!(async { Ok(publishing.await?) }, counting)?;
        Ok(rate)
    }
}

/// The host with one connector.
struct Running {
    shutdown: Shutdown,
    running: JoinHandle<()>,
}

impl Running {
    /// Runs a component with a file.
    async fn start(context: &Context, component: &[u8], file: &str) -> Result<Self, Stop> {
        let path = context.guests.folder().join("sink.toml");
        std::fs::write(context.guests.folder().join("sink.wasm"), component)?;
        let config =
            Config::parse(&path, file, &Environment::default()).map_err(|error| Stop::Usage(error.to_string()))?;
        let host = Host::new(vec![config], HostOptions { listen: None, engine: context.engine()? }).await?;
        let (status, shutdown) = (host.status(), Shutdown::new());
        let running = Self { running: tokio::spawn(host.run(shutdown.clone())), shutdown: shutdown.clone() };
        until_ready(&status, &shutdown).await?;
        Ok(running)
    }

    async fn stop(self) -> Result<(), Stop> {
        self.shutdown.drain();
        Ok(self.running.await?)
    }
}

/// Pairs of rates, in records per second: the median of their ratios counts.
#[derive(Default)]
struct Pairs {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Pairs {
    fn figure(self, key: &'static str, what: &str) -> Figure {
        let ratios = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect();
        let what = format!("{what} ({:.0} over {:.0})", median(self.ours.clone()), median(self.theirs.clone()));
        Figure::plain(key, median(ratios), what)
    }
}
