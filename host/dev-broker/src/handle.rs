//! The handle of a running dev broker: its addresses, its faults, a look inside, and its end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{
    net::TcpListener,
    sync::Mutex,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    broker::Broker,
    config::DevBrokerConfig,
    connections::listen,
    error::Error,
    faults::Faults,
    observer::Observed,
    server::{Guard, Rpc, admin_routes, client_routes, serve},
    stats::TopicStats,
};

/// A running dev broker. It stops when the handle is dropped.
pub struct DevBroker {
    broker: Arc<Broker>,
    guard: Guard,
    admin_url: String,
    addrs: Addrs,
    /// `None` while the broker is stopped.
    serving: Mutex<Option<Serving>>,
    _ticking: DropGuard,
}

/// Where the ports are, once they are known.
#[derive(Clone, Copy)]
struct Addrs {
    client: SocketAddr,
    admin: SocketAddr,
}

/// The listeners of one run.
struct Serving {
    stop: DropGuard,
    tasks: [JoinHandle<()>; 2],
}

impl DevBroker {
    /// Starts a broker. It answers from the moment this returns.
    pub async fn start(config: DevBrokerConfig) -> Result<Self, Error> {
        config.validate()?;
        let (client, addr) = bind(config.addr).await?;
        let (admin, admin_addr) = bind(config.admin_addr).await?;
        let broker = Arc::new(Broker::new(&config, url(config.tls.is_some(), addr)));
        let DevBrokerConfig { require_token, tls, admin_tls, tick, .. } = config;
        let admin_tls = admin_tls && tls.is_some();
        let guard = Guard { token: require_token.map(Arc::from), tls, admin_tls };
        let serving = Serving::start(&broker, &guard, client, admin)?;
        Ok(Self {
            _ticking: start_ticking(&broker, tick),
            admin_url: url(admin_tls, admin_addr),
            addrs: Addrs { client: addr, admin: admin_addr },
            serving: Mutex::new(Some(serving)),
            broker,
            guard,
        })
    }

    /// Where clients connect: `http://127.0.0.1:<port>`, or `https://` with TLS.
    pub fn url(&self) -> &str {
        &self.broker.url
    }

    /// Where the admin API listens.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The faults that can be switched on.
    pub fn faults(&self) -> Faults {
        Faults { broker: Arc::clone(&self.broker) }
    }

    /// Shows everything that happens from now on to `watch`, in its order and before it takes effect. Replaces an earlier
    /// one. It is called in the middle of things: it must be quick and must not ask this broker anything.
    pub fn observe(&self, watch: impl Fn(Observed<'_>) + Send + Sync + 'static) {
        self.broker.observer.set(Arc::new(watch));
    }

    /// A topic, or one partition (`/namespace/topic-part-0`), as it is now.
    pub fn topic(&self, name: &str) -> Option<TopicStats> {
        self.broker.catalog.get(name).map(|topic| topic.stats())
    }

    /// The names of all topics, partitions one by one, sorted.
    pub fn topics(&self) -> Vec<String> {
        self.broker.catalog.all().iter().map(|topic| topic.name.clone()).collect()
    }

    /// How often the registry answered for a schema by its id, whether it had it or not.
    pub fn schema_lookups(&self) -> u64 {
        self.broker.registry(|registry| registry.lookups)
    }

    /// Stops and, after `pause`, comes back: [`DevBroker::stop`], then [`DevBroker::resume`].
    pub async fn restart(&self, pause: Duration) -> Result<(), Error> {
        self.stop().await;
        sleep(pause).await;
        self.resume().await
    }

    /// Stops serving and closes all connections. Producers and consumers are forgotten, and with them how often records
    /// were sent; topics, records and schemas stay, and every subscription will go on after its last acknowledged record
    /// without a gap.
    pub async fn stop(&self) {
        let mut serving = self.serving.lock().await;
        let Some(Serving { stop, tasks }) = serving.take() else { return };
        drop(stop);
        let mut ended = join_all(tasks);
        loop {
            // Again and again, for a connection may just have been accepted.
            self.broker.connections.close_all();
            tokio::select! {
                _ = &mut ended => break,
                () = sleep(Duration::from_millis(20)) => {}
            }
        }
        self.broker.restart();
    }

    /// Serves again, on the same ports. Does nothing unless the broker was stopped.
    pub async fn resume(&self) -> Result<(), Error> {
        let mut serving = self.serving.lock().await;
        if serving.is_none() {
            let client = listen(self.addrs.client).await?;
            let admin = listen(self.addrs.admin).await?;
            *serving = Some(Serving::start(&self.broker, &self.guard, client, admin)?);
        }
        Ok(())
    }

    /// Stops for good.
    pub async fn shutdown(self) {
        self.stop().await;
    }
}

impl Drop for DevBroker {
    fn drop(&mut self) {
        *self.serving.get_mut() = None;
        self.broker.connections.close_all();
    }
}

impl Serving {
    fn start(broker: &Arc<Broker>, guard: &Guard, client: TcpListener, admin: TcpListener) -> Result<Self, Error> {
        let rpc = Rpc(Arc::clone(broker));
        let stop = CancellationToken::new();
        let admin_tls = guard.tls.as_ref().filter(|_| guard.admin_tls);
        let tasks = [
            serve(broker, client, client_routes(&rpc), guard, guard.tls.as_ref(), stop.clone())?,
            serve(broker, admin, admin_routes(&rpc), guard, admin_tls, stop.clone())?,
        ];
        Ok(Self { stop: stop.drop_guard(), tasks })
    }
}

async fn bind(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = listen(addr).await?;
    let bound = listener.local_addr().map_err(|source| Error::Listen { addr, source })?;
    Ok((listener, bound))
}

fn url(tls: bool, addr: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{addr}")
}

/// Looks at timeouts and retries for as long as the guard lives.
fn start_ticking(broker: &Arc<Broker>, tick: Duration) -> DropGuard {
    let stop = CancellationToken::new();
    let (stopped, broker) = (stop.clone(), Arc::downgrade(broker));
    tokio::spawn(stopped.run_until_cancelled_owned(async move {
        let mut interval = interval(tick);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while let Some(broker) = broker.upgrade() {
            broker.tick();
            drop(broker);
            interval.tick().await;
        }
    }));
    stop.drop_guard()
}
