//! Watching records arrive: a live line on a terminal, now and then a plain one elsewhere.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many plain lines there are where there is no terminal.
const PLAIN_LINES: usize = 4;

/// How watching ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Every record is where it should be.
    Complete,
    /// The connector failed, or records could not be published.
    Failed(String),
    /// Nothing has moved for too long.
    Stuck(Duration),
    /// A signal came.
    Interrupted,
}

/// What is shown while records move.
pub(super) struct Progress {
    bar: ProgressBar,
    plain: bool,
    total: usize,
    shown: usize,
    patience: Duration,
}

impl Progress {
    pub(super) fn new(total: usize, patience: Duration) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos} of {len} records, {per_sec}") {
            bar.set_style(style);
        }
        Self { bar, plain, total, shown: 0, patience }
    }

    /// Drives `publishing` and looks how many records are done, until all are or something is wrong.
    pub(super) async fn watch(
        &mut self,
        publishing: impl Future<Output = anyhow::Result<()>>,
        done: impl Fn() -> usize,
        gone_wrong: impl Fn() -> Option<String>,
        interrupted: &CancellationToken,
    ) -> Outcome {
        tokio::pin!(publishing);
        let (mut published, mut last, mut moved) = (false, 0, Instant::now());
        loop {
            tokio::select! {
                result = &mut publishing, if !published => match result {
                    Ok(()) => published = true,
                    Err(error) => return Outcome::Failed(format!("{error:#}")),
                },
                () = interrupted.cancelled() => return Outcome::Interrupted,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now_done = done();
            self.show(now_done);
            if now_done >= self.total {
                self.bar.finish_and_clear();
                return Outcome::Complete;
            }
            if let Some(cause) = gone_wrong() {
                return Outcome::Failed(cause);
            }
            if now_done > last {
                (last, moved) = (now_done, Instant::now());
            } else if moved.elapsed() > self.patience {
                return Outcome::Stuck(self.patience);
            }
        }
    }

    fn show(&mut self, done: usize) {
        self.bar.set_position(done as u64);
        let step = self.total.div_ceil(PLAIN_LINES);
        if self.plain && done / step > self.shown / step {
            eprintln!("  {done} of {} records", self.total);
            self.shown = done;
        }
    }
}
