//! A grant: one destination that a connector's file allows, as `https://host[:port][/path]` with optional methods and
//! address ranges. Parsing comes from the config, matching from the HTTP gate, and `Display` prints the line to write.

use std::{fmt, net::IpAddr};

use ::http::Method;
use ipnet::IpNet;
use url::{Host, Url};

/// Why a text is not a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a URL.
    #[error("`{url}` is not a URL: {reason}")]
    Url {
        /// As written.
        url: String,
        /// What the parser says.
        reason: url::ParseError,
    },
    /// Neither `http` nor `https`.
    #[error("`{url}` has the scheme `{scheme}`; a grant starts with https:// or http://")]
    Scheme {
        /// As written.
        url: String,
        /// The scheme found.
        scheme: String,
    },
    /// A part of the URL that a grant can't have.
    #[error("`{url}` has {part}, which a grant can't limit; write `{instead}`")]
    Part {
        /// As written.
        url: String,
        /// The part, in words.
        part: &'static str,
        /// The grant without it.
        instead: String,
    },
    /// A `*` somewhere else than as the whole first label of a name with at least two more.
    #[error(
        "`{host}` is not a host pattern: `*` may only be the first label, before at least two others, \
         as in `*.example.com`"
    )]
    Wildcard {
        /// The host as written.
        host: String,
    },
    /// Not an HTTP method.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// An empty list of methods.
    #[error("`methods` is empty, which grants nothing; leave it out to grant every method")]
    NoMethods,
    /// A path that does not start with `/`, or has more than a path in it.
    #[error("`{path}` is not a path prefix: {reason}")]
    Path {
        /// As written.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Plain or encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }
}

/// Which hosts a grant is for. Names are in lower case and punycode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name.
    Name(String),
    /// Every name below this one, at any depth, but not the name itself.
    Below(String),
    /// This address, written as such.
    Ip(IpAddr),
}

impl HostPattern {
    fn parse(host: &Host<&str>) -> Result<Self, Error> {
        let name = match host {
            Host::Ipv4(ip) => return Ok(Self::Ip((*ip).into())),
            Host::Ipv6(ip) => return Ok(Self::Ip((*ip).into())),
            Host::Domain(name) => name,
        };
        match name.strip_prefix("*.") {
            _ if !name.contains('*') => Ok(Self::Name((*name).into())),
            // `*.com` would be the whole Internet, near enough.
            Some(parent) if !parent.contains('*') && parent.trim_matches('.').contains('.') => {
                Ok(Self::Below(parent.into()))
            }
            Some(_) | None => Err(Error::Wildcard { host: (*name).into() }),
        }
    }

    fn matches(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::Name(name), Host::Domain(host)) => name == host,
            (Self::Below(parent), Host::Domain(host)) => {
                host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Ip(ip), Host::Ipv4(host)) => ip == host,
            (Self::Ip(ip), Host::Ipv6(host)) => ip == host,
            (Self::Name(_) | Self::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) | (Self::Ip(_), Host::Domain(_)) => false,
        }
    }

    /// Whether this is the address `ip`, written as such.
    pub fn is_ip(&self, ip: IpAddr) -> bool {
        *self == Self::Ip(ip)
    }

    /// Whether this is `localhost`.
    pub fn is_localhost(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost")
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// One destination that a connector may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// `None`: every method.
    methods: Option<Vec<Method>>,
    /// `/`: every path. With a slash at its end everything below it, else itself and everything below it.
    path: String,
    addresses: Vec<IpNet>,
}

