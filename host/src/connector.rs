//! One connector: a component, its instances and its lanes. It starts by itself, fails by itself, and drains when asked.

mod build;
mod plan;
mod processor;
mod rehearse;

use std::{convert::Infallible, path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::Broker,
    capability::{files, limit::LimitHits, observe::Observer},
    config::Config,
    guest::{self, Component, ConsumerConfig, Engine, InstanceOptions},
    metrics::Metrics,
    pipeline::{Backoff, Lane, LaneParts, LaneState},
    placement::{Threads, placed},
    schema::SchemaCache,
    shutdown::Shutdown,
    status::{Phase, Status},
};

pub(crate) use build::{broker_options, compile_limits, folders, observer, tls_mistakes};
use plan::LanePlan;
pub(crate) use plan::{Claims, granted};
use processor::GuestProcessor;
pub(crate) use rehearse::{Rehearsal, Seen, Unrehearsed};

/// How often the log says that a connector's grants are not enforced.
const REMINDER: Duration = Duration::from_secs(600);

/// Why a connector can't go on.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{error}\n --> {}: `path` under [component]", file.display())]
    Component { error: Box<guest::Error>, file: PathBuf },
    #[error(transparent)]
    Guest(#[from] guest::Error),
    #[error("cannot set up the connector's HTTP client: {0}")]
    Gate(std::io::Error),
    #[error("{error}\n --> {}", file.display())]
    Folders { error: files::Error, file: PathBuf },
    #[error("cannot set up the connector's sockets: {0}")]
    Sockets(std::io::Error),
    #[error("{error}\n --> {}:{line}: a grant under [capabilities]", file.display())]
    Tls { error: std::io::Error, file: PathBuf, line: usize },
    #[error(transparent)]
    Plan(Box<plan::Refusal>),
    #[error(transparent)]
    Broker(#[from] crate::broker::Error),
    #[error("{0}")]
    Lane(String),
    #[error("it had not settled everything after `drain_timeout` ({0:?}); what is left will be delivered again")]
    DrainTimeout(Duration),
    #[error("stopped before everything was settled; what is left will be delivered again")]
    StoppedNow,
}

/// A connector as configured.
pub(crate) struct Connector {
    pub(crate) config: Config,
    pub(crate) engine: Engine,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) status: Status,
    /// Which subscriptions belong to whom, on this host.
    pub(crate) claims: Arc<Claims>,
    /// Unique to this process, a part of its consumers' names.
    pub(crate) host_tag: Arc<str>,
    /// Where its work goes that keeps a processor busy.
    pub(crate) threads: Threads,
}

