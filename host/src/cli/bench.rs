//! `danube-wasm bench`: what the sandbox costs on this machine, each figure beside what it is compared with, in one run.

mod bare;
mod bed;
mod boundary;
mod child;
mod endpoint;
mod figure;
mod growth;
mod guests;
mod hosted;
mod lanes;
mod latency;
mod machine;
mod native;
mod payload;
mod progress;
mod publisher;
mod runs;
mod sinks;
mod stages;
mod throughput;

use std::{path::PathBuf, process::ExitCode};

use clap::ValueEnum;

use self::{figure::Figure, guests::Guests, progress::Progress};
use super::{Stop, storage::Storage};
use crate::{config::Environment, guest::EngineOptions};

/// `danube-wasm bench`
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    /// Measure this only. Default: everything.
    #[arg(value_enum)]
    rows: Vec<Row>,
    /// Print one JSON object instead of a table.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print a table for a page.
    #[arg(long)]
    markdown: bool,
    /// One short round of each: rough figures in seconds.
    #[arg(long)]
    quick: bool,
    /// Show where the time of a record goes, stage by stage, instead.
    #[arg(long, conflicts_with_all = ["rows", "markdown"])]
    stages: bool,
    /// Take records from this broker instead of one in memory. Its window is what it is; rows that need to know more of the
    /// broker than its clients do (lanes, growth, payload, memory) take the one in memory all the same.
    #[arg(long, env = "DANUBE_SERVICE_URL", value_name = "URL")]
    broker: Option<String>,
    /// A component made with the Python SDK that takes records and does nothing with them, for `languages`.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// The same made with the JavaScript SDK.
    #[arg(long, value_name = "FILE")]
    js: Option<PathBuf>,
    #[command(flatten)]
    servers: sinks::Servers,
    #[command(flatten)]
    storage: Storage,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Row {
    /// A call of a guest that does nothing.
    Boundary,
    /// The same of guests in other languages; their components are given with --python and --js.
    Languages,
    /// A null sink against a bare consumer.
    E2e,
    /// The HTTP sink against one that is compiled natively.
    Http,
    /// Sinks that need a server of their own, against clients that are compiled natively.
    Sinks,
    /// Single records against a bare consumer.
    Latency,
    /// A thousand connectors that have nothing to do.
    Lanes,
    /// What a record costs among a thousand connectors, against one.
    Growth,
    /// What a byte costs in records of a megabyte, against a kilobyte.
    Payload,
    /// What is left in memory of ten million records.
    Memory,
}

/// What all measurements use.
struct Context {
    guests: Guests,
    quick: bool,
    servers: sinks::Servers,
    broker: Option<String>,
    languages: [Language; 2],
    progress: Progress,
    storage: Storage,
    environment: Environment,
}

/// A language that guests are written in, and a component to measure.
struct Language {
    key: &'static str,
    name: &'static str,
    component: Option<PathBuf>,
}

impl Context {
    /// How often a pair of runs is repeated.
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// How many records a run takes.
    fn records(&self, many: usize) -> usize {
        if self.quick { many.div_ceil(20) } else { many }
    }

    fn engine(&self) -> Result<EngineOptions, Stop> {
        self.storage.engine(&self.environment)
    }
}

impl Row {
    async fn measure(self, context: &Context) -> Result<Vec<Figure>, Stop> {
        match self {
            Self::Boundary => boundary::measure(context).await,
            Self::Languages => boundary::languages(context).await,
            Self::E2e => throughput::null(context).await,
            Self::Http => throughput::http(context).await,
            Self::Sinks => sinks::measure(context, &context.servers).await,
            Self::Latency => latency::measure(context).await,
            Self::Lanes => lanes::measure(context).await,
            Self::Growth => growth::connectors(context).await,
            Self::Payload => growth::payload(context).await,
            Self::Memory => growth::memory(context).await,
        }
    }
}

impl Bench {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        if cfg!(debug_assertions) {
            eprintln!("warning: this is a debug build; its figures say nothing about a release build");
        }
        let Self { rows, json, markdown, quick, stages, broker, python, js, servers, storage } = self;
        if rows.contains(&Row::Languages) && python.is_none() && js.is_none() {
            let help = "help: name what to measure with --python FILE, --js FILE, or both";
            return Err(Stop::Usage(format!("error: `languages` has no component to measure\n{help}")));
        }
        let languages = [
            Language { key: "python_us_per_record", name: "Python", component: python },
            Language { key: "js_us_per_record", name: "JavaScript", component: js },
        ];
        let (guests, progress, environment) = (Guests::new()?, Progress::new(), environment.clone());
        let context = Context { guests, quick, servers, broker, languages, progress, storage, environment };
        if stages {
            stages::show(&context, json).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows = if rows.is_empty() { Row::value_variants().to_vec() } else { rows };
        let (mut figures, mut failed) = (Vec::new(), None);
        for row in rows {
            let measured = match row.measure(&context).await {
                Ok(measured) => measured,
                // What took minutes is shown all the same.
                Err(stop) => {
                    failed = Some(stop);
                    break;
                }
            };
            if !json && !markdown {
                // As soon as it is known: all of it takes minutes.
                context.progress.aside(|| measured.iter().for_each(|figure| println!("{figure}")));
            }
            figures.extend(measured);
        }
        drop(context);
        if json {
            println!("{}", figure::json(&figures));
        } else if markdown {
            print!("{}", figure::markdown(&figures));
        }
        failed.map_or(Ok(ExitCode::SUCCESS), Err)
    }
}

/// The one in the middle; of an even number, the larger of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
