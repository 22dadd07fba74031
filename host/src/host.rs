//! Many connectors in one process. They share the engine, the metrics and the runtime, and nothing else: one that fails
//! to start, or dies, is shown as failed while the others run.

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    config::Config,
    connector::{Claims, Connector},
    guest::{self, Engine, EngineOptions},
    metrics::Metrics,
    placement::{Threads, ThreadsEnded, placed},
    server,
    shutdown::Shutdown,
    status::{Phase, Status},
};

/// What a host needs besides its connectors.
#[derive(Debug, Default)]
pub struct HostOptions {
    /// Where `/metrics`, `/livez` and `/readyz` are served. `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Where components are compiled, and kept between runs.
    pub engine: EngineOptions,
}

/// Why a host could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address for metrics and health is not to be had.
    #[error(
        "cannot listen on {addr} for metrics and health: {error}\nhelp: choose another address with --listen, or --listen none"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The WebAssembly engine could not be set up.
    #[error(transparent)]
    Engine(#[from] guest::Error),
}

/// A host, ready to run.
pub struct Host {
    connectors: Vec<Connector>,
    status: Status,
    metrics: Arc<Metrics>,
    listener: Option<TcpListener>,
    threads_ended: ThreadsEnded,
}

impl Host {
    /// Takes the address and makes the engine; connectors start in [`Host::run`].
    pub async fn new(configs: Vec<Config>, options: HostOptions) -> Result<Self, Error> {
        let listener = match options.listen {
            None => None,
            Some(addr) => Some(TcpListener::bind(addr).await.map_err(|error| Error::Listen { addr, error })?),
        };
        let engine = Engine::new(options.engine)?;
        let metrics = Arc::new(Metrics::default());
        let status = Status::new(metrics.clone());
        for config in &configs {
            status.set(&config.connector_name, Phase::Starting { cause: None });
        }
        let host_tag: Arc<str> = format!("{:08x}", rand::random::<u32>()).into();
        let claims = Arc::new(Claims::of(&configs));
        let (threads, threads_ended) = Threads::new();
        let connectors = configs
            .into_iter()
            .map(|config| Connector {
                config,
                engine: engine.clone(),
                metrics: metrics.clone(),
                status: status.clone(),
                claims: claims.clone(),
                host_tag: host_tag.clone(),
                threads: threads.clone(),
            })
            .collect();
        Ok(Self { connectors, status, metrics, listener, threads_ended })
    }

    /// Shows a connector that could not even be configured among the others.
    pub fn report_unconfigured(&self, name: &str, cause: &str) {
        self.status.set(name, Phase::Failed { cause: cause.to_owned() });
    }

    /// What the connectors are doing; stays valid after the end.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// What is counted; stays valid after the end.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Where metrics and health are served.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Runs every connector to its end: until `shutdown`, or until all have failed.
    pub async fn run(self, shutdown: Shutdown) {
        let server = self.listener.map(|listener| {
            let app = server::app(self.metrics.clone(), self.status.clone());
            tokio::spawn(server::serve(listener, app))
        });
        let mut running = JoinSet::new();
        for connector in self.connectors {
            let name = connector.config.connector_name.clone();
            let (status, shutdown) = (self.status.clone(), shutdown.clone());
            running.spawn(async move {
                let (busy, threads) = (connector.metrics.busy(&name), connector.threads.clone());
                if let Err(error) = tokio::spawn(placed(connector.run(shutdown), busy, threads)).await {
                    status.set(&name, Phase::Failed { cause: format!("its task in the host panicked: {error}") });
                }
            });
        }
        while running.join_next().await.is_some() {}
        self.threads_ended.wait().await;
        if let Some(server) = server {
            server.abort();
        }
    }
}
