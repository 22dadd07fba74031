//! `[retry]` and `[processing]`: the native SDK's keys with its defaults, and some of ours.

use std::time::Duration;

use super::{
    Limits,
    caution::Caution,
    mistake::Mistake,
    raw,
    resolver::{Resolver, Word},
    snippet::Place,
    units,
};
use crate::record::OnReject;

/// How many unanswered records a broker hands out at most, whatever its settings.
pub(super) const LARGEST_WINDOW: u32 = 10_000;

/// How often and when records that may work later are tried again, before they go back to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How many times after the first; 0 to 100.
    pub max_retries: u32,
    /// The pause before the first retry; each later one is longer.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_retries: 3, backoff: Duration::from_secs(1), max_backoff: Duration::from_secs(30) }
    }
}

impl Retry {
    pub(super) fn resolve(written: &raw::Retry, resolver: &mut Resolver<'_>) -> Self {
        let default = Self::default();
        let (w, r) = (written, resolver);
        let retry = Self {
            max_retries: r.integer("max_retries", &w.max_retries, 0..=100).unwrap_or(default.max_retries),
            backoff: r.millis("retry_backoff_ms", &w.retry_backoff_ms).unwrap_or(default.backoff),
            max_backoff: r.millis("max_backoff_ms", &w.max_backoff_ms).unwrap_or(default.max_backoff),
        };
        if let Some(written) = w.retry_backoff_ms.as_ref().filter(|_| retry.backoff > retry.max_backoff) {
            r.warn(Place::Span(written.span()), Caution::BackoffLimited);
        }
        retry
    }
}

impl OnReject {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead_letter",
            Self::Skip => "skip",
            Self::Stop => "stop",
        }
    }
}

impl std::str::FromStr for OnReject {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::DeadLetter, Self::Skip, Self::Stop].into_iter().find(|choice| choice.as_str() == word).ok_or(())
    }
}

impl Word for OnReject {
    const ALLOWED: &'static [&'static str] = &["dead_letter", "skip", "stop"];
}

impl Word for tracing::Level {
    const ALLOWED: &'static [&'static str] = &["trace", "debug", "info", "warn", "error"];
}

/// How records are collected into batches, and how the connector is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processing {
    /// The most records of a batch, where the guest and the mapping say nothing.
    pub batch_size: u32,
    /// The most payload bytes of a batch.
    pub batch_bytes: u64,
    /// How long the first record of a batch waits for others.
    pub flush_interval: Duration,
    /// How many records may be rejected within `reject_window` before the connector stops; 0: any number.
    pub max_rejects: u32,
    /// See `max_rejects`.
    pub reject_window: Duration,
    /// The least level of the guest's log lines that is kept.
    pub log_level: tracing::Level,
    /// The pause between health checks.
    pub health_check_interval: Duration,
    /// How many health checks must fail in a row before the connector counts as unhealthy.
    pub health_check_failure_threshold: u32,
    /// Where `/metrics` is served, if the file says so.
    pub metrics_port: Option<u16>,
    /// How long the connector may take to finish when it is told to stop.
    pub drain_timeout: Duration,
}

impl Default for Processing {
    fn default() -> Self {
        Self {
            batch_size: 1000,
            batch_bytes: 4 << 20,
            flush_interval: Duration::from_secs(1),
            max_rejects: 1000,
            reject_window: Duration::from_secs(60),
            log_level: tracing::Level::INFO,
            health_check_interval: Duration::from_secs(30),
            health_check_failure_threshold: 3,
            metrics_port: None,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

impl Processing {
    pub(super) fn resolve(
        written: &raw::Processing,
        ack_timeout: Duration,
        limits: &Limits,
        resolver: &mut Resolver<'_>,
    ) -> Self {
        let default = Self::default();
        let (w, r) = (written, resolver);
        if let Some(written) = &w.poll_interval_ms {
            r.warn(Place::Span(written.span()), Caution::PollInterval);
        }
        Self {
            batch_size: batch_size(&w.batch_size, limits, r).unwrap_or(default.batch_size.min(limits.max_batch_size)),
            batch_bytes: batch_bytes(&w.batch_bytes, limits, r)
                .unwrap_or(default.batch_bytes.min(limits.max_batch_bytes)),
            flush_interval: flush_interval("batch_timeout_ms", &w.batch_timeout_ms, ack_timeout, r)
                .unwrap_or(default.flush_interval),
            max_rejects: r.integer("max_rejects", &w.max_rejects, 0..=1_000_000).unwrap_or(default.max_rejects),
            reject_window: r.duration("reject_window", &w.reject_window, default.reject_window),
            log_level: r.word("log_level", &w.log_level).unwrap_or(default.log_level),
            health_check_interval: r
                .millis("health_check_interval_ms", &w.health_check_interval_ms)
                .unwrap_or(default.health_check_interval),
            health_check_failure_threshold: r
                .integer("health_check_failure_threshold", &w.health_check_failure_threshold, 1..=1000)
                .unwrap_or(default.health_check_failure_threshold),
            metrics_port: r.integer("metrics_port", &w.metrics_port, 1..=u16::MAX),
            drain_timeout: r.duration("drain_timeout", &w.drain_timeout, default.drain_timeout),
        }
    }
}

/// `batch_size`, of `[processing]` or of a mapping.
pub(super) fn batch_size(written: &Option<raw::Integer>, limits: &Limits, resolver: &mut Resolver<'_>) -> Option<u32> {
    let batch_size = resolver.integer("batch_size", written, 1..=1_000_000)?;
    if let Some(written) = written.as_ref().filter(|_| batch_size > limits.max_batch_size) {
        let (value, most) = (batch_size.to_string(), limits.max_batch_size.to_string());
        let mistake = Mistake::BeyondLimit { key: "batch_size", limit: "max_batch_size", value, most };
        resolver.refuse(Place::Span(written.span()), mistake);
    }
    if let Some(written) = written.as_ref().filter(|_| batch_size > LARGEST_WINDOW) {
        resolver.warn(Place::Span(written.span()), Caution::BatchBeyondWindow { batch_size });
    }
    Some(batch_size)
}

/// `batch_bytes`, of `[processing]` or of a mapping.
pub(super) fn batch_bytes(
    written: &Option<raw::Quantity>,
    limits: &Limits,
    resolver: &mut Resolver<'_>,
) -> Option<u64> {
    let (default, place) = (Processing::default().batch_bytes, written.as_ref()?.span());
    let bytes = resolver.size("batch_bytes", written, default, 1 << 10..=1 << 30);
    if bytes > limits.max_batch_bytes {
        let quoted = |bytes| format!("\"{}\"", units::show_size(bytes));
        let (value, most) = (quoted(bytes), quoted(limits.max_batch_bytes));
        let mistake = Mistake::BeyondLimit { key: "batch_bytes", limit: "max_batch_bytes", value, most };
        resolver.refuse(Place::Span(place), mistake);
    }
    Some(bytes)
}

/// `batch_timeout_ms` of `[processing]`, or `flush_interval_ms` of a mapping.
pub(super) fn flush_interval(
    key: &'static str,
    written: &Option<raw::Integer>,
    ack_timeout: Duration,
    resolver: &mut Resolver<'_>,
) -> Option<Duration> {
    let interval = resolver.millis(key, written)?;
    if let Some(written) = written.as_ref().filter(|_| interval >= ack_timeout) {
        resolver.warn(Place::Span(written.span()), Caution::OutlivesAck { key });
    }
    Some(interval)
}
