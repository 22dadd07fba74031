//! Asking an idle guest now and then whether its target is well, so that an outage shows before records wait for it.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::edge::{End, LanePolicy, ProcessError};

/// When to ask next, and how often the answer was no in a row.
#[derive(Debug)]
pub(super) struct Health {
    interval: Duration,
    threshold: u32,
    hold: bool,
    next: Instant,
    failures: u32,
}

impl Health {
    pub(super) fn new(policy: &LanePolicy) -> Self {
        let LanePolicy { health_check_interval: interval, health_check_failure_threshold: threshold, hold, .. } =
            *policy;
        Self { interval, threshold, hold, next: Instant::now() + interval, failures: 0 }
    }

    /// Ends when it is time to ask.
    pub(super) async fn due(&self) {
        sleep_until(self.next).await;
    }

    /// A batch was written, which says more than any question.
    pub(super) fn is_well(&mut self) {
        self.failures = 0;
        self.next = Instant::now() + self.interval;
    }

    /// What an answer means. `Some`: the session is over.
    pub(super) fn sort(&mut self, answer: Result<(), ProcessError>) -> Option<End> {
        self.next = Instant::now() + self.interval;
        match answer {
            Ok(()) => self.failures = 0,
            Err(ProcessError::Fatal { reason } | ProcessError::Rejected { reason }) => {
                return Some(End::Failed { reason });
            }
            Err(ProcessError::Retryable { reason, .. } | ProcessError::Broken { reason }) => {
                self.failures += 1;
                tracing::warn!(failures = self.failures, %reason, "the health check failed");
                if self.failures >= self.threshold && !self.hold {
                    return Some(End::Parked { reason });
                }
            }
        }
        None
    }
}
