//! What a guest says: the `log` import, stdout (as info) and stderr (as warn) become events with the target `guest`.
//! Lines are cut, counted per second and escaped, so that a guest can neither flood the host's log nor forge lines in it.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::Level;

use super::limit::{Limit, LimitHits};

#[cfg(test)]
pub(crate) mod capture;
mod stdio;
#[cfg(test)]
mod tests;

/// The longest line that is logged, in bytes; the rest of it is dropped.
const LINE_LIMIT: usize = 8 * 1024;
const WINDOW: Duration = Duration::from_secs(1);

/// How much of a guest's output is logged.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The least severe level that is logged.
    pub min_level: Level,
    /// How many lines an instance may write in a second; the others are dropped and counted.
    pub lines_per_second: u32,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { min_level: Level::INFO, lines_per_second: 200 }
    }
}

/// Which of the two standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn level(self) -> Level {
        match self {
            Self::Stdout => Level::INFO,
            Self::Stderr => Level::WARN,
        }
    }
}

/// The log of one instance. Clones write to the same log.
#[derive(Debug, Clone)]
pub struct GuestLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: Arc<str>,
    instance: u32,
    min_level: Level,
    hits: Arc<LimitHits>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    budget: Budget,
    stdout: Partial,
    stderr: Partial,
}

impl GuestLog {
    /// The log of one instance of a connector. Each second with too many lines is a hit.
    pub fn new(connector: Arc<str>, instance: u32, options: &LogOptions, hits: Arc<LimitHits>) -> Self {
        let LogOptions { min_level, lines_per_second } = *options;
        let budget = Budget::new(lines_per_second, Instant::now());
        let state = Mutex::new(State { budget, stdout: Partial::default(), stderr: Partial::default() });
        Self(Arc::new(Shared { connector, instance, min_level, hits, state }))
    }

    /// Logs one message of the `log` import.
    pub fn line(&self, level: Level, message: &str) {
        self.0.log(&mut self.state().budget, level, message, false);
    }

    /// Logs what is left of unfinished lines. Called when the guest returns to the host.
    pub fn flush(&self) {
        let mut state = self.state();
        let State { budget, stdout, stderr } = &mut *state;
        for (stream, partial) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            if let Some((line, cut)) = partial.take() {
                self.0.log(budget, stream.level(), &line, cut);
            }
        }
        self.0.summarize(budget.turn(Instant::now()));
    }

    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut state = self.state();
        let State { budget, stdout, stderr } = &mut *state;
        let partial = match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            partial.push(piece.strip_suffix(b"\n").unwrap_or(piece));
            if piece.ends_with(b"\n") {
                let (line, cut) = partial.take().unwrap_or_default();
                self.0.log(budget, stream.level(), &line, cut);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn log(&self, budget: &mut Budget, level: Level, message: &str, cut: bool) {
        if level > self.min_level {
            return;
        }
        let now = Instant::now();
        self.summarize(budget.turn(now));
        if budget.admit() {
            self.emit(level, &escape(message, cut));
        } else if budget.dropped == 1 {
            self.hits.hit(Limit::LogLines);
        }
    }

    fn summarize(&self, dropped: u64) {
        if dropped > 0 {
            let Self { connector, instance, .. } = self;
            tracing::warn!(target: "guest", %connector, instance, dropped, "{dropped} lines dropped: too many in a second");
        }
    }

    fn emit(&self, level: Level, message: &str) {
        let Self { connector, instance, .. } = self;
        match level {
            Level::TRACE => tracing::trace!(target: "guest", %connector, instance, "{message}"),
            Level::DEBUG => tracing::debug!(target: "guest", %connector, instance, "{message}"),
            Level::INFO => tracing::info!(target: "guest", %connector, instance, "{message}"),
            Level::WARN => tracing::warn!(target: "guest", %connector, instance, "{message}"),
            Level::ERROR => tracing::error!(target: "guest", %connector, instance, "{message}"),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut state.budget.dropped);
        self.summarize(dropped);
    }
}

/// Lines that may still be logged in the running second.
#[derive(Debug)]
struct Budget {
    per_window: u32,
    since: Instant,
    left: u32,
    dropped: u64,
}

impl Budget {
    fn new(per_window: u32, now: Instant) -> Self {
        Self { per_window, since: now, left: per_window, dropped: 0 }
    }

    /// Starts a new second when the running one is over; returns how many lines were dropped in it.
    fn turn(&mut self, now: Instant) -> u64 {
        if now.duration_since(self.since) < WINDOW {
            return 0;
        }
        self.since = now;
        self.left = self.per_window;
        std::mem::take(&mut self.dropped)
    }

    fn admit(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.dropped += 1,
        }
        self.dropped == 0
    }
}

/// A line of a stream that has no end yet.
#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    cut: bool,
}

impl Partial {
    fn push(&mut self, bytes: &[u8]) {
        let room = LINE_LIMIT.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }

    /// The line and whether some of it is missing; `None` if there is nothing at all.
    fn take(&mut self) -> Option<(String, bool)> {
        let Self { bytes, cut } = std::mem::take(self);
        (!bytes.is_empty() || cut).then(|| (String::from_utf8_lossy(&bytes).into_owned(), cut))
    }
}

/// The message on one line: control characters, line separators and characters that turn the writing direction are
/// written as escapes, and what is too long is cut.
fn escape(message: &str, cut: bool) -> String {
    let end = message.floor_char_boundary(LINE_LIMIT);
    let mut line = String::with_capacity(end);
    for char in message[..end].trim_end_matches(['\n', '\r']).chars() {
        push_escaped(&mut line, char);
    }
    if cut || end < message.len() {
        line.push_str("... (cut)");
    }
    line
}

/// Whether a character would make a text look like something else than it is.
pub(crate) fn deceives(char: char) -> bool {
    let turns = matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (char.is_control() && char != '\t')
}

/// The character, or its escape.
pub(crate) fn push_escaped(line: &mut String, char: char) {
    let _ = match char {
        char if !deceives(char) => line.write_char(char),
        char if char.is_control() => write!(line, "{}", char.escape_default()),
        char => write!(line, "{}", char.escape_unicode()),
    };
}
