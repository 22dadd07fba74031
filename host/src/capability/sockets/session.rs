//! One instance's sockets: every attempt decided, counted, and logged where it is refused.

use std::{
    fmt,
    future::ready,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;
use url::Host;
use wasmtime_wasi::{WasiCtxBuilder, sockets::SocketAddrUse};

use super::{
    LookupError, Sockets,
    decide::{self, Found},
    known::Known,
    stats::count,
};
use crate::capability::{
    decision::Denial,
    destination::{Scheme, Target},
    limit::Limit,
};

/// How many names an instance may look up at once. Each may take a thread of the host for as long as the system's
/// resolver likes.
const LOOKUPS: usize = 4;

/// One instance's share of a connector's sockets. Clones are the same share.
#[derive(Clone)]
pub struct SocketSession(Arc<Inner>);

struct Inner {
    sockets: Arc<Sockets>,
    known: Mutex<Known>,
    lookups: Arc<Semaphore>,
    tls: Arc<Semaphore>,
}

/// Why a guest gets no socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSocket {
    /// Nothing of that kind is granted.
    Denied,
    /// It has as many as it may.
    Limit,
}

impl fmt::Debug for SocketSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketSession").finish_non_exhaustive()
    }
}

impl SocketSession {
    pub(super) fn new(sockets: Arc<Sockets>) -> Self {
        let tls = Arc::new(Semaphore::new(sockets.open.min(Semaphore::MAX_PERMITS)));
        let lookups = Arc::new(Semaphore::new(LOOKUPS));
        Self(Arc::new(Inner { sockets, known: Mutex::default(), lookups, tls }))
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    pub(super) fn tls_permits(&self) -> &Arc<Semaphore> {
        &self.0.tls
    }

    /// Switches on what is granted, and has WASI ask before each use of a socket. Its name lookup stays off.
    pub fn configure(&self, wasi: &mut WasiCtxBuilder) {
        let asked = self.clone();
        wasi.allow_tcp(self.sockets().has(Scheme::Tcp)).allow_udp(self.sockets().has(Scheme::Udp));
        wasi.socket_addr_check(move |at, purpose| Box::pin(ready(asked.permits(at, purpose))));
    }

    /// Whether the guest may have one more socket beside those that are `open`.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn admit(&self, scheme: Scheme, open: usize) -> Result<(), NoSocket> {
        let Sockets { stats, hits, open: limit, .. } = self.sockets();
        if !self.sockets().has(scheme) {
            let name = scheme.as_str();
            count(if scheme == Scheme::Udp { &stats.udp_denied } else { &stats.tcp_denied });
            let suggestion = format!("\"{name}://HOST:PORT\"");
            self.sockets().deny(&format!("{name}://"), &Denial { why: String::new(), suggestion });
            return Err(NoSocket::Denied);
        }
        if open >= *limit {
            hits.hit(Limit::OpenSockets);
            return Err(NoSocket::Limit);
        }
        Ok(())
    }

    /// Whether a socket may be used like this. Asked by WASI before each use.
    fn permits(&self, at: SocketAddr, purpose: SocketAddrUse) -> bool {
        let stats = self.sockets().stats();
        match purpose {
            SocketAddrUse::TcpConnect => self.connects(Scheme::Tcp, at),
            SocketAddrUse::UdpSend => self.connects(Scheme::Udp, at),
            // A stranger's datagram is no attempt of the guest's.
            SocketAddrUse::UdpReceive => self.decide(Scheme::Udp, at).is_ok(),
            // What every connection begins with: any address, any port.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if at.ip().is_unspecified() && at.port() == 0 => true,
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind | SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => {
                count(&stats.listens_denied);
                if self.sockets().denials.first_time("listen".to_owned()) {
                    let connector = self.sockets().denials.connector();
                    tracing::warn!(%connector, "the guest wants to bind or listen at `{at}`, which can't be granted");
                }
                false
            }
        }
    }

    fn connects(&self, scheme: Scheme, at: SocketAddr) -> bool {
        let stats = self.sockets().stats();
        let (allowed, denied) = match scheme {
            Scheme::Udp => (&stats.udp_allowed, &stats.udp_denied),
            Scheme::Tcp | Scheme::Http | Scheme::Https => (&stats.tcp_allowed, &stats.tcp_denied),
        };
        match self.decide(scheme, at) {
            Ok(_) => {
                count(allowed);
                true
            }
            Err(denial) => {
                count(denied);
                self.sockets().deny(&Target::socket(scheme, at).origin(), &denial);
                false
            }
        }
    }

    fn decide(&self, scheme: Scheme, at: SocketAddr) -> Result<usize, Denial> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        decide::connection(&self.sockets().grants, &known, scheme, at)
    }

    /// The addresses of a granted name that may be connected to. They are remembered: the instance may connect to them.
    ///
    /// # Errors
    /// See [`LookupError`].
    pub async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let stats = self.sockets().stats();
        let found = self.find(name).await;
        match &found {
            Ok(_) => count(&stats.lookups_allowed),
            Err(LookupError::Denied) => count(&stats.lookups_denied),
            Err(LookupError::Invalid | LookupError::Unresolved) => count(&stats.lookups_failed),
        }
        found
    }

    async fn find(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let host = host(name).ok_or(LookupError::Invalid)?;
        let grants = &self.sockets().grants;
        let denied = |denial: Denial| {
            self.sockets().deny(&host.to_string(), &denial);
            LookupError::Denied
        };
        let candidates = decide::named(grants, &[Scheme::Tcp, Scheme::Udp], &host).map_err(denied)?;
        let addresses = match &host {
            Host::Ipv4(ip) => vec![(*ip).into()],
            Host::Ipv6(ip) => vec![(*ip).into()],
            Host::Domain(name) => self.ask(name).await?,
        };
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Found { allowed, refused } = decide::learn(grants, &candidates, &host, addresses, &mut known);
        if !allowed.is_empty() {
            return Ok(allowed);
        }
        let denial = (!refused.is_empty()).then(|| decide::private(grants, &candidates, &refused)).flatten();
        Err(denial.map_or(LookupError::Unresolved, denied))
    }

    /// Asks the resolver, not too often at once: the place is free again when it has answered, not when the guest has
    /// lost interest.
    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let place = self.0.lookups.clone().acquire_owned().await.map_err(|_| LookupError::Unresolved)?;
        let (resolver, asked) = (self.sockets().resolver.clone(), name.to_owned());
        let answer = tokio::spawn(async move {
            let _place = place;
            resolver.lookup(&asked).await
        });
        match answer.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::debug!(connector = %self.sockets().denials.connector(), name, %error, "can't resolve");
                Err(LookupError::Unresolved)
            }
            Err(_) => Err(LookupError::Unresolved),
        }
    }
}

/// A name or an address, as grants have it.
pub(super) fn host(text: &str) -> Option<Host<String>> {
    // The longest name there is.
    if text.len() > 253 {
        return None;
    }
    // Outside of URLs they have no brackets.
    let bare = || text.parse::<Ipv6Addr>().ok().map(Host::Ipv6);
    Host::parse(text).ok().or_else(bare)
}
