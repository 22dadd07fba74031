//! Why a dev broker cannot start.

use std::net::SocketAddr;

/// Why a dev broker did not start, or did not come back from a restart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dev broker is for one machine only.
    #[error("the dev broker listens on loopback addresses only, and `{0}` is not one")]
    NotLoopback(SocketAddr),
    /// The window is outside the range that the released broker accepts.
    #[error("max_unacked_messages must be between 1 and 10000, got {0}")]
    Window(usize),
    /// Timeouts would be looked at without a pause.
    #[error("the tick must be longer than zero")]
    Tick,
    /// The port is taken, or may not be used.
    #[error("cannot listen on `{addr}`")]
    Listen {
        /// Where it was to listen.
        addr: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The certificate, the key or the client authority is not usable PEM.
    #[error("cannot serve TLS with this certificate and key")]
    Tls(#[source] tonic::transport::Error),
}
