//! `danube-wasm run`: the main job.

use std::{net::SocketAddr, process::ExitCode, str::FromStr};

use super::{Files, Operator, Stop, storage::Storage};
use crate::{
    config::{self, Environment},
    host::{Host, HostOptions},
    shutdown::Shutdown,
};

/// The native SDK's port for metrics.
const DEFAULT_METRICS_PORT: u16 = 9090;

/// `danube-wasm run`
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    operator: Operator,
    /// Where /metrics, /livez and /readyz are served: an address, or `none`. Default: 127.0.0.1 and the `metrics_port`
    /// of the connector files, else 9090.
    #[arg(long, env = "DANUBE_WASM_LISTEN", value_name = "ADDR|none")]
    listen: Option<Listen>,
    #[command(flatten)]
    storage: Storage,
}

/// Where to serve metrics and health, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listen(Option<SocketAddr>);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let addr = text.parse().map_err(|_| "write an address such as 127.0.0.1:9090, or `none`".to_owned())?;
        Ok(Self(Some(addr)))
    }
}

impl Run {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let policy = self.operator.policy(environment)?;
        for warning in self.operator.idle(&self.files, environment) {
            tracing::warn!("{warning}");
        }
        let mut configs = Vec::new();
        let mut broken = Vec::new();
        for (path, result) in config::load_each(&self.files.paths, environment, &policy) {
            match result {
                Ok(config) => configs.push(config),
                Err(error) => broken.push((path, error)),
            }
        }
        if configs.is_empty() {
            let texts: Vec<String> = broken.iter().map(|(_, error)| error.render(super::color())).collect();
            return Err(Stop::Usage(texts.join("\n")));
        }
        for config in &configs {
            for warning in &config.warnings {
                tracing::warn!("{}", warning.render(false).trim_end());
            }
        }
        let listen = match self.listen {
            Some(Listen(addr)) => addr,
            None => Some(default_listen(&configs)?),
        };
        let host = Host::new(configs, HostOptions { listen, engine: self.storage.engine(environment)? }).await?;
        for (path, error) in broken {
            let text = error.to_string();
            tracing::error!("{}", text.trim_end());
            host.report_unconfigured(&path.display().to_string(), text.trim_end());
        }
        if let Some(addr) = host.local_addr() {
            tracing::info!("metrics and health on http://{addr}/metrics, /livez, /readyz");
        }
        let shutdown = Shutdown::new();
        shutdown.on_signals()?;
        let status = host.status();
        host.run(shutdown).await;
        super::print_observed(&status);
        match status.failed() {
            0 => Ok(ExitCode::SUCCESS),
            failed => {
                let lines: Vec<String> = status.reports().iter().map(|report| format!("  {report}")).collect();
                Err(anyhow::anyhow!("{failed} of {} connectors failed\n{}", lines.len(), lines.join("\n")).into())
            }
        }
    }
}

/// One process has one address: connector files that name different ports can't all have their way.
fn default_listen(configs: &[config::Config]) -> Result<SocketAddr, Stop> {
    let mut chosen: Option<(u16, &config::Config)> = None;
    for config in configs {
        let Some(port) = config.processing.metrics_port else { continue };
        match chosen {
            Some((other, first)) if other != port => {
                return Err(Stop::Usage(format!(
                    "error: {} sets `metrics_port = {other}` and {} sets `metrics_port = {port}`\n\
                     help: one host serves the metrics of all its connectors on one port; use --listen, or the same port",
                    first.file.display(),
                    config.file.display()
                )));
            }
            Some(_) => {}
            None => chosen = Some((port, config)),
        }
    }
    let port = chosen.map_or(DEFAULT_METRICS_PORT, |(port, _)| port);
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}
