//! Where a request goes, and which paths no prefix can be trusted with.

use url::{Host, Url};

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

    pub(super) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    pub(super) fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }
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

/// Whether servers differ in what this path means: slashes, backslashes, dots or NUL that are encoded once or twice, and
/// dot segments with parameters (`/..;/`). The URL parser has resolved every plain form by then.
pub(super) fn is_ambiguous(path: &str) -> bool {
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
