//! `danube-wasm bench`: what the sandbox costs on this machine, each figure beside what it is compared with, in one run.

mod bare;
mod bed;
mod boundary;
mod endpoint;
mod figure;
mod guests;
mod hosted;
mod native;
mod payload;
mod sinks;
mod throughput;

use std::process::ExitCode;

use clap::ValueEnum;

use self::{figure::Figure, guests::Guests};
use super::{Stop, storage::Storage};
use crate::{config::Environment, guest::EngineOptions};

/// `danube-wasm bench`
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    /// Measure this only. Default: everything.
    #[arg(value_enum)]
    rows: Vec<Row>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// One short round of each: rough figures in seconds.
    #[arg(long)]
    quick: bool,
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
    /// A null sink against a bare consumer.
    E2e,
    /// The HTTP sink against one that is compiled natively.
    Http,
    /// Sinks that need a server of their own, against clients that are compiled natively.
    Sinks,
}

/// What all measurements use.
struct Context {
    guests: Guests,
    quick: bool,
    servers: sinks::Servers,
    storage: Storage,
    environment: Environment,
}

impl Context {
    /// How often a pair of runs is repeated.
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// How many records a run takes.
    fn records(&self, many: usize) -> usize {
        if self.quick { many / 20 } else { many }
    }

    fn engine(&self) -> Result<EngineOptions, Stop> {
        self.storage.engine(&self.environment)
    }
}

impl Row {
    async fn measure(self, context: &Context) -> Result<Vec<Figure>, Stop> {
        match self {
            Self::Boundary => boundary::measure(context).await,
            Self::E2e => throughput::null(context).await,
            Self::Http => throughput::http(context).await,
            Self::Sinks => sinks::measure(context, &context.servers).await,
        }
    }
}

impl Bench {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        if cfg!(debug_assertions) {
            eprintln!("warning: this is a debug build; its figures say nothing about a release build");
        }
        let Self { rows, json, quick, servers, storage } = self;
        let context = Context { guests: Guests::new()?, quick, servers, storage, environment: environment.clone() };
        let rows = if rows.is_empty() { Row::value_variants().to_vec() } else { rows };
        let mut figures = Vec::new();
        for row in rows {
            let measured = row.measure(&context).await?;
            if !json {
                // As soon as it is known: all of it takes minutes.
                measured.iter().for_each(|figure| println!("{figure}"));
            }
            figures.extend(measured);
        }
        if json {
            println!("{}", figure::json(&figures));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The one in the middle; of an even number, the larger of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