impl Grant {
    /// Reads `https://host[:port][/path]`. The host may be a name, `*.` and a name, or an address. A path at the end
    /// limits the grant to that path and what is below it.
    ///
    /// # Errors
    /// The text is not such a URL, or has parts that can't be limited (user, query, fragment).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text).map_err(|reason| Error::Url { url: text.into(), reason })?;
        let scheme =
            Scheme::of(&url).ok_or_else(|| Error::Scheme { url: text.into(), scheme: url.scheme().to_owned() })?;
        let host = url.host().ok_or(Error::Url { url: text.into(), reason: url::ParseError::EmptyHost })?;
        let host = HostPattern::parse(&host)?;
        let port = url.port().unwrap_or(scheme.default_port());
        let grant = Self { scheme, host, port, methods: None, path: "/".into(), addresses: Vec::new() };
        let part = match (&url, url.query(), url.fragment()) {
            (url, _, _) if has_user(url) => Some("a user name"),
            (_, Some(_), _) => Some("a query"),
            (_, _, Some(_)) => Some("a fragment"),
            (_, None, None) => None,
        };
        if let Some(part) = part {
            return Err(Error::Part { url: without_secrets(text), part, instead: grant.origin() });
        }
        grant.with_path(url.path())
    }

    /// Limits the grant to these methods, in any case.
    ///
    /// # Errors
    /// The list is empty, or one of them is not a method.
    pub fn with_methods<S: AsRef<str>>(mut self, methods: &[S]) -> Result<Self, Error> {
        if methods.is_empty() {
            return Err(Error::NoMethods);
        }
        let parse = |method: &S| {
            let method = method.as_ref();
            Method::from_bytes(method.to_ascii_uppercase().as_bytes()).map_err(|_| Error::Method(method.into()))
        };
        self.methods = Some(methods.iter().map(parse).collect::<Result<_, _>>()?);
        Ok(self)
    }

    /// Limits the grant to a path and what is below it; with a slash at its end, only to what is below it.
    ///
    /// # Errors
    /// It is not an absolute path, or has an encoded slash, backslash or dot in it.
    pub fn with_path(mut self, path: &str) -> Result<Self, Error> {
        let fail = |reason| Error::Path { path: path.into(), reason };
        if !path.starts_with('/') {
            return Err(fail("it must start with `/`"));
        }
        if path.contains(['?', '#', '*']) {
            return Err(fail("it has a query, a fragment or a `*` in it; a prefix has none of them"));
        }
        if is_ambiguous(path) {
            return Err(fail("it has an encoded slash, backslash or dot in it"));
        }
        let url = Url::parse(&format!("http://host{path}")).map_err(|_| fail("it can't stand in a URL"))?;
        self.path = url.path().into();
        Ok(self)
    }

    /// Allows connections to these ranges besides public addresses.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Vec<IpNet>) -> Self {
        self.addresses = addresses;
        self
    }

    /// The grant that would allow just this: the origin of `target`, every method, every path.
    pub(crate) fn for_origin(target: &Target) -> Self {
        let host = match &target.host {
            Host::Domain(name) => HostPattern::Name(name.clone()),
            Host::Ipv4(ip) => HostPattern::Ip((*ip).into()),
            Host::Ipv6(ip) => HostPattern::Ip((*ip).into()),
        };
        let Target { scheme, port, .. } = *target;
        Self { scheme, host, port, methods: None, path: "/".into(), addresses: Vec::new() }
    }

    /// Which hosts it is for.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// The ranges that connections may lead to besides public addresses.
    pub fn addresses(&self) -> &[IpNet] {
        &self.addresses
    }

    /// The methods that it is limited to.
    pub fn methods(&self) -> Option<&[Method]> {
        self.methods.as_deref()
    }

    /// The path prefix; `/` for every path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `https://host[:port]`, without a port where it is the scheme's own.
    pub fn origin(&self) -> String {
        let port = if self.port == self.scheme.default_port() { String::new() } else { format!(":{}", self.port) };
        format!("{}://{}{port}", self.scheme.as_str(), self.host)
    }

    /// Whether scheme, host and port are those of `target`.
    pub fn covers_origin(&self, target: &Target) -> bool {
        self.scheme == target.scheme && self.port == target.port && self.host.matches(&target.host)
    }

    /// Whether `method` is among the methods.
    pub fn covers_method(&self, method: &Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }

    /// Whether the path of `target` is within the prefix. Paths that servers read in more than one way are within no
    /// prefix but `/`.
    pub fn covers_path(&self, target: &Target) -> bool {
        if self.path == "/" {
            return true;
        }
        let below = target.path.strip_prefix(self.path.as_str());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'))
            && !is_ambiguous(&target.path)
    }
}

/// As it stands in a config file: a string where that says everything, else a table.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme: _, host: _, port: _, methods, path, addresses } = self;
        if methods.is_none() && path == "/" && addresses.is_empty() {
            return write!(f, "\"{}\"", self.origin());
        }
        write!(f, "{{ url = \"{}\"", self.origin())?;
        if let Some(methods) = methods {
            write!(f, ", methods = [{}]", quoted(methods))?;
        }
        if path != "/" {
            write!(f, ", path = \"{path}\"")?;
        }
        if !addresses.is_empty() {
            write!(f, ", addresses = [{}]", quoted(addresses))?;
        }
        f.write_str(" }")
    }
}

fn quoted<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}

/// Where a request goes, after the URL was normalised: what grants are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// The host; names in lower case and punycode.
    pub host: Host<String>,
    /// The port, the scheme's own if none was given.
    pub port: u16,
    /// The path, dot segments resolved, without the query.
    pub path: String,
}

impl Target {
    /// Of a URL; `None` if it is not an absolute `http` or `https` one.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = Scheme::of(url)?;
        let port = url.port().unwrap_or(scheme.default_port());
        Some(Self { scheme, host: url.host()?.to_owned(), port, path: url.path().into() })
    }

    /// `https://host[:port]`, without a port where it is the scheme's own.
    pub fn origin(&self) -> String {
        let port = if self.port == self.scheme.default_port() { String::new() } else { format!(":{}", self.port) };
        format!("{}://{}{port}", self.scheme.as_str(), self.host)
    }
}

/// Whether a URL carries a user name or password.
pub(crate) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// A grant with a user name in it has probably a password as well, which must not reach an error message.
fn without_secrets(url: &str) -> String {
    match (url.find("://"), url.find('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &url[..scheme], &url[at..]),
        (Some(_) | None, Some(_) | None) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}

/// Whether servers differ in what this path means: slashes, backslashes, dots or NUL that are encoded once or twice, and
/// dot segments with parameters (`/..;/`). The URL parser has resolved every plain form by then.
fn is_ambiguous(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let encoded = ["2f", "5c", "2e", "00"];
    let is_escape = |(at, _): (usize, &str)| {
        let mut rest = &lower[at + 1..];
        // `%252f` is `%2f` to whoever decodes twice.
        while let Some(again) = rest.strip_prefix("25") {
            rest = again;
        }
        encoded.iter().any(|code| rest.starts_with(code))
    };
    lower.contains('\\')
        || lower.match_indices('%').any(is_escape)
        || lower.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;
