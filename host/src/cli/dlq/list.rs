//! `danube-wasm dlq list`.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use super::{Next, Source, filter::Filter, finish, next, plural, view};
use crate::{cli::Stop, config::Environment, shutdown::Shutdown};

/// `danube-wasm dlq list`
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    filter: Filter,
    /// Show payloads as well: text as it is, anything else in base64.
    #[arg(long)]
    payload: bool,
    /// One JSON object on each line, with headers, attributes and payload.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let place = self.source.find(environment).await?;
        let shutdown = Shutdown::new();
        shutdown.on_signals()?;
        let Some(mut letters) = place.begin().await? else {
            eprintln!("no dead letters: {} does not exist", place.topic);
            return Ok(ExitCode::SUCCESS);
        };
        let (mut read, mut shown) = (0, 0);
        loop {
            let letter = match next(&mut letters, &shutdown).await? {
                Next::Letter(letter) => letter,
                Next::End => break,
                Next::Interrupted => {
                    eprintln!("interrupted after {}: nothing is lost, the others stay where they are", plural(read));
                    return Ok(ExitCode::from(1));
                }
            };
            read += 1;
            if self.filter.limit.is_none_or(|limit| shown < limit) && self.filter.matches(&letter) {
                self.show(&letter, &place.topic, shown == 0)?;
                shown += 1;
            }
            letters.keep(*letter).await?;
        }
        match shown == read {
            true => eprintln!("{} in {}", plural(read), place.topic),
            false => eprintln!("{shown} of {} in {}", plural(read), place.topic),
        }
        finish(letters, &shutdown).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn show(&self, letter: &crate::broker::Letter, topic: &str, is_first: bool) -> std::io::Result<()> {
        let mut out = stdout().lock();
        if self.json {
            return writeln!(out, "{}", view::object(letter, topic));
        }
        if is_first {
            writeln!(out, "{}", view::heading())?;
        }
        writeln!(out, "{}", view::line(letter))?;
        if self.payload {
            writeln!(out, "    {}", view::payload(letter))?;
        }
        Ok(())
    }
}
