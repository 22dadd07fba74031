//! What an exported function can do to harm the host: not end, take everything, die in every way, hand out what it may not.

use std::{hint::black_box, mem, process};

use serde::Deserialize;
use wasip2::{
    clocks::monotonic_clock,
    http::types::{Fields, Method, OutgoingBody, OutgoingRequest},
    io::poll::{self, Pollable},
    random::{insecure, random},
};

use crate::bindings::danube::sink::{
    log,
    records::{Failure, RecordFailure, RetryHint, SinkError},
};

/// How much is printed at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What a function does instead of its work, or before it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    /// Computes for ever.
    Spin,
    /// Calls itself for ever.
    Recurse,
    /// Takes memory until there is none.
    Allocate,
    /// Waits until the end of time.
    Sleep,
    /// Runs into an `unreachable`.
    Trap,
    /// Panics with a message of so many bytes.
    Panic { bytes: usize },
    /// Ends the process that it takes itself to be.
    Exit { code: i32 },
    /// Uses a handle that nobody gave it.
    ForgedHandle,
    /// Gives one handle back twice.
    DroppedTwice,
    /// Logs bytes that are not UTF-8.
    ForgedLog,
    /// Answers with an error whose text is not UTF-8.
    ForgedError,
    /// Answers with an error of so many bytes.
    LongError { kind: Kind, bytes: usize },
    /// Takes so many timers.
    Pollables { count: usize },
    /// Waits for one timer so many times at once.
    PolledTwice { count: usize },
    /// Takes so many lists of headers, each with so many bytes.
    Fields { count: usize, bytes: usize },
    /// Takes so many request bodies, writes as much into each as it takes, and sends none.
    Bodies { count: usize },
    /// Has the host make so many random bytes.
    Random { bytes: u64 },
    /// The same of those that need not be secure.
    InsecureRandom { bytes: u64 },
    /// Logs so many lines of so many bytes.
    Log { lines: usize, bytes: usize },
    /// Prints so many bytes without a line end.
    Print { bytes: usize },
    /// From `consumer-configs`: asks for so many topics.
    Ask { topic: String, subscription: String, count: u32 },
    /// From `process-batch`: says that these records failed, and the first so many.
    Fail {
        #[serde(default)]
        indexes: Vec<u32>,
        #[serde(default)]
        count: u32,
        reason: String,
    },
}

/// What an error asks for.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Retryable,
    Rejected,
    Fatal,
}

impl Act {
    pub(crate) fn perform(&self) -> Result<(), SinkError> {
        match self {
            Self::Spin => spin(),
            Self::Recurse => drop(black_box(recurse(black_box(0)))),
            Self::Allocate => allocate(),
            Self::Sleep => monotonic_clock::subscribe_duration(u64::MAX).block(),
            Self::Trap => core::arch::wasm32::unreachable(),
            Self::Panic { bytes } => panic!("{}", "p".repeat(*bytes)),
            Self::Exit { code } => process::exit(*code),
            Self::ForgedHandle => unsafe { Pollable::from_handle(0xbad) }.block(),
            Self::DroppedTwice => {
                let handle = monotonic_clock::subscribe_duration(0).take_handle();
                for _ in 0..2 {
                    drop(unsafe { Pollable::from_handle(handle) });
                }
            }
            Self::ForgedLog => log::log(log::Level::Error, unsafe { str::from_utf8_unchecked(black_box(b"\xff\xfe")) }),
            Self::ForgedError => return Err(SinkError::Fatal(unsafe { String::from_utf8_unchecked(vec![0xff; 8]) })),
            Self::LongError { kind, bytes } => return Err(kind.error("e".repeat(*bytes))),
            Self::Pollables { count } => keep((0..*count).map(|_| monotonic_clock::subscribe_duration(u64::MAX))),
            Self::PolledTwice { count } => {
                let timer = monotonic_clock::subscribe_duration(0);
                drop(poll::poll(&vec![&timer; *count]));
            }
            Self::Fields { count, bytes } => keep((0..*count).map(|_| fields(*bytes))),
            Self::Bodies { count } => keep((0..*count).map(|_| body())),
            Self::InsecureRandom { bytes } => drop(black_box(insecure::get_insecure_random_bytes(*bytes))),
            Self::Random { bytes } => drop(black_box(random::get_random_bytes(*bytes))),
            Self::Log { lines, bytes } => {
                let line = "l".repeat(*bytes);
                (0..*lines).for_each(|_| log::log(log::Level::Error, &line));
            }
            Self::Print { bytes } => {
                let piece = "s".repeat(PIECE);
                (0..bytes.div_ceil(PIECE)).for_each(|_| print!("{piece}"));
            }
            Self::Ask { .. } | Self::Fail { .. } => return Err(SinkError::Fatal("an act of another function".into())),
        }
        Ok(())
    }
}

impl Kind {
    fn error(self, reason: String) -> SinkError {
        match self {
            Self::Retryable => SinkError::Retryable(RetryHint { reason, after_ms: None }),
            Self::Rejected => SinkError::Rejected(reason),
            Self::Fatal => SinkError::Fatal(reason),
        }
    }
}

pub(crate) fn failures(indexes: &[u32], count: u32, reason: &str) -> Vec<RecordFailure> {
    let failed = |index| RecordFailure { index, failure: Failure::Reject(reason.to_owned()) };
    indexes.iter().copied().chain(0..count).map(failed).collect()
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// By a pointer that the compiler can't see through: it would make a loop of it.
fn recurse(depth: u64) -> u64 {
    let again: fn(u64) -> u64 = black_box(recurse);
    black_box(again(depth + 1)).wrapping_mul(3)
}

fn allocate() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Takes things of the host's and never gives them back.
fn keep<T>(things: impl Iterator<Item = T>) {
    things.for_each(mem::forget);
}

/// Headers of so many bytes, as far as the host takes them.
fn fields(bytes: usize) -> Fields {
    let fields = Fields::new();
    // A refusal is one outcome; what was taken before it is kept.
    let _ = fields.append("x", &vec![b'f'; bytes]);
    fields
}

/// A request with a full body whose other end is gone: nothing but the host holds the bytes.
fn body() -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_method(&Method::Post);
    if let Ok(body) = request.body() {
        fill(&body);
    }
    request
}

fn fill(body: &OutgoingBody) {
    let Ok(stream) = body.write() else { return };
    while let Ok(room @ 1..) = stream.check_write() {
        if stream.write(&vec![b'b'; room as usize]).is_err() {
            return;
        }
    }
}
