//! One test's world: a broker, an endpoint, a folder for connector files, and a client that publishes as any producer
//! would. Names of topics and subscriptions are never used twice, so that a real broker can serve many runs.

mod connector;
mod dead_letters;
mod host;
mod secure;
mod topic;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use danube_client::DanubeClient;
use danube_dev_broker::{DevBroker, DevBrokerConfig, FailurePolicy, SubscriptionStats};
use danube_wasm::config::Environment;
use tempfile::TempDir;

pub use self::{
    connector::{Connector, compile},
    dead_letters::DeadLetters,
    host::{CACHE, RunningHost},
    secure::Authority,
    topic::{Message, Topic},
};
use crate::{endpoint::Endpoint, until};

/// One test's world.
pub struct Rig {
    broker: Broker,
    client: DanubeClient,
    folder: TempDir,
    /// Where connectors write.
    pub endpoint: Endpoint,
    /// How many records were published with the endpoint as their goal.
    published: AtomicUsize,
}

enum Broker {
    /// In memory, one for each test.
    Dev(Box<DevBroker>),
    /// The one that the environment names.
    Real { url: String },
}

impl Rig {
    /// A world on the broker that the environment names, or else on one of its own, in memory.
    pub async fn start() -> Self {
        match Environment::from_process().get("DANUBE_SERVICE_URL") {
            Some(url) => Self::on(Broker::Real { url: url.to_owned() }, None).await,
            None => Self::on(Broker::Dev(Box::new(DevBroker::start(quick()).await.unwrap())), None).await,
        }
    }

    /// A world whose broker is in memory, for what can't be asked of a real one; `why` says what. `None`: the environment
    /// names a broker, and the test is skipped.
    pub async fn in_memory(why: &str) -> Option<Self> {
        Self::in_memory_with(why, quick()).await
    }

    /// The same with a broker that is set up like this.
    pub async fn in_memory_with(why: &str, config: DevBrokerConfig) -> Option<Self> {
        if is_skipped(why) {
            return None;
        }
        Some(Self::on(Broker::Dev(Box::new(DevBroker::start(config).await.unwrap())), None).await)
    }

    /// A world whose broker, in memory, is reached with TLS.
    pub async fn secure(why: &str, authority: &Authority, config: DevBrokerConfig) -> Option<Self> {
        if is_skipped(why) {
            return None;
        }
        let broker =
            DevBroker::start(authority.secure(DevBrokerConfig { failure_policy: quick().failure_policy, ..config }));
        Some(Self::on(Broker::Dev(Box::new(broker.await.unwrap())), Some(authority)).await)
    }

    async fn on(broker: Broker, authority: Option<&Authority>) -> Self {
        let builder = DanubeClient::builder().service_url(broker.url());
        let builder = match authority {
            Some(authority) => authority.client(builder),
            None => builder,
        };
        let client = builder.build().await.unwrap();
        let folder = TempDir::new().unwrap();
        Self { broker, client, folder, endpoint: Endpoint::start().await, published: AtomicUsize::new(0) }
    }

    /// Where the broker takes clients.
    pub fn broker_url(&self) -> &str {
        self.broker.url()
    }

    /// The broker in memory. Only for tests that started with [`Rig::in_memory`].
    pub fn dev(&self) -> &DevBroker {
        match &self.broker {
            Broker::Dev(broker) => broker,
            Broker::Real { url } => panic!("the broker at {url} has no inside to look at"),
        }
    }

    /// What the broker in memory says about the one subscription of a topic, or of one of its partitions.
    pub fn subscription(&self, topic: &str) -> SubscriptionStats {
        let stats = self.dev().topic(topic).unwrap_or_else(|| panic!("no topic {topic}"));
        stats.subscriptions.into_values().next().unwrap_or_else(|| panic!("no subscription on {topic}"))
    }

    /// Waits until the broker in memory owes nothing on the one subscription of a topic: everything that was published is
    /// acknowledged, nothing was given up, nothing lost.
    pub async fn until_at_rest(&self, topic: &Topic) {
        let published = self.dev().topic(topic.name()).map(|stats| stats.published);
        let at_rest = || {
            let it = self.subscription(topic.name());
            it.cursor.map(|cursor| cursor + 1) == published && it.exhausted == 0 && it.lost == 0
        };
        until(&format!("the subscription on {} to be at rest", topic.name()), at_rest).await;
    }

    /// Waits until the broker in memory has so many records of a topic acknowledged.
    pub async fn until_acknowledged(&self, topic: &Topic, count: u64) {
        let acked = || self.subscription(topic.name()).acked;
        until(&format!("{count} acknowledgements on {}", topic.name()), || acked() >= count).await;
    }

    /// A place for files of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file for the test.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Broker {
    fn url(&self) -> &str {
        match self {
            Self::Dev(broker) => broker.url(),
            Self::Real { url } => url,
        }
    }
}

fn is_skipped(why: &str) -> bool {
    let real = Environment::from_process().get("DANUBE_SERVICE_URL").is_some();
    if real {
        println!("skipped on the broker that DANUBE_SERVICE_URL names: {why}");
    }
    real
}

/// The released broker's rules with short pauses, so that a test that waits for a redelivery does not wait for long.
pub fn quick() -> DevBrokerConfig {
    let failure_policy = FailurePolicy {
        base_redelivery_delay: Duration::from_millis(20),
        max_redelivery_delay: Duration::from_millis(200),
        ..FailurePolicy::default()
    };
    DevBrokerConfig { tick: Duration::from_millis(10), failure_policy, ..DevBrokerConfig::default() }
}

/// The released broker's rules with all times divided by 15: an ack timeout of two seconds and a record that is given up
/// after six sends. A connector needs [`Connector::scaled`] for it.
pub fn scaled() -> DevBrokerConfig {
    let failure_policy = FailurePolicy {
        ack_timeout: SCALED_ACK_TIMEOUT,
        base_redelivery_delay: SCALED_ACK_TIMEOUT / 30,
        max_redelivery_delay: SCALED_ACK_TIMEOUT * 2,
        ..FailurePolicy::default()
    };
    DevBrokerConfig { tick: Duration::from_millis(10), failure_policy, ..DevBrokerConfig::default() }
}

/// The ack timeout of [`scaled`].
pub const SCALED_ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// A name that no other test of this or another run has. No such name begins with another one.
pub(crate) fn unique(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    format!("{kind}-{since:x}-{:04}", NEXT.fetch_add(1, Ordering::Relaxed))
}
