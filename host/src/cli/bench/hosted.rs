//! The host itself, in this process, with the connectors to be measured.

use tokio::task::JoinHandle;

use super::{Context, Stop, guests::Sink};
use crate::{
    cli::dev::until_ready,
    config::Config,
    host::{Host, HostOptions},
    shutdown::Shutdown,
};

/// A running host with one connector.
pub(super) struct Hosted {
    shutdown: Shutdown,
    running: JoinHandle<()>,
}

impl Hosted {
    /// Starts it, and waits until the connector is subscribed. Gives how to count what it has acknowledged.
    pub(super) async fn start(context: &Context, sink: &Sink<'_>) -> Result<(Self, impl Fn() -> usize + use<>), Stop> {
        Self::run(context, context.guests.config(sink)?, sink.topic).await
    }

    /// The same with a connector of another kind, which has this topic.
    pub(super) async fn run(
        context: &Context,
        config: Config,
        topic: &str,
    ) -> Result<(Self, impl Fn() -> usize + use<>), Stop> {
        let name = config.connector_name.clone();
        let host = Host::new(vec![config], HostOptions { listen: None, engine: context.engine()? }).await?;
        let (status, metrics, shutdown) = (host.status(), host.metrics(), Shutdown::new());
        let hosted = Self { running: tokio::spawn(host.run(shutdown.clone())), shutdown: shutdown.clone() };
        until_ready(&status, &shutdown).await?;
        let acknowledged = metrics.lane(&name, topic).acknowledged;
        Ok((hosted, move || usize::try_from(acknowledged.get()).unwrap_or(usize::MAX)))
    }

    /// Ends it in good order.
    pub(super) async fn stop(self) -> Result<(), Stop> {
        self.shutdown.drain();
        Ok(self.running.await?)
    }
}
