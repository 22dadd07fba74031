//! The host itself, in this process, with the connectors to be measured.

use tokio::task::JoinHandle;

use super::{Context, Stop, guests::Sink};
use crate::{
    cli::dev::until_ready,
    host::{Host, HostOptions},
    shutdown::Shutdown,
};

/// A running host.
pub(super) struct Hosted {
    shutdown: Shutdown,
    running: JoinHandle<()>,
}

impl Hosted {
    /// Starts it, and waits until the connectors are subscribed.
    pub(super) async fn start(context: &Context, sinks: &[Sink<'_>]) -> Result<Self, Stop> {
        let configs = sinks.iter().map(|sink| context.guests.config(sink)).collect::<Result<_, _>>()?;
        let host = Host::new(configs, HostOptions { listen: None, engine: context.engine()? }).await?;
        let (status, shutdown) = (host.status(), Shutdown::new());
        let hosted = Self { running: tokio::spawn(host.run(shutdown.clone())), shutdown: shutdown.clone() };
        until_ready(&status, &shutdown).await?;
        Ok(hosted)
    }

    /// Ends it in good order.
    pub(super) async fn stop(self) -> Result<(), Stop> {
        self.shutdown.drain();
        Ok(self.running.await?)
    }
}
