//! The time that a call has. One that takes longer is cut off by the host, and good records pass for bad ones.

use std::time::{Duration, Instant};

/// How much of its time a call leaves unused, as a fraction: for what it does besides waiting for answers.
const SPARE: u32 = 10;

/// What is left for requests in one call.
pub struct CallTime {
    started: Instant,
    usable: Duration,
    /// How long a request may take by the settings.
    timeout: Duration,
    /// How long the slowest requests of this call took.
    slowest: Duration,
}

impl CallTime {
    /// Starts to count. `limit` is when the host ends the call, `timeout` how long a request may take.
    pub fn start(limit: Duration, timeout: Duration) -> Self {
        Self { started: Instant::now(), usable: limit - limit / SPARE, timeout, slowest: Duration::ZERO }
    }

    /// How long requests may take that start now.
    pub fn timeout(&self) -> Duration {
        self.timeout.min(self.left())
    }

    /// Sends requests and remembers how long that took.
    pub fn spend<T>(&mut self, send: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let answer = send();
        self.slowest = self.slowest.max(begun.elapsed());
        answer
    }

    /// Whether it is too late to send more: what is left is neither a whole timeout nor twice what the slowest took.
    pub fn is_short(&self) -> bool {
        self.left() <= self.timeout.min(self.slowest * 2)
    }

    fn left(&self) -> Duration {
        self.usable.saturating_sub(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_request_has_its_timeout_or_what_is_left() {
        assert_eq!(CallTime::start(HOUR, Duration::from_secs(1)).timeout(), Duration::from_secs(1));
        assert!(CallTime::start(HOUR, HOUR).timeout() <= HOUR * 9 / 10);
        assert_eq!(CallTime::start(Duration::ZERO, HOUR).timeout(), Duration::ZERO);
    }

    #[test]
    fn more_is_sent_while_it_is_likely_to_be_answered_in_time() {
        let time = |slowest| CallTime { slowest, ..CallTime::start(HOUR, HOUR) };
        assert!(!time(Duration::ZERO).is_short());
        assert!(!time(HOUR / 4).is_short());
        assert!(time(HOUR / 2).is_short());
        // However slow they were: a request that starts now ends in time.
        let quick = CallTime { slowest: HOUR / 2, ..CallTime::start(HOUR, Duration::from_secs(1)) };
        assert!(!quick.is_short());
        assert!(CallTime::start(Duration::ZERO, HOUR).is_short());
    }
}
