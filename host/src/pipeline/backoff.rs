//! Growing pauses with jitter, so that many lanes that failed together do not come back together.

use std::time::Duration;

use rand::Rng;

/// Exponential backoff with decorrelated jitter: each pause is drawn between the base and three times the last one.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    base: Duration,
    longest: Duration,
    last: Duration,
}

impl Backoff {
    pub(crate) fn new(base: Duration, longest: Duration) -> Self {
        Self { base, longest, last: base }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let upper = (self.last * 3).min(self.longest).max(self.base);
        self.last = rand::rng().random_range(self.base..=upper).min(self.longest);
        self.last
    }

    /// After something went well: the next pause is a short one again.
    pub(crate) fn reset(&mut self) {
        self.last = self.base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_between_the_base_and_the_longest() {
        let (base, longest) = (Duration::from_millis(10), Duration::from_millis(200));
        for _ in 0..100 {
            let mut backoff = Backoff::new(base, longest);
            for _ in 0..20 {
                let pause = backoff.next();
                assert!((base..=longest).contains(&pause), "{pause:?}");
            }
        }
    }

    #[test]
    fn a_base_above_the_longest_is_cut() {
        let mut backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(1));
        assert_eq!(backoff.next(), Duration::from_secs(1));
    }
}
