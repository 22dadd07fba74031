//! What a guest says: the `log` import, stdout (as info) and stderr (as warn) become events with the target `guest`.
//! Lines are cut, counted per second and escaped, so that a guest can neither flood the host's log nor forge lines in it.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::Level;

#[cfg(test)]
pub(crate) mod capture;
mod stdio;

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
        Self { min_level: Level::INFO, lines_per_second: 100 }
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
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    budget: Budget,
    stdout: Partial,
    stderr: Partial,
}

impl GuestLog {
    /// The log of one instance of a connector.
    pub fn new(connector: Arc<str>, instance: u32, options: &LogOptions) -> Self {
        let LogOptions { min_level, lines_per_second } = *options;
        let budget = Budget::new(lines_per_second, Instant::now());
        let state = Mutex::new(State { budget, stdout: Partial::default(), stderr: Partial::default() });
        Self(Arc::new(Shared { connector, instance, min_level, state }))
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
        match char {
            '\t' => line.push('\t'),
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(line, "{}", char.escape_unicode());
            }
            char if char.is_control() => {
                let _ = write!(line, "{}", char.escape_default());
            }
            char => line.push(char),
        }
    }
    if cut || end < message.len() {
        line.push_str("... (cut)");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{capture::Capture, *};

    fn logged(options: &LogOptions, act: impl FnOnce(&GuestLog)) -> Vec<String> {
        let capture = Capture::start();
        act(&GuestLog::new("orders".into(), 2, options));
        capture.lines()
    }

    #[test]
    fn a_line_carries_its_level_connector_and_instance() {
        let lines = logged(&LogOptions::default(), |log| {
            log.line(Level::ERROR, "it broke");
            log.line(Level::DEBUG, "not asked for");
            log.write(Stream::Stderr, b"careful\n");
        });
        assert_eq!(
            lines,
            [r"ERROR guest: it broke connector=orders instance=2", r"WARN guest: careful connector=orders instance=2",]
        );
    }

    #[test]
    fn a_guest_can_not_forge_lines() {
        assert_eq!(escape("a\nERROR b\r\u{1b}[31m\u{0}\tc\u{202e}d\u{2028}é\n", false), {
            r"a\nERROR b\r\u{1b}[31m\u{0}".to_owned() + "\t" + r"c\u{202e}d\u{2028}é"
        });
    }

    #[test]
    fn streams_are_split_at_line_ends_and_flushed_when_the_call_ends() {
        let lines = logged(&LogOptions::default(), |log| {
            log.write(Stream::Stdout, b"one\ntw");
            log.write(Stream::Stderr, b"err");
            log.write(Stream::Stdout, b"o\n\nthr");
            log.flush();
            log.write(Stream::Stdout, b"ee\n");
            log.flush();
        });
        let texts: Vec<_> = lines.iter().map(|line| line.split(" connector").next().unwrap()).collect();
        assert_eq!(
            texts,
            [
                "INFO guest: one",
                "INFO guest: two",
                "INFO guest: ",
                "INFO guest: thr",
                "WARN guest: err",
                "INFO guest: ee"
            ]
        );
    }

    #[test]
    fn long_lines_are_cut_wherever_they_come_from() {
        let lines = logged(&LogOptions::default(), |log| {
            for _ in 0..3 {
                log.write(Stream::Stdout, "é".repeat(LINE_LIMIT / 2).as_bytes());
            }
            log.write(Stream::Stdout, b"\nshort\n");
            log.line(Level::INFO, &"é".repeat(LINE_LIMIT));
        });
        assert_eq!(lines.len(), 3);
        for long in [&lines[0], &lines[2]] {
            assert_eq!(long.matches('é').count(), LINE_LIMIT / 2);
            assert!(long.contains("... (cut) connector=orders"));
        }
        assert!(lines[1].starts_with("INFO guest: short connector"));
    }

    #[test]
    fn what_is_over_the_rate_is_dropped_and_counted_once() {
        let start = Instant::now();
        let mut budget = Budget::new(3, start);
        let admitted = (0..10).filter(|_| budget.admit()).count();
        assert_eq!(admitted, 3);
        assert_eq!(budget.turn(start + Duration::from_millis(999)), 0);
        assert!(!budget.admit());
        assert_eq!(budget.turn(start + WINDOW), 8);
        assert!(budget.admit());
        assert_eq!(budget.turn(start + WINDOW * 2), 0);

        let lines = logged(&LogOptions { lines_per_second: 0, ..LogOptions::default() }, |log| {
            log.line(Level::INFO, "a");
            log.line(Level::INFO, "b");
        });
        assert_eq!(lines, ["WARN guest: 2 lines dropped: too many in a second connector=orders instance=2 dropped=2"]);
    }
}
