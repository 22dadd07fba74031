//! Where a request or a connection goes: what grants are compared with.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::{Error, HostPattern, parse};

/// How a destination is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// `tcp`: a stream of bytes. TLS in it is the guest's affair.
    Tcp,
    /// `udp`: datagrams.
    Udp,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Tcp, Self::Udp];

    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Whether it is `http` or `https`, which have methods and paths, and not `tcp` or `udp`.
    pub fn is_http(self) -> bool {
        match self {
            Self::Http | Self::Https => true,
            Self::Tcp | Self::Udp => false,
        }
    }

    /// The port that it means where none is written; sockets have none.
    pub(super) fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Tcp | Self::Udp => None,
        }
    }

    /// Of its name, in capitals or not.
    pub(super) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }
}

/// Where a request or a connection goes, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// The host; names in lower case and punycode.
    pub host: Host<String>,
    /// The port, the scheme's own if none was given.
    pub port: u16,
    /// The path, dot segments resolved, without the query; `/` for sockets.
    pub path: String,
}

impl Target {
    /// Of a URL; `None` if it is not an absolute `http` or `https` one.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = Scheme::named(url.scheme()).filter(|scheme| scheme.is_http())?;
        let port = url.port().or(scheme.default_port())?;
        Some(Self { scheme, host: url.host()?.to_owned(), port, path: url.path().into() })
    }

    /// Reads a URL, or `tcp://host:port` or `udp://host:port`.
    ///
    /// # Errors
    /// The text is neither, or stands for many destinations, as some grants do.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let scheme = text.split_once("://").and_then(|(scheme, _)| Scheme::named(scheme));
        if scheme.is_none_or(Scheme::is_http) {
            let url = Url::parse(text).map_err(Error::Url)?;
            return Self::of(&url).ok_or(Error::Scheme);
        }
        let parse::Parts { scheme, host, ports, path } = parse::parts(text)?;
        let host = match host {
            HostPattern::Name(name) => Host::Domain(name),
            HostPattern::Ip(IpAddr::V4(ip)) => Host::Ipv4(ip),
            HostPattern::Ip(IpAddr::V6(ip)) => Host::Ipv6(ip),
            HostPattern::Below(_) | HostPattern::Range(_) => return Err(Error::NotOne),
        };
        Ok(Self { scheme, host, port: ports.single().ok_or(Error::NotOne)?, path })
    }

    /// The other end of a socket.
    pub fn socket(scheme: Scheme, address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) => Host::Ipv4(ip),
            IpAddr::V6(ip) => Host::Ipv6(ip),
        };
        Self { scheme, host, port: address.port(), path: "/".into() }
    }

    /// `https://host[:port]`, without a port where it is the scheme's own.
    pub fn origin(&self) -> String {
        let Self { scheme, host, port, path: _ } = self;
        let shown = if Some(*port) == scheme.default_port() { String::new() } else { format!(":{port}") };
        format!("{}://{host}{shown}", scheme.as_str())
    }
}

/// Whether a URL carries a user name or password.
pub(crate) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
