//! For tests: the events of this thread, as lines.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{Dispatch, Level, subscriber::DefaultGuard};
use tracing_subscriber::Registry;

/// With one subscriber alive, tracing asks whichever thread comes to a line first whether that is wanted, and keeps the
/// answer for all of them: a test without a capture would silence one with.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Registry::default()));

/// Captures until it is dropped. Tests with an async runtime must have it run on their own thread.
pub(crate) struct Capture {
    bytes: Bytes,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture {
    pub(crate) fn start() -> Self {
        LazyLock::force(&SECOND);
        let bytes = Bytes::default();
        let writer = bytes.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        Self { bytes, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Everything that was said so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.0.lock().unwrap().clone()).unwrap()
    }

    /// What the target `guest` said so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines_with(" guest: ")
    }

    /// The lines so far that have `part` in them.
    pub(crate) fn lines_with(&self, part: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(part)).map(|line| line.trim().to_owned()).collect()
    }
}
