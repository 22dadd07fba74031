//! How a dev broker is set up: addresses, times, limits and which defects of the released broker it has.
//! Plain values; nothing here does I/O.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::{error::Error, policy::FailurePolicy};

/// What a dev broker is made from. The defaults are those of a Danube 0.15.1 broker with its example configuration,
/// on free ports of the loopback interface.
#[derive(Clone)]
pub struct DevBrokerConfig {
    /// Where clients connect. Loopback only; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Where the admin API listens. Loopback only; port 0 takes a free one.
    pub admin_addr: SocketAddr,
    /// The namespaces in which topics may be created. `None`: every namespace exists.
    pub namespaces: Option<Vec<String>>,
    /// Whether creating a producer creates a missing topic.
    pub auto_create_topics: bool,
    /// How many unanswered records a subscription may have: 1 to 10000.
    pub max_unacked_messages: usize,
    /// The failure policy of subscriptions for which none was set.
    pub failure_policy: FailurePolicy,
    /// How often ack timeouts and retries are looked at. The released broker does it every 500 ms.
    pub tick: Duration,
    /// The token that every call must bring as `Authorization: Bearer`, on both ports.
    pub require_token: Option<String>,
    /// The certificate to serve TLS with.
    pub tls: Option<TlsConfig>,
    /// Whether the admin port serves TLS too.
    pub admin_tls: bool,
    /// Whether a window that was set with `SetSubscriptionDispatchConfig` takes effect, on subscriptions that are
    /// created after it. 0.15.1 stores the value and never reads it.
    pub honour_dispatch_config: bool,
    /// Whether a connected standby of a Failover subscription takes over from a consumer that is gone. In 0.15.1 the
    /// first consumer stays the active one for ever.
    pub promote_standby: bool,
    /// How long a Key-Shared consumer may be away before it is evicted. 0.15.1 takes 3 seconds; its unanswered records
    /// then count as acknowledged, and a consumer that comes back under that name gets nothing any more. `None`: never
    /// evicted, and what it left unanswered is scheduled again at once, as on the other subscription types.
    pub key_shared_eviction: Option<Duration>,
    /// Whether what an evicted Key-Shared consumer held goes to the consumers that are left, or to the next one that comes.
    /// In 0.15.1 it is lost.
    pub key_shared_hand_over: bool,
    /// How far a new subscription may fall behind before records are skipped for ever. 0.15.1 skips beyond 256, and how
    /// many depends on timing, so that nothing is skipped here unless this is set.
    pub live_backlog: Option<u64>,
}

impl Default for DevBrokerConfig {
    fn default() -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            addr: any_port,
            admin_addr: any_port,
            namespaces: None,
            auto_create_topics: true,
            max_unacked_messages: 10,
            failure_policy: FailurePolicy::default(),
            tick: Duration::from_millis(500),
            require_token: None,
            tls: None,
            admin_tls: false,
            honour_dispatch_config: false,
            promote_standby: false,
            key_shared_eviction: Some(Duration::from_secs(3)),
            key_shared_hand_over: false,
            live_backlog: None,
        }
    }
}

impl DevBrokerConfig {
    /// Refuses what the broker cannot or must not run with.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        for addr in [self.addr, self.admin_addr] {
            if !addr.ip().is_loopback() {
                return Err(Error::NotLoopback(addr));
            }
        }
        if !WINDOW_RANGE.contains(&self.max_unacked_messages) {
            return Err(Error::Window(self.max_unacked_messages));
        }
        if self.tick.is_zero() {
            return Err(Error::Tick);
        }
        Ok(())
    }
}

/// The sizes of a window that the broker accepts.
pub(crate) const WINDOW_RANGE: std::ops::RangeInclusive<usize> = 1..=10_000;

/// What the broker serves TLS with, all PEM.
#[derive(Clone)]
pub struct TlsConfig {
    /// The certificate chain.
    pub cert_pem: String,
    /// The private key.
    pub key_pem: String,
    /// The authority that client certificates must come from. With it, a client without one is refused.
    pub client_ca_pem: Option<String>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cert_pem: _, key_pem: _, client_ca_pem } = self;
        f.debug_struct("TlsConfig").field("mutual", &client_ca_pem.is_some()).finish_non_exhaustive()
    }
}
