//! Stopping in order: the first signal (SIGTERM or SIGINT) asks everything to drain, a second one ends it at once.

use tokio_util::sync::CancellationToken;

/// Two requests, one after the other. Clones hear the same ones.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Shutdown {
    /// Not requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to the process's signals from now on.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if shutdown.drain.is_cancelled() {
                    tracing::warn!("{name} again: stopping now; what is not settled will be delivered again");
                    shutdown.now.cancel();
                    return;
                }
                tracing::info!("{name}: draining; send it again to stop at once");
                shutdown.drain.cancel();
            }
        });
        Ok(())
    }

    /// Asks for a graceful end.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Set once a graceful end is asked for.
    pub fn draining(&self) -> &CancellationToken {
        &self.drain
    }

    /// Set once an end is asked for that waits for nothing.
    pub fn stopping_now(&self) -> &CancellationToken {
        &self.now
    }
}
