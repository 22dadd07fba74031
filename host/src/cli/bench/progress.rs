//! What is being measured right now: a live line on a terminal, plain lines elsewhere, on standard error.

use std::{fmt, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line.
pub(super) struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        // Often enough to look alive, and rarely enough to disturb nothing.
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, plain }
    }

    /// What is done next.
    pub(super) fn say(&self, what: fmt::Arguments<'_>) {
        if self.plain {
            eprintln!("  {what}");
        } else {
            self.bar.set_message(what.to_string());
        }
    }

    /// Makes room for what `print` prints.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
