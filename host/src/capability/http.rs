//! The one way out for HTTP. A [`Gate`] holds a connector's grants and its pooled client; each instance of the guest has
//! a [`Session`] on it, through which both the contract's `http` import and `wasi:http` send. The decision comes first,
//! on the normalised URL; redirects are never followed; no proxy is taken from the environment.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use ::http::Method;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    decision::{Denial, Denials},
    destination::{Grant, Target},
    limit::{Limit, LimitHits},
    observe::Observer,
    rate::Rate,
    resolver::Resolver,
    tls::TlsOptions,
};

mod body;
mod connection;
mod decide;
mod dial;
mod error;
mod explain;
mod inject;
mod message;
mod outgoing;
mod script;
mod session;
mod stats;
mod wasi;

#[cfg(test)]
mod tests;

pub(crate) use self::inject::is_sendable;
use self::{
    connection::Places,
    dial::{Dialer, Tcp},
    outgoing::Fault,
};
pub use self::{
    error::Error,
    explain::{Decided, added, decision, dialled},
    inject::{Addition, HeaderError, Injection, Keys, Signer},
    message::{Request, Response},
    script::{Answer, Captured, Reply, Script, Scripted},
    session::Session,
    stats::GateStats,
    wasi::WasiHooks,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Outgoing = UnsyncBoxBody<Bytes, BoxError>;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// How often a connection is probed, so that one whose network is gone is not kept for the next request.
const PROBE: Duration = Duration::from_secs(20);
/// How much of a refused path is shown, in bytes.
const PATH_SHOWN: usize = 200;

/// What a connector's gate is made of.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// The connector's name, for messages.
    pub connector: Arc<str>,
    /// The connector's file, as messages name it.
    pub file: String,
    /// Where the guest may send requests. Empty: nowhere.
    pub grants: Vec<Grant>,
    /// What grants say about TLS, by their place among `grants`; those that stand here not say nothing.
    pub tls: BTreeMap<usize, TlsOptions>,
    /// What the host adds to requests within certain URLs.
    pub injections: Vec<Injection>,
    /// How long a connection may take: a place for it, resolving the name, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// How long the head of the response may take behind that.
    pub first_byte_timeout: Duration,
    /// How long a whole exchange may take; a guest can ask for less.
    pub request_timeout: Duration,
    /// The largest request body, in bytes.
    pub request_body: u64,
    /// The largest response body, in bytes.
    pub response_body: u64,
    /// How many requests an instance may have under way at once. At least 1.
    pub concurrency: usize,
    /// How many connections may be open at once, unused ones included. At least 1.
    pub connections: usize,
    /// The most requests in one call of `send-all`.
    pub batch: usize,
    /// The most bytes that are sent in a second, heads of requests included. `None`: as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// The most header lines in a request or response.
    pub headers: usize,
    /// The most bytes of header names and values together.
    pub header_bytes: usize,
    /// Certificate authorities to trust besides the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Who takes note of what no grant covers and lets it through. `None`: it is refused.
    pub observer: Option<Arc<Observer>>,
    /// Where the connector's hits of its limits are counted.
    pub hits: Arc<LimitHits>,
    /// Where names are looked up.
    pub resolver: Resolver,
    /// What answers in place of the network, if something does.
    pub script: Option<Script>,
}

impl GateOptions {
    /// The default limits around these grants.
    pub fn new(connector: impl Into<Arc<str>>, file: impl Into<String>, grants: Vec<Grant>) -> Self {
        let connector = connector.into();
        let hits = Arc::new(LimitHits::new(connector.clone()));
        Self {
            connector,
            file: file.into(),
            grants,
            tls: BTreeMap::new(),
            injections: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            request_body: 16 << 20,
            response_body: 16 << 20,
            concurrency: 16,
            connections: 64,
            batch: 10_000,
            bytes_per_second: None,
            headers: 100,
            header_bytes: 64 << 10,
            extra_roots: Vec::new(),
            observer: None,
            hits,
            resolver: Resolver::default(),
            script: None,
        }
    }
}

