//! The host in this process.

use std::{net::SocketAddr, path::PathBuf};

use danube_wasm::{
    config::{self, Environment, Policy},
    guest::{CodeCache, Compiler, EngineOptions},
    host::{Host, HostOptions},
    metrics::Metrics,
    shutdown::Shutdown,
    status::{Phase, Report, Status},
};
use std::sync::Arc;
use tokio::task::JoinHandle;

use super::{Connector, Rig};
use crate::{soon, until};

/// Where compiled components are kept, so that each is compiled once for all tests.
pub const CACHE: &str = concat!(env!("OUT_DIR"), "/compiled");

/// A host at work.
pub struct RunningHost {
    addr: SocketAddr,
    status: Status,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Rig {
    /// Runs connectors and waits until they consume.
    pub async fn run(&self, connectors: &[Connector]) -> RunningHost {
        let host = self.start_host(connectors).await;
        host.until_ready().await;
        host
    }

    /// Runs connectors, whatever comes of it.
    pub async fn start_host(&self, connectors: &[Connector]) -> RunningHost {
        self.start_files(connectors.iter().map(|connector| self.write(connector)).collect()).await
    }

    /// Runs files as `danube-wasm run` does: those that are wrong are shown as failed.
    pub async fn start_files(&self, files: Vec<PathBuf>) -> RunningHost {
        let (mut configs, mut broken) = (Vec::new(), Vec::new());
        for (path, loaded) in config::load_each(&files, &Environment::default(), &Policy::default()) {
            match loaded {
                Ok(config) => configs.push(config),
                Err(error) => broken.push((path, error)),
            }
        }
        // Without the cache it only takes longer.
        let cache = CodeCache::open(CACHE.as_ref()).ok();
        let options = HostOptions {
            listen: Some(([127, 0, 0, 1], 0).into()),
            engine: EngineOptions { cache, compiler: Compiler::ThisProcess },
        };
        let host = Host::new(configs, options).await.unwrap();
        for (path, error) in broken {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            host.report_unconfigured(&name, &error.to_string());
        }
        let (status, metrics, shutdown) = (host.status(), host.metrics(), Shutdown::new());
        let addr = host.local_addr().expect("it was told to listen");
        let task = tokio::spawn(host.run(shutdown.clone()));
        RunningHost { addr, status, metrics, shutdown, task }
    }
}

impl RunningHost {
    /// Where metrics and health are served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until every connector consumes.
    pub async fn until_ready(&self) {
        until("every connector to be ready", || {
            let reports = self.status.reports();
            if let Some(failed) = reports.iter().find(|report| matches!(report.phase, Phase::Failed { .. })) {
                panic!("{failed}");
            }
            !reports.is_empty() && reports.iter().all(|report| report.ready)
        })
        .await;
    }

    /// Waits until one connector consumes, whatever the others do.
    pub async fn until_connector_ready(&self, connector: &Connector) {
        until(&format!("{} to be ready", connector.name()), || self.report(connector.name()).ready).await;
    }

    /// Waits until a connector has failed, and gives the cause.
    pub async fn until_failed(&self, connector: &Connector) -> String {
        let cause = || match self.report(connector.name()).phase {
            Phase::Failed { cause } => Some(cause),
            Phase::Starting { .. } | Phase::Running | Phase::Draining | Phase::Stopped => None,
        };
        until(&format!("{} to fail", connector.name()), || cause().is_some()).await;
        cause().unwrap()
    }

    /// Waits until the line of a connector in the status holds a text.
    pub async fn until_reported(&self, connector: &Connector, text: &str) {
        until(&format!("the status of {} to say `{text}`", connector.name()), || {
            self.report(connector.name()).to_string().contains(text)
        })
        .await;
    }

    /// What the status says of a connector, by the name that it is shown under.
    pub fn report(&self, name: &str) -> Report {
        let mut reports = self.status.reports().into_iter();
        reports.find(|report| report.connector == name).unwrap_or_else(|| panic!("no connector {name} in the status"))
    }

    /// A metric, summed up over all its labels that hold `label`.
    pub fn count(&self, metric: &str, label: &str) -> f64 {
        let text = self.metrics.encode();
        let lines = text.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{')?.split_once("} "));
        lines.filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    /// Waits until the broker has taken so many acknowledgements of a connector.
    pub async fn until_acknowledged(&self, connector: &Connector, count: u32) {
        let acknowledged = || self.count("danube_wasm_messages_acknowledged_total", connector.name());
        until(&format!("{count} acknowledgements"), || acknowledged() >= f64::from(count)).await;
    }

    /// Stops in good order.
    pub async fn stop(self) -> Status {
        self.shutdown.drain();
        soon("the host to drain", self.task).await.unwrap();
        self.status
    }
}
