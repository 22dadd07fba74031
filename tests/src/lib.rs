//! What the suites stand on: a broker (in memory, or the one that `DANUBE_SERVICE_URL` names), connectors as files, the
//! host in this process or as a child, and an HTTP endpoint that answers as it is told. Everything goes over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a rig that fails ends the test")]

pub mod endpoint;
pub mod process;
pub mod rig;

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

/// The components of this workspace, built for these suites.
pub mod guests {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// Far longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A port of loopback for a server that is to be started, and started again. The system gives none of these to clients or to
/// those who do not care which, so that nobody else gets it meanwhile.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Waits for something that must happen; `what` says in a failure what did not.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