/// Limits of one exchange; see [`GateOptions`].
#[derive(Debug)]
struct Limits {
    connect_timeout: Duration,
    first_byte_timeout: Duration,
    request_timeout: Duration,
    request_body: u64,
    response_body: u64,
    concurrency: usize,
    batch: usize,
    headers: usize,
    header_bytes: usize,
}

/// Where a request goes, and by which of the grants. `None`: it is let through without one.
#[derive(Debug)]
struct Route {
    target: Target,
    grant: Option<usize>,
    /// What the body of the request fails with, if it does.
    fault: Fault,
}

/// A connector's way out: its grants, its connections, its counters.
#[derive(Debug)]
pub struct Gate {
    grants: Vec<Grant>,
    injections: inject::Injections,
    limits: Limits,
    /// One for each group of grants.
    clients: Vec<Client<Dialer, Outgoing>>,
    /// Which of them each grant's requests go through.
    of_grant: Vec<usize>,
    stats: Arc<GateStats>,
    hits: Arc<LimitHits>,
    rate: Option<Arc<Rate>>,
    resolver: Resolver,
    denials: Denials,
    script: Option<Script>,
}

impl Gate {
    /// Makes a gate. Nothing is connected before the first request.
    ///
    /// # Errors
    /// An authority is not a certificate, or a client certificate is of no use with its key.
    pub fn new(options: GateOptions) -> io::Result<Self> {
        let GateOptions {
            connector,
            file,
            grants,
            tls,
            injections,
            connect_timeout,
            first_byte_timeout,
            request_timeout,
            request_body,
            response_body,
            concurrency,
            connections,
            batch,
            bytes_per_second,
            headers,
            header_bytes,
            extra_roots,
            observer,
            hits,
            resolver,
            script,
        } = options;
        let concurrency = concurrency.max(1);
        let limits = Limits {
            connect_timeout,
            first_byte_timeout,
            request_timeout,
            request_body,
            response_body,
            concurrency,
            batch,
            headers,
            header_bytes,
        };
        let stats = Arc::<GateStats>::default();
        let places = Places::new(connections.max(1), hits.clone());
        let (groups, of_grant) = Group::divide(&grants, &tls);
        let client = |Group { tls, grants, .. }: Group| {
            let mut tls = tls.client(&extra_roots)?;
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let tcp = Tcp { grants: grants.into(), observer: observer.clone(), resolver: resolver.clone() };
            let dialer = Dialer::new(tcp, connect_timeout, tls, places.clone(), stats.clone());
            Ok(client(dialer, &limits))
        };
        let clients = groups.into_iter().map(client).collect::<io::Result<_>>()?;
        let rate = bytes_per_second.map(|bytes| Arc::new(Rate::new(bytes, hits.clone())));
        let denials = Denials::new(connector, file, "http", observer);
        let injections = inject::Injections::new(injections);
        Ok(Self { grants, injections, limits, clients, of_grant, stats, hits, rate, resolver, denials, script })
    }

    /// The counters, which go on counting.
    pub fn stats(&self) -> &Arc<GateStats> {
        &self.stats
    }

    /// Where the connector's hits of its limits are counted.
    pub fn hits(&self) -> &Arc<LimitHits> {
        &self.hits
    }

    /// An instance's own share: its requests under way are counted apart from those of other instances, and the
    /// responses to one call may hold `memory` bytes together, since the guest could not take more.
    pub fn session(self: &Arc<Self>, memory: u64) -> Session {
        Session::new(self.clone(), memory)
    }

    /// The connector's rate of bytes out, if it has one: for whatever else it sends.
    pub fn rate(&self) -> Option<&Arc<Rate>> {
        self.rate.as_ref()
    }

