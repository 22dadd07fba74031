//! What passed a gate, in counters that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Error;

/// Counters of one gate, since it was made. Read them with [`Ordering::Relaxed`].
#[derive(Debug, Default)]
pub struct GateStats {
    /// Requests that guests made, whatever became of them.
    pub requests: AtomicU64,
    /// Requests, or connections for them, that no grant allows.
    pub denied: AtomicU64,
    /// Requests that were malformed or too large.
    pub invalid: AtomicU64,
    /// Names that could not be resolved, connections that could not be made or broke.
    pub connect_errors: AtomicU64,
    /// Failed TLS handshakes.
    pub tls_errors: AtomicU64,
    /// Exchanges that took too long.
    pub timeouts: AtomicU64,
    /// Responses that were larger than allowed.
    pub too_large: AtomicU64,
    /// Responses that were not HTTP, or incomplete.
    pub protocol_errors: AtomicU64,
    /// Responses by the first digit of their status, 1 to 5.
    pub responses: [AtomicU64; 5],
    /// Bytes of request bodies.
    pub bytes_out: AtomicU64,
    /// Bytes of response bodies.
    pub bytes_in: AtomicU64,
    /// Connections made.
    pub connections: AtomicU64,
}

impl GateStats {
    pub(super) fn failed(&self, error: &Error) {
        let counter = match error {
            Error::Denied(_) => &self.denied,
            Error::InvalidRequest(_) | Error::RequestTooLarge(_) => &self.invalid,
            Error::Connect(_) => &self.connect_errors,
            Error::Tls(_) => &self.tls_errors,
            Error::Timeout(_) => &self.timeouts,
            Error::TooLarge(_) => &self.too_large,
            Error::Protocol(_) => &self.protocol_errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, status: u16) {
        if let Some(counter) = self.responses.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
