//! Whether to give the guest half of the broker's window at a time. While it works on one half the other one is on its way,
//! so that the guest does not wait for the broker; but two calls of a guest that takes as long for five records as for ten
//! take twice as long as one. Halves never lose where the way to the broker and back takes longer than a call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How much the latest time counts: one part in so many.
const WEIGHT: u64 = 8;

/// Moving averages of the two times. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Arc<Times>);

/// In microseconds, 0 before the first one.
#[derive(Debug)]
struct Times {
    begun: Instant,
    call: AtomicU64,
    round_trip: AtomicU64,
    /// When the broker took the latest answer, since `begun`.
    answered: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        let (call, round_trip, answered) = Default::default();
        Self(Arc::new(Times { begun: Instant::now(), call, round_trip, answered }))
    }
}

impl Pace {
    /// So long the guest took for a batch.
    pub(crate) fn called(&self, time: Duration) {
        average(&self.0.call, time);
    }

    /// So long the broker took to take an answer, until `now`.
    pub(crate) fn answered(&self, time: Duration, now: Instant) {
        average(&self.0.round_trip, time);
        self.0.answered.store(micros(now.duration_since(self.0.begun)), Ordering::Relaxed);
    }

    /// Whether the broker took an answer within so long before `now`.
    pub(crate) fn has_answered(&self, within: Duration, now: Instant) -> bool {
        let answered = self.0.answered.load(Ordering::Relaxed);
        answered > 0 && micros(now.duration_since(self.0.begun)).saturating_sub(answered) <= micros(within)
    }

    /// Whether halves of a window are the better batches.
    pub(crate) fn halves(&self) -> bool {
        let call = self.0.call.load(Ordering::Relaxed);
        call > 0 && self.0.round_trip.load(Ordering::Relaxed) >= call
    }
}

/// A lane's stages take turns, so that no update is lost.
fn average(average: &AtomicU64, time: Duration) {
    let time = micros(time);
    let before = average.load(Ordering::Relaxed);
    let after = if before == 0 { time } else { (before * (WEIGHT - 1) + time).div_ceil(WEIGHT) };
    average.store(after, Ordering::Relaxed);
}

/// At least 1, and never so many that an average overflows.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(1, u64::MAX / WEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_remembered_for_its_time() {
        let pace = Pace::default();
        let soon = Duration::from_millis(20);
        assert!(!pace.has_answered(soon, Instant::now()), "there was none");
        pace.answered(Duration::from_millis(1), Instant::now());
        assert!(pace.has_answered(soon, Instant::now() + soon));
        assert!(!pace.has_answered(soon, Instant::now() + soon + Duration::from_millis(1)));
    }

    #[test]
    fn halves_pay_where_the_broker_is_slower_than_the_guest() {
        let pace = Pace::default();
        assert!(!pace.halves(), "nothing is known yet");
        pace.called(Duration::from_millis(1));
        assert!(!pace.halves());
        pace.answered(Duration::from_millis(5), Instant::now());
        assert!(pace.halves());
        for _ in 0..50 {
            pace.called(Duration::from_millis(20));
        }
        assert!(!pace.halves());
    }
}
