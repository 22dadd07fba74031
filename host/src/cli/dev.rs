//! `danube-wasm dev`: the whole path in one process. An in-memory broker, a connector in its sandbox, a local receiver,
//! and records that must arrive there exactly as they were published.

mod progress;
mod publish;
mod receiver;
mod report;
mod samples;
mod watch;
mod workbench;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use danube_dev_broker::{DevBroker, DevBrokerConfig};
use tokio::task::JoinHandle;

pub(super) use self::workbench::BUNDLED;
use self::{
    progress::Progress, publish::Publisher, receiver::Receiver, report::Summary, watch::Project, workbench::Workbench,
};
use super::{
    Operator, Stop,
    records::{self, Record},
    storage::Storage,
};
use crate::{
    config::{Environment, Policy},
    host::{Host, HostOptions},
    shutdown::Shutdown,
    status::{Phase, Status},
};

/// `danube-wasm dev`
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// A connector file. Default: the bundled `http` connector, posting to the local receiver. In the file,
    /// ${env:DANUBE_DEV_RECEIVER} stands for the receiver's URL.
    #[arg(value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    operator: Operator,
    /// Publish the lines of this file (`-`: standard input), one record each, instead of made-up ones.
    #[arg(long, value_name = "FILE|-", conflicts_with = "count")]
    records: Option<PathBuf>,
    /// How many made-up records to publish.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    count: u32,
    /// Publish to this topic. Default: the first topic that the connector's file maps.
    #[arg(long)]
    topic: Option<String>,
    /// Where the local receiver listens. Default: any free port for the bundled connector, else 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    receiver: Option<SocketAddr>,
    /// What counts as success: every record arrived at the receiver as it was sent, or the connector said that it wrote
    /// every record (for sinks that write elsewhere).
    #[arg(long, value_enum, default_value_t = Expect::Arrival)]
    expect: Expect,
    /// Give up when nothing has moved for so long.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, value_name = "TIME")]
    patience: Duration,
    /// Build the project in the folder of FILE first, and again whenever one of its sources changes, and start the connector
    /// anew with what came out.
    #[arg(long, requires = "config")]
    watch: bool,
    /// What builds the project, for the shell, in the folder of FILE. Default: `sh build.sh`.
    #[arg(long, requires = "watch", value_name = "COMMAND")]
    build: Option<String>,
    #[command(flatten)]
    storage: Storage,
}

/// What `dev` takes for success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Expect {
    Arrival,
    Acks,
}

impl Dev {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let policy = self.operator.policy(environment)?;
        let records = match &self.records {
            Some(path) => published(records::read(path)?),
            None => samples::orders(self.count as usize),
        };
        let project = match (&self.config, self.watch) {
            (Some(config), true) => {
                let project = Project::of(config, self.build.clone());
                Some(project.map_err(|error| Stop::Usage(format!("error: {error}")))?)
            }
            (Some(_) | None, _) => None,
        };
        let receiver = Receiver::start(self.receiver_addr()).await?;
        let broker = DevBroker::start(DevBrokerConfig::default()).await?;
        let bench = Bench { dev: &self, environment, policy, records, receiver, broker };
        match project {
            Some(project) => bench.watch(project).await,
            None => {
                let (well, _) = bench.round().await?;
                Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
            }
        }
    }

    fn receiver_addr(&self) -> SocketAddr {
        let port = if self.config.is_some() { 8080 } else { 0 };
        self.receiver.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
    }
}

/// What outlives the connector, should it start anew.
struct Bench<'a> {
    dev: &'a Dev,
    environment: &'a Environment,
    policy: Policy,
    records: Vec<Record>,
    receiver: Receiver,
    broker: DevBroker,
}

/// A connector at work.
struct Running {
    shutdown: Shutdown,
    host: JoinHandle<()>,
}

