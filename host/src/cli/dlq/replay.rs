//! `danube-wasm dlq replay`: each letter is published as the record that it was, confirmed, and only then taken out of
//! the dead-letter topic. What cannot be published stays.

use std::{
    io::{IsTerminal, Write, stdout},
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{Next, Place, Source, filter::Filter, finish, next, plural, view};
use crate::{
    broker::{self, Letter, Letters},
    cli::Stop,
    config::Environment,
    shutdown::Shutdown,
};

/// Where there is no terminal, a line is written for so many letters.
const PLAIN_STEP: usize = 500;

/// `danube-wasm dlq replay`
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    filter: Filter,
    /// Say what would be replayed, and replay nothing.
    #[arg(long)]
    dry_run: bool,
    /// Publish to this topic. Default: to the topic that each record came from.
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// One JSON object on each line: each letter that is meant, with its `outcome`.
    #[arg(long)]
    json: bool,
}

/// What became of a letter that was meant.
enum Outcome {
    Replayed,
    WouldReplay,
    /// It stays.
    Failed(String),
}

/// Counts, and the bar that shows them.
struct Tally {
    read: usize,
    meant: usize,
    replayed: usize,
    failed: usize,
    bar: ProgressBar,
    plain: bool,
}

impl Replay {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let place = self.source.find(environment).await?;
        let shutdown = Shutdown::new();
        shutdown.on_signals()?;
        let mut back = broker::Replay::new(place.broker.clone());
        if let Some(to) = &self.to {
            back.find(to).await.map_err(|error| Stop::Usage(format!("error: --to: {error}")))?;
        }
        let Some(mut letters) = place.begin().await? else {
            eprintln!("no dead letters: {} does not exist", place.topic);
            return Ok(ExitCode::SUCCESS);
        };
        let mut tally = Tally::new();
        loop {
            let letter = match next(&mut letters, &shutdown).await? {
                Next::Letter(letter) => letter,
                Next::End => break,
                Next::Interrupted => {
                    tally.finish(&self, &place);
                    eprintln!("interrupted: nothing is lost, the letters not seen yet stay where they are");
                    return Ok(ExitCode::from(1));
                }
            };
            self.treat(*letter, &mut letters, &mut back, &mut tally, &place).await?;
        }
        tally.finish(&self, &place);
        finish(letters, &shutdown).await?;
        Ok(ExitCode::from(u8::from(tally.failed > 0)))
    }

    async fn treat(
        &self,
        letter: Letter,
        letters: &mut Letters,
        back: &mut broker::Replay,
        tally: &mut Tally,
        place: &Place,
    ) -> Result<(), Stop> {
        let below_limit = self.filter.limit.is_none_or(|limit| tally.meant < limit);
        let is_meant = below_limit && self.filter.matches(&letter);
        tally.step(is_meant);
        if !is_meant {
            return Ok(letters.keep(letter).await?);
        }
        let outcome = self.replay(&letter, back, place).await?;
        self.report(&letter, &outcome, tally, place)?;
        match outcome {
            Outcome::Replayed => {
                tally.replayed += 1;
                letters.remove(letter).await?;
            }
            Outcome::WouldReplay => letters.keep(letter).await?,
            Outcome::Failed(_) => {
                tally.failed += 1;
                letters.keep(letter).await?;
            }
        }
        Ok(())
    }

    /// An error: the broker is away, and no other letter would fare better.
    async fn replay(&self, letter: &Letter, back: &mut broker::Replay, place: &Place) -> Result<Outcome, Stop> {
        let original = letter.original_topic().map(|(topic, _)| topic);
        let Some(topic) = self.to.as_deref().or(original) else {
            return Ok(Outcome::Failed("it does not say where it came from; name a topic with --to".to_owned()));
        };
        let result = match back.find(topic).await {
            Ok(()) if self.dry_run => return Ok(Outcome::WouldReplay),
            Ok(()) => back.publish(letter, topic, &place.topic).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => Ok(Outcome::Replayed),
            Err(error @ (broker::Error::Unavailable { .. } | broker::Error::Credentials { .. })) => {
                let position = view::position(letter);
                let text = format!(
                    "could not replay {position}: {error}\nit stays in {}, and so do those after it",
                    place.topic
                );
                Err(Stop::Failed(anyhow::anyhow!(text)))
            }
            Err(
                error @ (broker::Error::NotFound { .. } | broker::Error::Denied { .. } | broker::Error::Refused { .. }),
            ) => Ok(Outcome::Failed(error.to_string())),
        }
    }

    fn report(&self, letter: &Letter, outcome: &Outcome, tally: &Tally, place: &Place) -> std::io::Result<()> {
        if self.json {
            let mut object = view::object(letter, &place.topic);
            let (word, error) = match outcome {
                Outcome::Replayed => ("replayed", Value::Null),
                Outcome::WouldReplay => ("would_replay", Value::Null),
                Outcome::Failed(error) => ("failed", error.as_str().into()),
            };
            object["outcome"] = word.into();
            object["error"] = error;
            return tally.bar.suspend(|| writeln!(stdout().lock(), "{object}"));
        }
        match outcome {
            Outcome::Replayed => Ok(()),
            Outcome::WouldReplay => {
                let heading = if tally.meant == 1 { format!("{}\n", view::heading()) } else { String::new() };
                tally.bar.suspend(|| writeln!(stdout().lock(), "{heading}{}", view::line(letter)))
            }
            Outcome::Failed(error) => {
                tally.bar.suspend(|| eprintln!("error: {} stays: {error}", view::position(letter)));
                Ok(())
            }
        }
    }
}

impl Tally {
    fn new() -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        // How many letters there are is known at the end only.
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {pos} letters read, {per_sec}; {msg}") {
            bar.set_style(style);
        }
        Self { read: 0, meant: 0, replayed: 0, failed: 0, bar, plain }
    }

    fn step(&mut self, is_meant: bool) {
        self.read += 1;
        self.meant += usize::from(is_meant);
        self.bar.set_position(self.read as u64);
        self.bar.set_message(format!("{} replayed", self.replayed));
        if self.plain && self.read.is_multiple_of(PLAIN_STEP) {
            eprintln!("  {} read, {} replayed", self.read, self.replayed);
        }
    }

    fn finish(&self, replay: &Replay, place: &Place) {
        self.bar.finish_and_clear();
        let (did, count) = match replay.dry_run {
            true => ("would replay", self.meant - self.failed),
            false => ("replayed", self.replayed),
        };
        let stay = self.read - count;
        let failed = if self.failed > 0 { format!(", {} of them failed", self.failed) } else { String::new() };
        eprintln!("{did} {} of {}; {stay} stay{failed}", plural(count), place.topic);
    }
}
