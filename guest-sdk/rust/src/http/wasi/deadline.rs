//! A limit on a whole exchange, which `wasi:http` itself does not have.

use std::time::Duration;

use wasip2::{
    clocks::monotonic_clock,
    io::poll::{self, Pollable},
};

use crate::http::Error;

/// When an exchange must be over, if ever.
pub(super) struct Deadline {
    timer: Option<(Pollable, Duration)>,
}

impl Deadline {
    /// Starts to count.
    pub(super) fn start(timeout: Option<Duration>) -> Self {
        let timer = timeout.map(|timeout| {
            let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
            (monotonic_clock::subscribe_duration(nanoseconds), timeout)
        });
        Self { timer }
    }

    /// Waits until `event` has happened, or fails when the time is up first.
    pub(super) fn wait(&self, event: &Pollable) -> Result<(), Error> {
        match &self.timer {
            None => event.block(),
            Some((timer, timeout)) => {
                if !poll::poll(&[event, timer]).contains(&0) {
                    return Err(Error::Timeout(format!("no complete response within {timeout:?}")));
                }
            }
        }
        Ok(())
    }
}
