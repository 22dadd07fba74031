//! Connections: resolves a granted name, keeps the addresses that the grants allow, and dials exactly those. The client
//! never resolves anything by itself. HTTP/2 is spoken where the server chooses it in the TLS handshake.

use std::{
    future::{Ready, ready},
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
    vec,
};

use ::http::Uri;
use futures::future::BoxFuture;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::Instant};
use tower_service::Service;
use url::{Host, Url};

use super::{
    BoxError, GateStats, PROBE,
    connection::{Held, Places},
    error::innermost,
};
use crate::capability::{
    address::{self, Scope},
    destination::{Grant, Target},
    observe::Observer,
    resolver::Resolver,
};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{0}")]
    Resolve(String),
    #[error("every address is refused: {0:?}")]
    Refused(Vec<(IpAddr, Scope)>),
    #[error("{0}")]
    Connect(String),
    #[error("{0}")]
    Tls(String),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("no place for another connection besides {limit} within {within:?}")]
    Full { limit: usize, within: Duration },
}

/// Makes the connections for one group of grants.
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    https: HttpsConnector<Tcp>,
    timeout: Duration,
    places: Places,
    stats: Arc<GateStats>,
}

impl Dialer {
    /// Connects by `tcp`, with TLS on it for `https`.
    pub(super) fn new(tcp: Tcp, timeout: Duration, tls: ClientConfig, places: Places, stats: Arc<GateStats>) -> Self {
        Self { https: (tcp, tls).into(), timeout, places, stats }
    }
}

impl Service<Uri> for Dialer {
    type Response = Held<MaybeHttpsStream<TokioIo<TcpStream>>>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { mut https, timeout, places, stats } = self.clone();
        Box::pin(async move {
            let deadline = Instant::now() + timeout;
            let Some(place) = places.take(deadline).await else {
                return Err(DialError::Full { limit: places.limit, within: timeout });
            };
            let stream = match tokio::time::timeout_at(deadline, https.call(uri)).await {
                Ok(stream) => stream.map_err(staged)?,
                Err(_) => return Err(DialError::Timeout(timeout)),
            };
            stats.connections.fetch_add(1, Ordering::Relaxed);
            Ok(Held::new(stream, place))
        })
    }
}

/// What fails in the stage before TLS brings its own error; all else is the handshake's.
fn staged(error: BoxError) -> DialError {
    match error.downcast::<DialError>() {
        Ok(error) => *error,
        Err(error) => DialError::Tls(innermost(&*error).to_string()),
    }
}

/// The stage before TLS.
#[derive(Debug, Clone)]
pub(super) struct Tcp {
    pub(super) grants: Arc<[Grant]>,
    pub(super) observer: Option<Arc<Observer>>,
    pub(super) resolver: Resolver,
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tcp = self.clone();
        Box::pin(async move {
            let addresses = resolve(&uri, &tcp).await?;
            // It tries one address after the other, and both families at once when the first is slow.
            let mut connector = HttpConnector::new_with_resolver(Checked(addresses));
            connector.enforce_http(false);
            connector.set_nodelay(true);
            connector.set_keepalive(Some(PROBE));
            connector.call(uri).await.map_err(|error| DialError::Connect(innermost(&error).to_string()))
        })
    }
}

/// The addresses of the host in `uri` that the grants for it allow.
async fn resolve(uri: &Uri, tcp: &Tcp) -> Result<Vec<SocketAddr>, DialError> {
    let Tcp { grants, observer, resolver } = tcp;
    let unusable = || DialError::Resolve(format!("`{uri}` has no host"));
    let url = Url::parse(&uri.to_string()).map_err(|_| unusable())?;
    let target = Target::of(&url).ok_or_else(unusable)?;
    permit(lookup(&target, resolver).await?, &target, grants, observer.as_deref())
}

/// The addresses of a target, whatever they are.
pub(super) async fn lookup(target: &Target, resolver: &Resolver) -> Result<Vec<SocketAddr>, DialError> {
    match &target.host {
        Host::Ipv4(ip) => Ok(vec![((*ip), target.port).into()]),
        Host::Ipv6(ip) => Ok(vec![((*ip), target.port).into()]),
        Host::Domain(name) => {
            let found = resolver.lookup(name).await.map_err(|error| DialError::Resolve(error.to_string()))?;
            Ok(found.into_iter().map(|ip| (ip, target.port).into()).collect())
        }
    }
}

/// Those of the addresses that were found for `target` which one of the grants for it allows, or the observer where there
/// is one; never none.
pub(super) fn permit(
    found: Vec<SocketAddr>,
    target: &Target,
    grants: &[Grant],
    observer: Option<&Observer>,
) -> Result<Vec<SocketAddr>, DialError> {
    let is_allowed = |at: &SocketAddr| {
        grants.iter().any(|grant| grant.covers_origin(target) && address::allowed(at.ip(), grant))
            || observer.is_some_and(|observer| observer.opens(at.ip(), target))
    };
    let (allowed, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(is_allowed);
    if allowed.is_empty() && refused.is_empty() {
        return Err(DialError::Resolve("the name has no address".into()));
    }
    if allowed.is_empty() {
        return Err(DialError::Refused(refused.iter().map(|at| (at.ip(), Scope::of(at.ip()))).collect()));
    }
    Ok(allowed)
}

/// A resolver that gives what was checked, whatever it is asked.
#[derive(Debug, Clone)]
struct Checked(Vec<SocketAddr>);

impl Service<Name> for Checked {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::observe::Within;

    #[test]
    fn only_allowed_addresses_are_dialled() {
        let grants = [
            Grant::parse("https://x.example").unwrap(),
            Grant::parse("https://x.example:8443").unwrap().with_addresses(vec!["10.0.0.0/8".parse().unwrap()]),
        ];
        let permitted = |url: &str, found: &[&str]| {
            let target = Target::of(&Url::parse(url).unwrap()).unwrap();
            let found = found.iter().map(|ip| (ip.parse::<IpAddr>().unwrap(), target.port).into()).collect();
            let ips = |found: Vec<SocketAddr>| found.iter().map(|at| at.ip().to_string()).collect::<Vec<_>>().join(" ");
            permit(found, &target, &grants, None).map(ips).map_err(|error| error.to_string())
        };
        let both = ["10.0.0.1", "1.1.1.1", "::ffff:10.0.0.1", "2606:4700::1111"];
        assert_eq!(permitted("https://x.example", &both).unwrap(), "1.1.1.1 2606:4700::1111");
        assert_eq!(permitted("https://x.example:8443", &both).unwrap(), "10.0.0.1 1.1.1.1 2606:4700::1111");
        assert!(permitted("https://x.example", &["10.0.0.1", "127.0.0.1"]).unwrap_err().contains("Loopback"));
        assert!(permitted("https://x.example", &[]).unwrap_err().contains("no address"));
        let observer = Observer::new(Within::default());
        let target = Target::of(&Url::parse("https://observed.example").unwrap()).unwrap();
        let found = ["10.0.0.1", "1.1.1.1", "127.0.0.1"].map(|ip| (ip.parse::<IpAddr>().unwrap(), 443).into());
        let observed = permit(found.to_vec(), &target, &grants, Some(&observer)).unwrap();
        assert_eq!(observed, ["1.1.1.1:443".parse().unwrap()]);
        // A grant for another port is none for this one.
        assert!(permitted("https://x.example:9000", &["1.1.1.1"]).is_err());
    }
}
