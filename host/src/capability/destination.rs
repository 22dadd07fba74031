//! A grant: one destination that a connector's file allows, as `https://host[:port][/path]` with optional methods and
//! address ranges. This is the only grammar of `[capabilities] http`: the config parses with it, the HTTP gate matches
//! with it, and `Display` prints the line to write.

use std::{fmt, net::IpAddr};

use ::http::Method;
use ipnet::IpNet;
use url::{Host, Url};

mod covers;
mod error;
mod host;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use self::target::has_user;
use self::target::is_ambiguous;
pub use self::{
    error::{Error, PathError},
    host::HostPattern,
    target::{Scheme, Target},
};

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
    /// limits the grant as [`with_path`](Self::with_path) does.
    ///
    /// # Errors
    /// The text is not such a URL, or has parts that can't be limited (user, query, fragment).
    pub fn parse(text: &str) -> Result<Self, Error> {
        if !text.contains("://") {
            return Err(Error::NoScheme);
        }
        let url = Url::parse(text).map_err(Error::Url)?;
        let scheme = Scheme::of(&url).ok_or(Error::Scheme)?;
        if has_user(&url) {
            return Err(Error::User);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::Query);
        }
        let host = url.host().ok_or(Error::Url(url::ParseError::EmptyHost))?;
        let host = HostPattern::parse(&host)?;
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(Error::Port);
        }
        let path = normal(url.path()).map_err(Error::UrlPath)?;
        Ok(Self { scheme, host, port, methods: None, path, addresses: Vec::new() })
    }

    /// Limits the grant to these methods.
    ///
    /// # Errors
    /// There are none.
    pub fn with_methods(mut self, methods: Vec<Method>) -> Result<Self, Error> {
        if methods.is_empty() {
            return Err(Error::NoMethods);
        }
        self.methods = Some(methods);
        Ok(self)
    }

    /// Limits the grant to a path and what is below it; with a slash at its end, only to what is below it.
    ///
    /// # Errors
    /// It is not an absolute path, has an encoded slash, backslash or dot in it, or the grant has a path already.
    pub fn with_path(mut self, path: &str) -> Result<Self, Error> {
        let prefix = prefix(path)?;
        if self.path != "/" {
            return Err(Error::PathTwice);
        }
        self.path = prefix;
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

/// Reads one of a grant's methods.
///
/// # Errors
/// It is not a method, or not in capitals: methods are compared as they are written.
pub fn method(text: &str) -> Result<Method, Error> {
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| text == text.to_ascii_uppercase());
    method.ok_or_else(|| Error::Method(text.into()))
}

/// Reads one of a grant's address ranges, such as `10.0.0.0/8`; an address is a range of one.
///
/// # Errors
/// It is neither.
pub fn range(text: &str) -> Result<IpNet, Error> {
    let range = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    range.ok_or_else(|| Error::Range(text.into()))
}

/// Reads a grant's path prefix: as it stands in parsed URLs, dot segments resolved and characters percent-encoded.
///
/// # Errors
/// It is not an absolute path, or one that servers read in more than one way.
pub fn prefix(text: &str) -> Result<String, Error> {
    normal(text).map_err(|reason| Error::Path { path: text.into(), reason })
}

fn normal(path: &str) -> Result<String, PathError> {
    if !path.starts_with('/') {
        return Err(PathError::Relative);
    }
    if path.contains(['?', '#']) {
        return Err(PathError::Query);
    }
    if path.contains('*') {
        return Err(PathError::Wildcard);
    }
    let url = Url::parse(&format!("http://host{path}")).map_err(|_| PathError::Malformed)?;
    if is_ambiguous(url.path()) {
        return Err(PathError::Ambiguous);
    }
    Ok(url.path().into())
}
