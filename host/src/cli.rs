//! The command line. Exit codes: 0 done, 1 something failed while running, 2 wrong usage or config.

mod bench;
mod check;
mod componentize;
mod descriptors;
mod dev;
mod dlq;
mod doctor;
mod explain;
mod findings;
mod inspect;
mod json;
mod language;
mod new;
mod operator;
mod records;
mod run;
mod storage;
mod test;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use self::operator::Operator;

use crate::{
    config::{self, Config, Environment, Policy},
    status::Status,
    telemetry::{self, LogFormat},
};

/// Runs sink connectors for the Danube message broker as sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "danube-wasm", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log: a level (error, warn, info, debug, trace) or a filter such as `info,danube_wasm=debug`.
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER")]
    log_level: Option<String>,
    /// How log lines on standard error look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run connectors until SIGTERM or SIGINT.
    Run(run::Run),
    /// Check connector files and their components without touching a broker.
    Check(check::Check),
    /// Show what a component is: contract, imports, the least grants it needs.
    Inspect(inspect::Inspect),
    /// Say whether a connector's component may reach something, and what decides it. Exit code 0: it may, 1: it may not.
    Explain(explain::Explain),
    /// Make a component of the core module that a compiler wrote. The Go and C SDKs' builds end with it.
    Componentize(componentize::Componentize),
    /// Write a project for a new sink: source, build file, config, sample records, test.
    New(new::New),
    /// Say what of the toolchains is missing that building a sink needs, and how to install it. Exit code 0: nothing, 1:
    /// something.
    Doctor(doctor::Doctor),
    /// Test a component without a broker: records in, scripted replies of the target, and what must come of it.
    Test(Box<test::Test>),
    /// Try a connector out: an in-memory broker, sample records and a local receiver, all in one process.
    Dev(dev::Dev),
    /// Measure what the sandbox costs on this machine, side by side with doing without it.
    Bench(bench::Bench),
    /// Compile one component for the host that started this.
    #[command(hide = true)]
    Compile(crate::guest::WorkerArgs),
    /// Show dead letters, or give them back to the topics that they came from.
    Dlq(dlq::Dlq),
}

/// Which connector files to read.
#[derive(Debug, Args)]
struct Files {
    /// Connector files, or folders of them (every *.toml in it). Default: what CONNECTOR_CONFIG_PATH names.
    #[arg(value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
}

/// The config of one file, where a command takes one.
fn one_config(file: &Path, environment: &Environment, policy: &Policy) -> Result<Result<Config, config::Error>, Stop> {
    let mut loaded = config::load_each(&[file.to_owned()], environment, policy);
    match (loaded.pop(), loaded.pop()) {
        (Some((_, loaded)), None) => Ok(loaded),
        (Some(_) | None, _) => {
            Err(Stop::Usage(format!("error: {} is a folder; name one connector file", file.display())))
        }
    }
}

/// How a command ends that did not end well.
#[derive(Debug)]
enum Stop {
    /// Exit code 1.
    Failed(anyhow::Error),
    /// Exit code 2: the text is complete as it is.
    Usage(String),
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Cli {
    /// Runs the command and says with which code to exit. Errors are on standard error by then.
    pub async fn execute(self) -> ExitCode {
        let environment = Environment::from_process();
        let filter = self.log_level.as_deref().unwrap_or(self.command.default_log_filter());
        if let Err(error) = telemetry::init(filter, self.log_format) {
            eprintln!("error: --log-level: {error}");
            return ExitCode::from(2);
        }
        descriptors::raise();
        let result = match self.command {
            Command::Run(run) => run.execute(&environment).await,
            Command::Check(check) => check.execute(&environment).await,
            Command::Inspect(inspect) => inspect.execute(&environment).await,
            Command::Explain(explain) => explain.execute(&environment).await,
            Command::Compile(args) => Ok(crate::guest::serve_compiler(&args)),
            Command::Componentize(componentize) => componentize.execute(),
            Command::New(new) => new.execute(),
            Command::Doctor(doctor) => doctor.execute(),
            Command::Test(test) => test.execute(&environment).await,
            Command::Dev(dev) => dev.execute(&environment).await,
            Command::Dlq(dlq) => dlq.execute(&environment).await,
            Command::Bench(bench) => bench.execute(&environment).await,
        };
        match result {
            Ok(code) => code,
            Err(Stop::Failed(error)) => {
                eprintln!("error: {error:#}");
                ExitCode::from(1)
            }
            Err(Stop::Usage(text)) => {
                eprintln!("{}", text.trim_end());
                ExitCode::from(2)
            }
        }
    }
}

/// Says what connectors that only observed would have needed.
fn print_observed(status: &Status) {
    for (connector, refusals, needed) in status.observed() {
        println!(
            "# `{connector}` only observed: enforcing would have refused {refusals} requests, lookups and connections."
        );
        if needed.is_empty() {
            println!("# Its grants are enough. Remove `mode = \"observe\"` from its file.");
        } else {
            print!("# What it needs besides its grants, for [capabilities] of its file:\n{needed}");
        }
    }
}

/// Whether messages on standard error may be coloured.
fn color() -> bool {
    std::io::stderr().is_terminal()
}

impl Command {
    fn default_log_filter(&self) -> &'static str {
        match self {
            Self::Run(_) => "info",
            Self::Check(_)
            | Self::Componentize(_)
            | Self::Inspect(_)
            | Self::Explain(_)
            | Self::Compile(_)
            | Self::New(_)
            | Self::Doctor(_)
            | Self::Dlq(_) => "warn",
            // The client of a broker that has gone goes on looking for it.
            Self::Bench(_) => "warn,danube_client=off",
            // They say themselves why a connector failed.
            Self::Test(_) => {
                "warn,guest=info,danube_wasm::progress=info,danube_wasm::connector=off,danube_wasm::pipeline=off"
            }
            Self::Dev(_) => "warn,guest=info,danube_wasm::progress=info,danube_wasm::connector=off",
        }
    }
}

/// Whether a file is one that `test --expect` takes.
#[cfg(test)]
pub(crate) fn read_expected(file: &Path) -> bool {
    test::is_expected(file)
}

/// Whether a file is one that `test --records` takes.
#[cfg(test)]
pub(crate) fn read_records(file: &Path) -> bool {
    records::read(file).is_ok()
}
