//! Where the time of a record goes, for `danube-wasm bench --stages`. While it is off, which it is in every other command,
//! each place costs one look at a flag.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

static ON: AtomicBool = AtomicBool::new(false);
static SPENT: [AtomicU64; Stage::ALL.len()] = [const { AtomicU64::new(0) }; Stage::ALL.len()];

/// A stage of a record's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The task that takes messages off a stream works.
    Receive,
    /// Messages become records of a batch, and the ledger learns of them.
    Decode,
    /// A record waits for its batch and for the guest.
    Queue,
    /// Records go into the guest's memory, and its answer comes out.
    Lower,
    /// The guest's own code.
    Guest,
    /// The guest waits for the host: for HTTP above all.
    Http,
    /// The task that acknowledges works.
    Settle,
    /// An acknowledgement is on its way to the broker and back.
    Acknowledge,
}

impl Stage {
    pub(crate) const ALL: [Self; 8] = [
        Self::Receive,
        Self::Decode,
        Self::Queue,
        Self::Lower,
        Self::Guest,
        Self::Http,
        Self::Settle,
        Self::Acknowledge,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Decode => "decode",
            Self::Queue => "queue",
            Self::Lower => "lower",
            Self::Guest => "guest",
            Self::Http => "http",
            Self::Settle => "settle",
            Self::Acknowledge => "acknowledge",
        }
    }

    /// Whether its time is waited, by a record or a batch among others, rather than worked.
    pub(crate) fn waits(self) -> bool {
        match self {
            Self::Queue | Self::Http | Self::Acknowledge => true,
            Self::Receive | Self::Decode | Self::Lower | Self::Guest | Self::Settle => false,
        }
    }

    pub(crate) fn add(self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        SPENT[self as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counts what has passed since [`now`] said when.
    pub(crate) fn since(self, begun: Option<Instant>) {
        if let Some(begun) = begun {
            self.add(begun.elapsed());
        }
    }

    /// Counts the time that a task works.
    pub(crate) fn polls<F: Future>(self, future: F) -> Polls<F> {
        Polls { stage: self, future: Box::pin(future) }
    }
}

/// Whether anybody wants to know.
pub(crate) fn on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The time, if anybody wants to know.
pub(crate) fn now() -> Option<Instant> {
    on().then(Instant::now)
}

/// Begins to count, for the whole process.
pub(crate) fn begin() {
    for spent in &SPENT {
        spent.store(0, Ordering::Relaxed);
    }
    ON.store(true, Ordering::Relaxed);
}

/// Ends counting. What was spent on each stage.
pub(crate) fn end() -> [(Stage, Duration); Stage::ALL.len()] {
    ON.store(false, Ordering::Relaxed);
    Stage::ALL.map(|stage| (stage, Duration::from_nanos(SPENT[stage as usize].load(Ordering::Relaxed))))
}

/// A future whose work is counted.
pub(crate) struct Polls<F> {
    stage: Stage,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Polls<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let begun = now();
        let polled = self.future.as_mut().poll(context);
        self.stage.since(begun);
        polled
    }
}

/// Sorts the time of one call of a guest by what wasmtime says of where it is.
#[derive(Debug)]
pub(crate) struct Call {
    begun: Instant,
    inside: Option<Inside>,
    /// The longest time inside: the function itself. The other times are short, to ask the guest for memory.
    longest: Inside,
}

/// A time inside the guest, or inside the host for it.
#[derive(Debug, Clone, Copy)]
struct Inside {
    since: Instant,
    took: Duration,
    host: Option<Instant>,
    hosted: Duration,
}

impl Inside {
    fn since(since: Instant) -> Self {
        Self { since, took: Duration::ZERO, host: None, hosted: Duration::ZERO }
    }
}

impl Call {
    pub(crate) fn begin() -> Self {
        let begun = Instant::now();
        Self { begun, inside: None, longest: Inside::since(begun) }
    }

    /// The guest's code begins.
    pub(crate) fn enters(&mut self) {
        // For a result that the host gives it while it waits, or at the beginning.
        if self.inside.is_none() {
            self.inside = Some(Inside::since(Instant::now()));
        }
    }

    /// The guest's code calls the host.
    pub(crate) fn calls_host(&mut self) {
        if let Some(inside) = &mut self.inside {
            inside.host.get_or_insert_with(Instant::now);
        }
    }

    /// The host has answered.
    pub(crate) fn host_returns(&mut self) {
        if let Some(inside) = &mut self.inside
            && let Some(since) = inside.host.take()
        {
            inside.hosted += since.elapsed();
        }
    }

    /// The guest's code ends.
    pub(crate) fn leaves(&mut self) {
        match self.inside.take() {
            Some(inside) if inside.host.is_some() => self.inside = Some(inside),
            Some(inside) => {
                let took = inside.since.elapsed();
                if took > self.longest.took {
                    self.longest = Inside { took, ..inside };
                }
            }
            None => {}
        }
    }

    pub(crate) fn end(self) {
        let Inside { took, hosted, .. } = self.longest;
        Stage::Lower.add(self.begun.elapsed().saturating_sub(took));
        Stage::Guest.add(took.saturating_sub(hosted));
        Stage::Http.add(hosted);
    }
}
