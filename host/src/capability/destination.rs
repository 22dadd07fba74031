//! A grant: what a connector's file allows, as `scheme://host[:port][/path]` with optional methods and address ranges.
//! This is the only grammar of `[capabilities] http` and `sockets`: the config parses with it, the HTTP gate and the
//! sockets match with it, and `Display` prints the line to write.

use std::{fmt, net::IpAddr};

use ::http::Method;
use ipnet::IpNet;
use url::Host;

mod covers;
mod error;
mod host;
mod parse;
mod path;
mod ports;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use self::target::has_user;
pub use self::{
    error::{Error, PathError},
    host::HostPattern,
    path::prefix,
    ports::Ports,
    target::{Scheme, Target},
};

/// One destination, or one pattern of them, that a connector may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    scheme: Scheme,
    host: HostPattern,
    ports: Ports,
    /// `None`: every method.
    methods: Option<Vec<Method>>,
    /// `/`: every path. With a slash at its end everything below it, else itself and everything below it.
    path: String,
    addresses: Vec<IpNet>,
    /// What stands for scheme, host and port where they must not be shown.
    shown: Option<Shown>,
}

/// How a grant's URL is written, with its references and not their values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    text: String,
    /// Whether the grant's path is a part of it.
    with_path: bool,
}

impl Grant {
    /// Reads `scheme://host[:port][/path]`:
    ///
    /// - the scheme is `http`, `https`, `tcp` or `udp`;
    /// - the host is a name, `*.` and a name, an address, or a range of them: `10.0.0.0/8`, `[fd00::/8]`. Behind an
    ///   address a slash and digits, up to the end, a colon or a slash, are the length of a prefix and never a path;
    /// - a port or a range of them, `8000-8010`, is what `tcp` and `udp` must have; the others have their own;
    /// - a path, for `http` and `https`, limits the grant as [`with_path`](Self::with_path) does.
    ///
    /// # Errors
    /// The text is not like that, or has parts that can't be limited (user, query, fragment).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parse::Parts { scheme, host, ports, path } = parse::parts(text)?;
        Ok(Self { scheme, host, ports, methods: None, path, addresses: Vec::new(), shown: None })
    }

    /// Limits the grant to these methods.
    ///
    /// # Errors
    /// There are none, or the grant is one of sockets.
    pub fn with_methods(mut self, methods: Vec<Method>) -> Result<Self, Error> {
        if !self.scheme.is_http() {
            return Err(Error::OnlyHttp("methods"));
        }
        if methods.is_empty() {
            return Err(Error::NoMethods);
        }
        self.methods = Some(methods);
        Ok(self)
    }

    /// Limits the grant to a path and what is below it; with a slash at its end, only to what is below it.
    ///
    /// # Errors
    /// It is not an absolute path, has an encoded slash, backslash or dot in it, or the grant has a path already or is
    /// one of sockets.
    pub fn with_path(mut self, path: &str) -> Result<Self, Error> {
        if !self.scheme.is_http() {
            return Err(Error::OnlyHttp("path"));
        }
        let prefix = prefix(path)?;
        if self.path != "/" {
            return Err(Error::PathTwice);
        }
        self.path = prefix;
        Ok(self)
    }

    /// Allows connections to the private addresses in these ranges, besides public ones.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Vec<IpNet>) -> Self {
        self.addresses = addresses;
        self
    }

    /// Has the grant shown with this text in place of its URL, which came from a reference.
    #[must_use]
    pub fn shown_as(mut self, text: &str) -> Self {
        self.shown = Some(Shown { text: text.to_owned(), with_path: self.path != "/" });
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
        Self {
            scheme,
            host,
            ports: Ports::one(port),
            methods: None,
            path: "/".into(),
            addresses: Vec::new(),
            shown: None,
        }
    }

    /// How its destinations are spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Which ports it is for.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Which hosts it is for.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// The ranges of private addresses that connections may lead to, besides public ones.
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
        let Self { scheme, host, ports, .. } = self;
        let own = ports.single().is_some_and(|port| scheme.default_port() == Some(port));
        let shown = if own { String::new() } else { format!(":{ports}") };
        format!("{}://{host}{shown}", scheme.as_str())
    }

    /// Whether scheme, host and port are those of `target`.
    pub fn covers_origin(&self, target: &Target) -> bool {
        self.scheme == target.scheme && self.ports.contains(target.port) && self.host.matches(&target.host)
    }

    /// Whether it names `host`, for whatever port.
    pub fn covers_host(&self, host: &Host<String>) -> bool {
        self.host.matches(host)
    }

    /// Whether `method` is among the methods.
    pub fn covers_method(&self, method: &Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }

    /// Whether the path of `target` is within the prefix. Paths that servers read in more than one way are within no
    /// prefix but `/`.
    pub fn covers_path(&self, target: &Target) -> bool {
        path::is_within(&self.path, &target.path)
    }
}

/// As it stands in a config file: a string where that says everything, else a table.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme: _, host: _, ports: _, methods, path, addresses, shown } = self;
        let url = shown.as_ref().map_or_else(|| self.origin(), |shown| shown.text.clone());
        let path = if shown.as_ref().is_some_and(|shown| shown.with_path) { "/" } else { path };
        if methods.is_none() && path == "/" && addresses.is_empty() {
            return write!(f, "\"{url}\"");
        }
        write!(f, "{{ url = \"{url}\"")?;
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
/// It is neither, or a range that is not named by its first address.
pub fn range(text: &str) -> Result<IpNet, Error> {
    let range = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let range = range.ok_or_else(|| Error::Range(text.into()))?;
    if range.addr() == range.network() { Ok(range) } else { Err(Error::HostBits) }
}