impl Bench<'_> {
    /// Starts the connector, publishes the records, and says what came of them. The connector goes on if changes are waited
    /// for.
    async fn round(&self) -> Result<(bool, Option<Running>), Stop> {
        let Self { dev, environment, policy, records, receiver, broker } = self;
        let workbench = Workbench::new(dev.config.as_deref(), environment, policy, broker, receiver)?;
        let topic = dev.topic.clone().map_or_else(|| workbench.first_topic(), Ok)?;
        let mut publisher = Publisher::new(broker.url(), &topic).await?;

        receiver.forget();
        let summary = Summary::begin(&workbench, broker, receiver, &topic, records.len());
        let options = HostOptions { listen: None, engine: dev.storage.engine(environment)? };
        let host = Host::new(vec![workbench.config.clone()], options).await?;
        let (status, metrics, shutdown) = (host.status(), host.metrics(), Shutdown::new());
        shutdown.on_signals()?;
        let running = Running { shutdown: shutdown.clone(), host: tokio::spawn(host.run(shutdown)) };
        until_ready(&status, &running.shutdown).await?;

        let mut progress = Progress::new(records.len(), dev.patience);
        // A record is acknowledged only after it was written, so that this is the last thing to happen to it.
        let acknowledged = metrics.lane(&workbench.config.connector_name, &topic).acknowledged;
        let done = || usize::try_from(acknowledged.get()).unwrap_or(usize::MAX);
        let published = publisher.publish(records);
        let interrupted = running.shutdown.draining();
        let outcome = progress.watch(published, &done, || gone_wrong(&status), interrupted).await;
        let expect_arrival = dev.expect == Expect::Arrival;
        let running = match dev.watch {
            true => Some(running),
            false => {
                running.stop().await?;
                super::print_observed(&status);
                None
            }
        };
        let well = summary.finish(&outcome, records, &receiver.arrived(), done(), expect_arrival);
        Ok((well, running))
    }

    /// A round after each build that works, until a signal.
    async fn watch(&self, mut project: Project) -> Result<ExitCode, Stop> {
        let stop = Shutdown::new();
        stop.on_signals()?;
        let mut running: Option<Running> = None;
        loop {
            let built = tokio::select! {
                built = project.build() => built?,
                () = stop.draining().cancelled() => break,
            };
            if built {
                if let Some(running) = running.take() {
                    running.stop().await?;
                }
                match self.round().await {
                    Ok((_, now)) => running = now,
                    Err(Stop::Usage(text)) => eprintln!("{}", text.trim_end()),
                    Err(Stop::Failed(error)) => eprintln!("error: {error:#}"),
                }
            } else if running.is_some() {
                eprintln!("the connector goes on as it is");
            }
            println!("watching   {} (Ctrl-C ends)", project.folder().display());
            match project.changed(stop.draining()).await {
                Some(path) => println!("changed    {}", path.display()),
                None => break,
            }
        }
        if let Some(running) = running {
            running.stop().await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Running {
    /// Ends in good order.
    async fn stop(self) -> Result<(), Stop> {
        self.shutdown.drain();
        Ok(self.host.await?)
    }
}

/// The records, with a word about what only `test` can do with them.
fn published(records: Vec<Record>) -> Vec<Record> {
    let unused = |record: &&Record| {
        let Record {
            line: _,
            payload: _,
            topic,
            key: _,
            attributes: _,
            producer,
            publish_time,
            partition,
            offset,
            schema,
        } = record;
        let by_broker = producer.is_some() || publish_time.is_some() || partition.is_some() || offset.is_some();
        by_broker || topic.is_some() || schema.is_some()
    };
    if let Some(record) = records.iter().find(unused) {
        eprintln!(
            "warning: line {}: only the payload, the key and the attributes of a record are published; the rest is for \
             `danube-wasm test`",
            record.line
        );
    }
    records
}

/// Waits until the connector's lanes are subscribed: a new subscription gets only what is published after it.
pub(super) async fn until_ready(status: &Status, shutdown: &Shutdown) -> Result<(), Stop> {
    loop {
        let reports = status.reports();
        if !reports.is_empty() && reports.iter().all(|report| report.ready) {
            return Ok(());
        }
        if let Some(cause) = gone_wrong(status) {
            return Err(Stop::Failed(anyhow::anyhow!(cause)));
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
            () = shutdown.draining().cancelled() => return Err(Stop::Failed(anyhow::anyhow!("interrupted"))),
        }
    }
}

fn gone_wrong(status: &Status) -> Option<String> {
    status.reports().into_iter().find_map(|report| match report.phase {
        Phase::Failed { cause } => Some(format!("connector `{}` failed: {cause}", report.connector)),
        Phase::Starting { .. } | Phase::Running | Phase::Draining | Phase::Stopped => None,
    })
}
