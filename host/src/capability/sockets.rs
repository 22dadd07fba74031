//! The one way out for sockets. [`Sockets`] holds a connector's grants; each instance of the guest has a
//! [`SocketSession`] on it, which decides every lookup, connection and datagram. An instance connects to addresses that a
//! grant names, or that its own lookup of a granted name gave. Nobody listens.

use std::{io, sync::Arc};

use url::Host;

use super::{
    decision::{Denial, Denials},
    destination::{Grant, Scheme},
    limit::LimitHits,
    observe::Observer,
    rate::Rate,
    resolver::Resolver,
    tls::TlsOptions,
};

mod decide;
mod explain;
mod known;
mod lookup;
mod paced;
mod session;
mod stats;
mod tls;
mod wasi;

#[cfg(test)]
mod tests;

pub use self::{
    explain::{decision, reached},
    lookup::LookupError,
    session::SocketSession,
    stats::SocketStats,
    tls::GuestTls,
    wasi::{SocketsHost, View, add_to_linker},
};

/// One of `[capabilities] sockets`.
#[derive(Debug, Clone)]
pub struct SocketGrant {
    /// Where to.
    pub grant: Grant,
    /// What it says about the TLS that the host does for the guest there, if it says something.
    pub tls: Option<TlsOptions>,
}

/// What a connector's sockets are made of.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// The connector's name, for messages.
    pub connector: Arc<str>,
    /// The connector's file, as messages name it.
    pub file: String,
    /// Where the guest may connect. Empty: nowhere.
    pub grants: Vec<SocketGrant>,
    /// How many sockets and TLS sessions an instance may have open at once.
    pub open: usize,
    /// Who takes note of what no grant covers and lets it through. `None`: it is refused.
    pub observer: Option<Arc<Observer>>,
    /// What is sent keeps to this. `None`: as fast as it goes.
    pub rate: Option<Arc<Rate>>,
    /// Where the connector's hits of its limits are counted.
    pub hits: Arc<LimitHits>,
    /// Where names are looked up.
    pub resolver: Resolver,
}

impl SocketOptions {
    /// The default limits around these grants.
    pub fn new(connector: impl Into<Arc<str>>, file: impl Into<String>, grants: Vec<SocketGrant>) -> Self {
        let connector = connector.into();
        let hits = Arc::new(LimitHits::new(connector.clone()));
        let (file, resolver) = (file.into(), Resolver::default());
        Self { connector, file, grants, open: 64, observer: None, rate: None, hits, resolver }
    }
}

/// A connector's sockets: its grants, its counters.
#[derive(Debug)]
pub struct Sockets {
    grants: Vec<Grant>,
    tls: tls::Clients,
    open: usize,
    rate: Option<Arc<Rate>>,
    hits: Arc<LimitHits>,
    resolver: Resolver,
    stats: Arc<SocketStats>,
    denials: Denials,
}

impl Sockets {
    /// Makes them ready. Nothing is looked up or connected yet.
    ///
    /// # Errors
    /// An authority is not a certificate, or a client certificate is of no use with its key.
    pub fn new(options: SocketOptions) -> io::Result<Self> {
        let SocketOptions { connector, file, grants, open, observer, rate, hits, resolver } = options;
        let (grants, tls): (Vec<_>, Vec<_>) = grants.into_iter().map(|given| (given.grant, given.tls)).unzip();
        let tls = tls::Clients::new(&tls)?;
        let denials = Denials::new(connector, file, "sockets", observer);
        Ok(Self { grants, tls, open, rate, hits, resolver, stats: Arc::default(), denials })
    }

    /// The counters, which go on counting.
    pub fn stats(&self) -> &Arc<SocketStats> {
        &self.stats
    }

    /// An instance's own share: what it looked up is known to no other.
    pub fn session(self: &Arc<Self>) -> SocketSession {
        SocketSession::new(self.clone())
    }

    /// Whether a guest gets such sockets at all.
    fn has(&self, scheme: Scheme) -> bool {
        self.observer().is_some() || self.grants.iter().any(|grant| grant.scheme() == scheme)
    }

    fn observer(&self) -> Option<&Observer> {
        self.denials.observer()
    }

    /// A lookup, or TLS with the name. `None`: no observer lets it through.
    fn observe(&self, host: &Host<String>, subject: &str, denial: &Denial) -> Option<&Observer> {
        let observer = self.observer().filter(|observer| observer.looks_up(host))?;
        self.denials.let_through(subject.to_owned(), subject, denial);
        Some(observer)
    }

    fn deny(&self, subject: &str, denial: &Denial) {
        self.denials.refuse(subject.to_owned(), subject, denial);
    }
}