    /// Where the connector's names are looked up: for whatever else it reaches.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Whether the grants allow a request. The URL must have been parsed from what is sent.
    fn check(&self, method: &Method, url: &Url) -> Result<Route, Error> {
        let target = decide::target(method, url)?;
        let denial = match decide::decide(&self.grants, method, &target) {
            Ok(grant) => return Ok(Route { target, grant: Some(grant), fault: Fault::default() }),
            Err(denial) => denial,
        };
        let subject = format!("{method} {}{}", target.origin(), shortened(&target.path));
        let about = format!("{method} {}", target.origin());
        match self.denials.observer() {
            Some(observer) if observer.lets_through(&self.grants, method, &target) => {
                observer.request(method, &target);
                self.denials.let_through(about, &subject, &denial);
                Ok(Route { target, grant: None, fault: Fault::default() })
            }
            Some(_) | None => Err(self.deny(about, &subject, &denial)),
        }
    }

    /// The grant that allows a request. `None`: it is let through without one.
    fn grant(&self, route: &Route) -> Option<&Grant> {
        route.grant.and_then(|grant| self.grants.get(grant))
    }

    /// The client with the connections that a request may go out on.
    fn client(&self, route: &Route) -> &Client<Dialer, Outgoing> {
        let at = route.grant.and_then(|grant| self.of_grant.get(grant)).copied();
        &self.clients[at.unwrap_or_default()]
    }

    /// Holds the number and the size of a request's headers against the limits.
    fn check_headers(&self, lines: usize, bytes: usize) -> Result<(), Error> {
        let Some(limit) = message::too_large(lines, bytes, &self.limits) else { return Ok(()) };
        self.hits.hit(limit);
        let Limits { headers, header_bytes, .. } = self.limits;
        Err(Error::InvalidRequest(if limit == Limit::HttpHeaders {
            format!("the request has {lines} headers, more than {headers}")
        } else {
            format!("the headers of the request have {bytes} bytes, more than {header_bytes}")
        }))
    }

    fn deny(&self, about: String, subject: &str, denial: &Denial) -> Error {
        Error::Denied(self.denials.refuse(about, subject, denial))
    }
}

/// Grants under which connections are made alike, so that their requests may share them.
struct Group {
    tls: TlsOptions,
    addresses: Vec<IpNet>,
    grants: Vec<Grant>,
}

impl Group {
    /// The groups, and which of them each grant is in. The first is of the grants that say nothing about either.
    fn divide(grants: &[Grant], tls: &BTreeMap<usize, TlsOptions>) -> (Vec<Self>, Vec<usize>) {
        let mut groups = vec![Self { tls: TlsOptions::default(), addresses: Vec::new(), grants: Vec::new() }];
        let mut of_grant = Vec::new();
        for (at, grant) in grants.iter().enumerate() {
            let tls = tls.get(&at).cloned().unwrap_or_default();
            let alike = |group: &Self| group.tls == tls && group.addresses == grant.addresses();
            let found = groups.iter().position(alike).unwrap_or_else(|| {
                groups.push(Self { tls: tls.clone(), addresses: grant.addresses().to_vec(), grants: Vec::new() });
                groups.len() - 1
            });
            groups[found].grants.push(grant.clone());
            of_grant.push(found);
        }
        (groups, of_grant)
    }
}

fn client(dialer: Dialer, limits: &Limits) -> Client<Dialer, Outgoing> {
    let Limits { concurrency, headers, header_bytes, .. } = *limits;
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(concurrency)
        .http1_max_headers(headers)
        // The least that hyper takes.
        .http1_max_buf_size(header_bytes.max(8192))
        .http2_max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(PROBE)
        .build(dialer)
}

/// Long enough to know it by.
fn shortened(path: &str) -> String {
    // A normalised path is ASCII.
    match path.get(..PATH_SHOWN) {
        Some(start) if path.len() > PATH_SHOWN => format!("{start}..."),
        Some(_) | None => path.to_owned(),
    }
}
