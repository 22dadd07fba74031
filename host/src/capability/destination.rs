//! A grant: one destination that a connector's file allows, as `https://host[:port][/path]` with optional methods and
//! address ranges. Parsing comes from the config, matching from the HTTP gate, and `Display` prints the line to write.

use std::fmt;

use ::http::Method;
use ipnet::IpNet;
use url::{Host, Url};

mod host;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use self::target::has_user;
use self::target::is_ambiguous;
pub use self::{
    host::HostPattern,
    target::{Scheme, Target},
};

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
        let url = Url::parse(text).map_err(|reason| Error::Url { url: without_secrets(text), reason })?;
        let scheme = Scheme::of(&url)
            .ok_or_else(|| Error::Scheme { url: without_secrets(text), scheme: url.scheme().to_owned() })?;
        let host =
            url.host().ok_or_else(|| Error::Url { url: without_secrets(text), reason: url::ParseError::EmptyHost })?;
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
    /// It is not an absolute path, has an encoded slash, backslash or dot in it, or the grant has a path already.
    pub fn with_path(mut self, path: &str) -> Result<Self, Error> {
        let fail = |reason| Error::Path { path: path.into(), reason };
        if !path.starts_with('/') {
            return Err(fail("it must start with `/`"));
        }
        if self.path != "/" {
            return Err(fail("the URL has a path already"));
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

/// What of a text that is not a grant may stand in an error message: user names come with passwords, queries with keys.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (hidden, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{hidden}{}", &rest[..end])
}
