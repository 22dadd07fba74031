//! The host's own log, on standard error: lines for people, or JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` has the syntax of `RUST_LOG`, for example `info` or `info,danube_wasm=debug`.
pub fn init(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    // danube-client reports its connections, and tonic its frames, at a level that says too much for an operator.
    let quieter = match filter.trim() {
        "off" | "error" => "",
        _ => "danube_client=warn,h2=warn,hyper=warn,",
    };
    let filter = EnvFilter::try_new(format!("{quieter}{filter}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    result.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}
