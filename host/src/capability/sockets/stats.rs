//! What guests tried with sockets, in counters that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a connector's sockets, since it was started. Read them with [`Ordering::Relaxed`].
#[derive(Debug, Default)]
pub struct SocketStats {
    /// Names that were looked up, and gave addresses that may be connected to.
    pub lookups_allowed: AtomicU64,
    /// Names that are not granted, or that lead only to addresses that are not allowed.
    pub lookups_denied: AtomicU64,
    /// Granted names that have no address, or none now.
    pub lookups_failed: AtomicU64,
    /// TCP connections that were let through, whether or not somebody answered.
    pub tcp_allowed: AtomicU64,
    /// TCP connections, or sockets for them, that no grant allows.
    pub tcp_denied: AtomicU64,
    /// Datagrams and their sockets' connections that were let through.
    pub udp_allowed: AtomicU64,
    /// Datagrams, or sockets for them, that no grant allows.
    pub udp_denied: AtomicU64,
    /// Attempts to bind to an address or port, to listen or to accept, which nothing grants.
    pub listens_denied: AtomicU64,
    /// TLS sessions.
    pub tls_allowed: AtomicU64,
    /// TLS handshakes with servers that no grant names.
    pub tls_denied: AtomicU64,
    /// TLS handshakes that failed.
    pub tls_failed: AtomicU64,
}

impl SocketStats {
    /// All of them: what was tried, what came of it, how often.
    pub(crate) fn rows(&self) -> [(&'static str, &'static str, u64); 11] {
        let Self {
            lookups_allowed,
            lookups_denied,
            lookups_failed,
            tcp_allowed,
            tcp_denied,
            udp_allowed,
            udp_denied,
            listens_denied,
            tls_allowed,
            tls_denied,
            tls_failed,
        } = self;
        [
            ("lookup", "allowed", lookups_allowed),
            ("lookup", "denied", lookups_denied),
            ("lookup", "failed", lookups_failed),
            ("tcp", "allowed", tcp_allowed),
            ("tcp", "denied", tcp_denied),
            ("udp", "allowed", udp_allowed),
            ("udp", "denied", udp_denied),
            ("listen", "denied", listens_denied),
            ("tls", "allowed", tls_allowed),
            ("tls", "denied", tls_denied),
            ("tls", "failed", tls_failed),
        ]
        .map(|(attempt, outcome, count)| (attempt, outcome, count.load(Ordering::Relaxed)))
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