impl Connector {
    /// Runs to its end and leaves the outcome in the status.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let (name, status) = (self.config.connector_name.clone(), self.status.clone());
        let span = tracing::info_span!("connector", name = %name);
        let outcome = tracing::Instrument::instrument(self.work(&shutdown), span).await;
        match outcome {
            Ok(()) => {
                status.set(&name, Phase::Stopped);
                tracing::info!(connector = %name, "stopped");
            }
            Err(failure) => {
                status.set(&name, Phase::Failed { cause: failure.to_string() });
                tracing::error!(connector = %name, "failed: {failure}");
            }
        }
    }

    async fn work(self, shutdown: &Shutdown) -> Result<(), Failure> {
        let hits = Arc::new(LimitHits::new(self.config.connector_name.as_str()));
        self.metrics.watch_limits(&self.config.connector_name, hits.clone());
        let component = Box::pin(self.compile(&hits)).await?;
        let observer = observer(&self.config);
        if let Some(observer) = &observer {
            self.status.observes(&self.config.connector_name, observer.clone());
            self.metrics.watch_observer(&self.config.connector_name, observer.clone());
        }
        let folders = folders(&self.config, self.engine.cache_path(), hits.clone()).await;
        let folders = folders.map_err(|error| Failure::Folders { error, file: self.config.file.clone() })?;
        let gate = build::gate(&self.config, observer.clone(), hits, None)?;
        self.metrics.watch_gate(&self.config.connector_name, gate.stats().clone());
        let sockets = build::sockets(&self.config, observer.clone(), &gate)?;
        self.metrics.watch_sockets(&self.config.connector_name, sockets.stats().clone());
        let options = |instance| build::instance_options(&self.config, instance, &gate, &sockets, &folders);
        let processor = |instance| self.processor(&component, options(instance));
        let mut first = processor(0);
        let Some(asked) = Box::pin(self.ask(&mut first, shutdown)).await? else { return Ok(()) };
        let plans = plan::lanes(&self.config, component.sha256(), asked, &self.claims, &self.host_tag);
        let plans = plans.map_err(|refusal| Failure::Plan(Box::new(refusal)))?;
        let broker = Broker::new(&broker_options(&self.config.broker))?;

        let lanes = self.lanes(processor, first, plans, &broker);
        self.status.set(&self.config.connector_name, Phase::Running);
        tokio::select! {
            ended = self.run_lanes(lanes, shutdown) => ended,
            never = remind(observer) => match never {},
        }
    }

    async fn compile(&self, hits: &LimitHits) -> Result<Component, Failure> {
        let config = &self.config.component;
        let begun = std::time::Instant::now();
        let compiled =
            self.engine.compile_file(&config.path, config.sha256, &compile_limits(&self.config.limits)).await;
        if let Some(limit) = compiled.as_ref().err().and_then(guest::Error::of_component) {
            hits.hit(limit);
        }
        let component =
            compiled.map_err(|error| Failure::Component { error: Box::new(error), file: self.config.file.clone() })?;
        tracing::info!(component = %config.path.display(), sha256 = component.sha256(), "compiled in {:.1?}", begun.elapsed());
        Ok(component)
    }

    fn processor(&self, component: &Component, options: InstanceOptions) -> GuestProcessor {
        let started = self.metrics.instances(&self.config.connector_name);
        GuestProcessor::new(component.clone(), options, started)
    }

    /// Initializes the first instance and asks what it wants to consume. `None`: told to stop first.
    async fn ask(
        &self,
        first: &mut GuestProcessor,
        shutdown: &Shutdown,
    ) -> Result<Option<Vec<ConsumerConfig>>, Failure> {
        let mut backoff = Backoff::new(self.config.retry.backoff, self.config.retry.max_backoff);
        loop {
            let asked = tokio::select! {
                asked = first_answer(first) => asked,
                () = shutdown.draining().cancelled() => return Ok(None),
            };
            let (reason, after) = match asked {
                Ok(asked) => return Ok(Some(asked)),
                Err(guest::Error::Retryable { reason, after }) => (reason, after),
                Err(error) => return Err(error.into()),
            };
            let pause = backoff.next().max(after.unwrap_or_default());
            tracing::warn!(%reason, "the guest cannot start yet; trying again in {pause:.0?}");
            self.status.set(&self.config.connector_name, Phase::Starting { cause: Some(reason) });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.draining().cancelled() => return Ok(None),
            }
        }
    }

    fn lanes(
        &self,
        processor: impl Fn(u32) -> GuestProcessor,
        first: GuestProcessor,
        plans: Vec<LanePlan>,
        broker: &Broker,
    ) -> Vec<Lane<GuestProcessor>> {
        let schemas = Arc::new(SchemaCache::new(broker.clone()));
        let mut first = Some(first);
        let mut lanes = Vec::new();
        for (instance, plan) in (0u32..).zip(plans) {
            let processor = first.take().unwrap_or_else(|| processor(instance));
            let (state, view) = watch::channel(LaneState::Subscribing { cause: None });
            let metrics = self.metrics.lane(&self.config.connector_name, &plan.policy.topic);
            self.status.watch_lane(&self.config.connector_name, plan.policy.topic.clone(), view, metrics.clone());
            lanes.push(Lane::new(LaneParts {
                broker: broker.clone(),
                subscribe: plan.subscribe,
                metrics,
                policy: plan.policy,
                schemas: schemas.clone(),
                dead_letter_topic: self.config.dead_letter.as_ref().map(|dead_letter| dead_letter.topic.clone()),
                admin_url: self.config.broker.admin_url.as_ref().map(|url| url.expose().to_owned()),
                processor,
                state,
            }));
        }
        lanes
    }

    /// Runs the lanes until all have drained. The first one that fails takes the others along, in good order.
    async fn run_lanes(&self, lanes: Vec<Lane<GuestProcessor>>, shutdown: &Shutdown) -> Result<(), Failure> {
        let drain = shutdown.draining().child_token();
        let mut running = JoinSet::new();
        let busy = self.metrics.busy(&self.config.connector_name);
        for lane in lanes {
            let drain = drain.clone();
            let span = tracing::Span::current();
            let work = tracing::Instrument::instrument(async move { lane.run(&drain).await }, span);
            running.spawn(placed(work, busy.clone(), self.threads.clone()));
        }
        let mut failure = None;
        let all = async {
            while let Some(ended) = running.join_next().await {
                let reason = match ended {
                    Ok(Ok(())) => continue,
                    Ok(Err(reason)) => reason,
                    Err(error) => format!("a lane of the host panicked: {error}"),
                };
                failure.get_or_insert(Failure::Lane(reason));
                drain.cancel();
            }
        };
        let cut_short = tokio::select! {
            () = all => None,
            cut_short = self.out_of_time(&drain, shutdown) => Some(cut_short),
        };
        failure.or(cut_short).map_or(Ok(()), Err)
    }

    /// Ends when draining has taken too long, or when told not to wait for it.
    async fn out_of_time(&self, drain: &CancellationToken, shutdown: &Shutdown) -> Failure {
        drain.cancelled().await;
        self.status.set(&self.config.connector_name, Phase::Draining);
        let drain_timeout = self.config.processing.drain_timeout;
        tokio::select! {
            () = tokio::time::sleep(drain_timeout) => Failure::DrainTimeout(drain_timeout),
            () = shutdown.stopping_now().cancelled() => Failure::StoppedNow,
        }
    }
}

/// Says from the start, and again and again, that grants are not enforced. Never ends.
async fn remind(observer: Option<Arc<Observer>>) -> Infallible {
    let Some(observer) = observer else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(REMINDER);
    loop {
        ticks.tick().await;
        tracing::warn!(
            would_be_denied = observer.total(),
            "`mode = \"observe\"`: the grants of this connector are not enforced"
        );
    }
}

async fn first_answer(first: &mut GuestProcessor) -> Result<Vec<ConsumerConfig>, guest::Error> {
    first.instance().await?.consumer_configs().await
}
