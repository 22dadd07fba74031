//! A bound on bytes per second: a token bucket that holds what one second allows. Who takes more waits, in the order in
//! which they came.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::limit::{Limit, LimitHits};

/// How much may be taken at once after a pause, as the time that it takes to fill up again.
const BURST: Duration = Duration::from_secs(1);

/// A number of bytes per second that all of a connector's instances share.
#[derive(Debug)]
pub struct Rate {
    per_second: u64,
    hits: Arc<LimitHits>,
    /// When the bucket will be full again; before now: it is.
    full_at: Mutex<Instant>,
}

impl Rate {
    /// A full bucket. `per_second` is at least 1.
    pub fn new(per_second: u64, hits: Arc<LimitHits>) -> Self {
        Self { per_second: per_second.max(1), hits, full_at: Mutex::new(Instant::now()) }
    }

    /// Waits until so many bytes may be sent. Having to wait counts as a hit of the limit. A wait that is given up gives its
    /// bytes back.
    pub async fn take(self: Arc<Self>, bytes: u64) {
        let Some(until) = self.spend(bytes) else { return };
        let taken = Taken { rate: &self, cost: self.cost(bytes) };
        tokio::time::sleep_until(until).await;
        std::mem::forget(taken);
    }

    /// Counts bytes that are sent in any case, and says until when nothing more should be; `None`: it needs no pause. Having to
    /// pause counts as a hit of the limit.
    pub fn spend(&self, bytes: u64) -> Option<Instant> {
        let now = Instant::now();
        let wait = {
            let mut full_at = self.full_at();
            *full_at = (*full_at).max(now) + self.cost(bytes);
            // What is left after a burst has to fill up first.
            full_at.duration_since(now).saturating_sub(BURST)
        };
        if wait.is_zero() {
            return None;
        }
        self.hits.hit(Limit::BytesOutPerSecond);
        Some(now + wait)
    }

    fn cost(&self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.per_second);
        // A month is beyond every timeout.
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(Duration::from_hours(30 * 24))
    }

    fn full_at(&self) -> MutexGuard<'_, Instant> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are not sent yet; dropped, they are given back.
struct Taken<'a> {
    rate: &'a Rate,
    cost: Duration,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut full_at = self.rate.full_at();
        *full_at = full_at.checked_sub(self.cost).unwrap_or(*full_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u64) -> (Arc<Rate>, Arc<LimitHits>) {
        let hits = Arc::new(LimitHits::new("orders"));
        (Arc::new(Rate::new(per_second, hits.clone())), hits)
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_s_worth_goes_at_once_and_the_rest_waits() {
        let (rate, hits) = rate(1000);
        let start = Instant::now();
        rate.clone().take(1000).await;
        assert_eq!((start.elapsed(), hits.count(Limit::BytesOutPerSecond)), (Duration::ZERO, 0));
        rate.clone().take(500).await;
        assert_eq!((start.elapsed().as_millis(), hits.count(Limit::BytesOutPerSecond)), (500, 1));
        // More than a bucket holds waits for all of it.
        rate.clone().take(3000).await;
        assert_eq!(start.elapsed().as_millis(), 3500);
        tokio::time::advance(Duration::from_mins(1)).await;
        let start = Instant::now();
        rate.clone().take(1000).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        rate.take(1).await;
        assert_eq!((start.elapsed().as_millis(), hits.count(Limit::BytesOutPerSecond)), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_go_in_order_and_share_the_rate() {
        let (rate, _) = rate(1000);
        let start = Instant::now();
        let waiting = (0..4).map(|_| rate.clone().take(1000));
        let mut waiting: futures::stream::FuturesOrdered<_> =
            waiting.map(|taking| async move { (taking.await, start.elapsed().as_secs()) }).collect();
        let mut seconds = Vec::new();
        while let Some(((), second)) = futures::StreamExt::next(&mut waiting).await {
            seconds.push(second);
        }
        assert_eq!(seconds, [0, 1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_costs_nothing() {
        let (rate, _) = rate(1000);
        rate.clone().take(1000).await;
        let start = Instant::now();
        let given_up = tokio::time::timeout(Duration::from_millis(10), rate.clone().take(1_000_000)).await;
        assert!(given_up.is_err());
        rate.take(1000).await;
        assert_eq!(start.elapsed().as_millis(), 1000);
    }
}
