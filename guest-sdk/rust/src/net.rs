//! TCP, and TLS by the host, for protocol libraries of the async world (feature `net`): streams with tokio's traits, and
//! what runs futures to their end inside a call. There is no runtime and nothing to configure.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use danube_sink::net::{TcpStream, block_on, timeout};
//!
//! # fn connect() -> std::io::Result<()> {
//! block_on(async {
//!     let stream = timeout(Duration::from_secs(10), TcpStream::connect("db.example.com", 5432)).await??;
//!     let secure = stream.into_tls("db.example.com").await?;
//!     // Hand it to a library.
//! #   drop(secure);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! - A connection needs a grant: `sockets = ["tcp://db.example.com:5432"]` in the connector's file. For the host to do TLS
//!   over it the grant must name the server, and may say by which authority (`ca_cert`) and with which client
//!   certificate.
//! - TLS may begin in the middle of a connection, as PostgreSQL, SMTP and LDAP have it: [`TcpStream::into_tls`] goes on from
//!   the next byte.
//! - Nothing runs between calls. A library that wants a task of its own for a connection gets its future polled beside the
//!   work, as in `futures::future::select`, and hears of a lost connection in the next call. Drop that future when it ends:
//!   whoever waits for an answer hears of the end only then.
//! - WASI has no `TCP_NODELAY`: [`Corked`] keeps a library that writes in small pieces from waiting for acknowledgements.
//! - What TLS agreed upon (the certificate, the protocol's version) cannot be seen: there is no channel binding, and no ALPN.
//!
//! Outside of a component, as in unit tests, there are no connections: [`TcpStream::connect`] fails with
//! [`Unsupported`](std::io::ErrorKind::Unsupported).

#[cfg(not(target_family = "wasm"))]
mod absent;
mod corked;
#[cfg(target_family = "wasm")]
mod reactor;
#[cfg(target_family = "wasm")]
mod stream;
#[cfg(target_family = "wasm")]
mod tcp;
#[cfg(target_family = "wasm")]
mod tls;

use std::{fmt, future::poll_fn, io, pin::pin, task::Poll, time::Duration};

pub use corked::Corked;

#[cfg(not(target_family = "wasm"))]
pub use absent::{Sleep, TcpStream, TlsStream, block_on, sleep};
#[cfg(target_family = "wasm")]
pub use {
    reactor::{Sleep, block_on, sleep},
    tcp::TcpStream,
    tls::TlsStream,
};

/// The time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.0)
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// Waits for a future, but no longer than `limit`.
///
/// # Errors
///
/// When the time is up. The future is dropped then.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    let (mut future, mut sleep) = (pin!(future), pin!(sleep(limit)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => sleep.as_mut().poll(context).map(|()| Err(Elapsed(limit))),
    })
    .await
}
