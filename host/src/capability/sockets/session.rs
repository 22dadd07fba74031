//! One instance's sockets: every attempt decided, counted, and logged where it is refused.

use std::{
    fmt,
    future::ready,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    address::Scope,
    decision::Denial,
    destination::{Scheme, Target},
    limit::Limit,
};

/// One instance's share of a connector's sockets. Clones are the same share.
#[derive(Clone)]
pub struct SocketSession(Arc<Inner>);

struct Inner {
    sockets: Arc<Sockets>,
    known: Mutex<Known>,
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
        Self(Arc::new(Inner { sockets, known: Mutex::default(), tls }))
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
    pub(super) fn permits(&self, at: SocketAddr, purpose: SocketAddrUse) -> bool {
        let stats = self.sockets().stats();
        match purpose {
            SocketAddrUse::TcpConnect => self.connects(Scheme::Tcp, at),
            SocketAddrUse::UdpSend => self.connects(Scheme::Udp, at),
            // A stranger's datagram is no attempt of the guest's.
            SocketAddrUse::UdpReceive => self.decide(Scheme::Udp, at).is_ok() || self.answers(at),
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
        let Err(denial) = self.decide(scheme, at) else {
            count(allowed);
            return true;
        };
        if self.observes(scheme, at, &denial) {
            count(allowed);
            return true;
        }
        count(denied);
        self.sockets().deny(&Target::socket(scheme, at).origin(), &denial);
        false
    }

    /// Whether an observer lets a connection or a datagram through. It takes note of the name that the instance looked up.
    fn observes(&self, scheme: Scheme, at: SocketAddr, denial: &Denial) -> bool {
        let Some(observer) = self.sockets().observer() else { return false };
        let mut known = self.known();
        let address = Target::socket(scheme, at);
        let looked_up = known.of(at.ip()).next().map(|answer| answer.host.clone());
        let is_known = looked_up.is_some();
        let named = Target { host: looked_up.unwrap_or_else(|| address.host.clone()), ..address.clone() };
        if Scope::of(at.ip()) != Scope::Public || ![&named, &address].into_iter().any(|to| observer.connects(to)) {
            return false;
        }
        observer.connection(&named);
        if !is_known {
            // For datagrams that come back.
            known.remember(&named.host, at.ip(), Vec::new());
        }
        let subject = named.origin();
        self.sockets().denials.let_through(subject.clone(), &subject, denial);
        true
    }

    /// Whether a datagram comes from where an observer has let one through to.
    fn answers(&self, at: SocketAddr) -> bool {
        let observing = self.sockets().observer().is_some();
        observing && Scope::of(at.ip()) == Scope::Public && self.known().of(at.ip()).next().is_some()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, scheme: Scheme, at: SocketAddr) -> Result<usize, Denial> {
        decide::connection(&self.sockets().grants, &self.known(), scheme, at)
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
        let shown = host.to_string();
        let denied = |about: String, denial: &Denial| {
            self.sockets().denials.refuse(about, &shown, denial);
            LookupError::Denied
        };
        let (candidates, observer) = match decide::named(grants, &[Scheme::Tcp, Scheme::Udp], &host) {
            Ok(candidates) => (candidates, None),
            Err(denial) => match self.sockets().observe(&host, &shown, &denial) {
                Some(observer) => (Vec::new(), Some(observer)),
                None => return Err(denied(shown.clone(), &denial)),
            },
        };
        let addresses = match &host {
            Host::Ipv4(ip) => vec![(*ip).into()],
            Host::Ipv6(ip) => vec![(*ip).into()],
            Host::Domain(name) => self.ask(name).await,
        };
        let Found { allowed, refused } = decide::learn(grants, &candidates, &host, addresses, &mut self.known());
        if allowed.is_empty() && !refused.is_empty() {
            let denial = decide::private(grants, &candidates, &host, &refused);
            return Err(denied(format!("address of {shown}"), &denial));
        }
        if let Some(observer) = observer {
            observer.lookup(&host);
        }
        if allowed.is_empty() { Err(LookupError::Unresolved) } else { Ok(allowed) }
    }

    /// No addresses: there is no such name, or nobody knows now.
    async fn ask(&self, name: &str) -> Vec<IpAddr> {
        self.sockets().resolver.lookup(name).await.unwrap_or_else(|error| {
            tracing::debug!(connector = %self.sockets().denials.connector(), name, %error, "can't resolve");
            Vec::new()
        })
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
    let host = Host::parse(text).ok().or_else(bare)?;
    // Others are in no DNS, and would break the lines that people are told to write.
    let is_name = |name: &String| name.chars().all(|char| char.is_ascii_alphanumeric() || "-._".contains(char));
    if let Host::Domain(name) = &host { is_name(name).then_some(host) } else { Some(host) }
}
