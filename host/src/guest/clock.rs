//! The clock that makes guests yield. It ticks while a guest is called, and rests once none has been for a while.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// How long a guest may compute before it makes room for other tasks. Deadlines are checked at the same moments.
const TICK: Duration = Duration::from_millis(10);
/// Ticks without a call after which it rests: waking it for every call would cost more than the ticks.
const RESTS_AFTER: u32 = 100;

/// A thread of its own: on a runtime whose threads are all busy with guests, a task would never get to tick.
#[derive(Debug)]
pub(super) struct Clock {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    calls: AtomicUsize,
    rests: AtomicBool,
    ended: AtomicBool,
}

/// The clock ticks as long as this lives.
pub(super) struct Ticking(Arc<Clock>);

impl Clock {
    /// Starts it for all guests of an engine.
    pub(super) fn start(engine: &wasmtime::Engine) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared::default());
        let (seen, engine) = (Arc::clone(&shared), engine.clone());
        let started = thread::Builder::new().name("guest-clock".into()).spawn(move || seen.run(&engine))?;
        Ok(Arc::new(Self { shared, thread: started.thread().clone() }))
    }

    /// Must be had while a guest is called.
    pub(super) fn ticking(self: &Arc<Self>) -> Ticking {
        // Either this sees that the clock rests, or the clock sees the call before it does.
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.rests.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking(Arc::clone(self))
    }

    #[cfg(test)]
    pub(super) fn rests(&self) -> bool {
        self.shared.rests.load(Ordering::SeqCst)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.shared.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn run(&self, engine: &wasmtime::Engine) {
        let mut quiet = 0;
        while !self.ended.load(Ordering::SeqCst) {
            if quiet == RESTS_AFTER {
                self.rest();
                quiet = 0;
            }
            thread::park_timeout(TICK);
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
            engine.increment_epoch();
        }
    }

    fn is_quiet(&self) -> bool {
        self.calls.load(Ordering::SeqCst) == 0
    }

    /// Returns when a guest is called, or at the end.
    fn rest(&self) {
        self.rests.store(true, Ordering::SeqCst);
        while self.is_quiet() && !self.ended.load(Ordering::SeqCst) {
            thread::park();
        }
        self.rests.store(false, Ordering::SeqCst);
    }
}
