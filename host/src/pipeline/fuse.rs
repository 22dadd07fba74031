//! Stops a connector that rejects too much. One bad record is the record's fault; thousands in a minute are a bad deploy's,
//! and then it is better to stop than to dead-letter or skip a whole topic. All lanes of a connector share one fuse.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Counts the rejected records of the last while.
#[derive(Debug)]
pub(crate) struct Fuse {
    /// How many are let through within the window; 0: any number.
    limit: usize,
    window: Duration,
    /// When the last rejected ones came, oldest first; never more than `limit`.
    recent: Mutex<VecDeque<Instant>>,
}

/// Too many records were rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blown {
    /// What the limit is.
    pub(crate) limit: usize,
    /// Within what time.
    pub(crate) window: Duration,
}

impl Fuse {
    /// Lets `limit` records within any `window` through; with 0, all of them.
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        Self { limit: limit as usize, window, recent: Mutex::default() }
    }

    /// Counts one rejected record. An error: it is one too many, and is not to be let go.
    pub(crate) fn pass(&self) -> Result<(), Blown> {
        if self.limit == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|oldest| now.duration_since(*oldest) >= self.window) {
            recent.pop_front();
        }
        if recent.len() >= self.limit {
            return Err(Blown { limit: self.limit, window: self.window });
        }
        recent.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn passed(fuse: &Fuse, tries: usize) -> usize {
        (0..tries).filter(|_| fuse.pass().is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn it_blows_at_the_record_after_the_limit() {
        let fuse = Fuse::new(3, MINUTE);
        assert_eq!(passed(&fuse, 3), 3);
        assert_eq!(fuse.pass(), Err(Blown { limit: 3, window: MINUTE }));
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_slides() {
        let fuse = Fuse::new(2, MINUTE);
        assert!(fuse.pass().is_ok());
        tokio::time::advance(MINUTE / 2).await;
        assert_eq!(passed(&fuse, 2), 1);
        tokio::time::advance(MINUTE / 2).await;
        assert_eq!(passed(&fuse, 2), 1, "one of the two is a minute old");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_it_never_blows_and_remembers_nothing() {
        let fuse = Fuse::new(0, MINUTE);
        assert_eq!(passed(&fuse, 10_000), 10_000);
        assert!(fuse.recent.lock().unwrap().is_empty());
    }
}
