//! `[capabilities] http`: where a guest may send requests. A grant is a URL, or a table that narrows one.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use ipnet::IpNet;
use serde_spanned::Spanned;
use url::{Host, Url};

use super::{mistake::Mistake, raw, resolver::Resolver, secret::Guarded, snippet::Place};

/// Where a guest may send requests. `Debug` shows it as written.
#[derive(Clone)]
pub struct HttpGrant {
    /// Of the connection.
    pub scheme: Scheme,
    /// Who may be asked.
    pub host: HostPattern,
    /// The port; the scheme's own where the file names none.
    pub port: u16,
    /// In capitals; all methods where it is absent.
    pub methods: Option<Vec<String>>,
    /// All paths where it is absent. One that ends in `/` grants all that begin with it; any other grants itself only.
    /// Dot segments are resolved and characters percent-encoded as in a parsed URL, so it compares with `Url::path`.
    pub path: Option<String>,
    /// Private ranges that the name may resolve to; public addresses need no mention.
    pub addresses: Vec<IpNet>,
    /// The URL as written, with its references and not their values: for messages.
    pub text: Guarded,
    /// Where the grant stands in the file, from 1.
    pub line: usize,
}

/// How to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In clear text.
    Http,
    /// With TLS.
    Https,
}

/// Who may be asked.
#[derive(Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name: lower case, without a dot at its end, in ASCII (punycode).
    Name(String),
    /// Every name below this one, as `example.com` stands for `*.example.com`; not the name itself.
    Below(String),
    /// This address, which may be private: it is named.
    Address(IpAddr),
}

impl fmt::Debug for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme: _, host: _, port: _, methods, path: _, addresses, text, line } = self;
        f.debug_struct("HttpGrant")
            .field("text", text)
            .field("methods", methods)
            .field("addresses", addresses)
            .field("line", line)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a URL, and what to write instead. The reason never repeats the value, which may hold a secret.
type Refusal = (&'static str, String);

impl HttpGrant {
    pub(super) fn resolve(written: &Spanned<raw::HttpGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        let line = resolver.source.line(written.span().start);
        let plain;
        let table = match written.get_ref() {
            raw::HttpGrant::Table(table) => table,
            raw::HttpGrant::Url(url) => {
                let url = Some(Spanned::new(written.span(), url.clone()));
                plain = raw::HttpTable { url, ..raw::HttpTable::default() };
                &plain
            }
        };
        let Some(url) = &table.url else {
            let mistake = Mistake::Missing { key: "url", example: "{ url = \"https://example.com\" }" };
            resolver.refuse(Place::Span(written.span()), mistake);
            return None;
        };
        let text = resolver.guarded("http", url)?;
        let methods = methods(table, resolver);
        let narrowed = grant_path(table, resolver);
        let addresses = addresses(table, resolver);
        let target = target(&text).map_err(|(reason, help)| Mistake::BadUrl { key: "http", reason, help });
        let target = target.map_err(|mistake| resolver.refuse(Place::Span(url.span()), mistake)).ok()?;
        if let (Some(path), Some(_)) = (&table.path, &target.path) {
            let (value, help) = ("path".to_owned(), "keep one of the two".to_owned());
            let mistake = Mistake::BadGrant { value, reason: "stands beside a URL that has a path", help };
            resolver.refuse(Place::Span(path.span()), mistake);
        }
        let Target { scheme, host, port, path } = target;
        Some(Self { scheme, host, port, methods, path: path.or(narrowed), addresses, text, line })
    }
}

/// What a URL names.
struct Target {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    path: Option<String>,
}

fn target(text: &Guarded) -> Result<Target, Refusal> {
    let example = || "write it like `https://example.com`".to_owned();
    if !text.expose().contains("://") {
        return Err(("the URL lacks its scheme", format!("write `https://{text}`, or `http://{text}` without TLS")));
    }
    let url = Url::parse(text.expose()).map_err(|_| ("this is not a URL", example()))?;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(("the scheme must be `http` or `https`", example())),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "the URL must not hold a user or password",
            "credentials belong into the connector's table".into(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("the URL must not hold a query or fragment", "a grant of a path grants every query of it".into()));
    }
    let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(("port 0 cannot be reached", example()))?;
    let path = Some(url.path().to_owned()).filter(|path| path != "/");
    if path.as_ref().is_some_and(|path| path.contains('*')) {
        return Err(("`*` cannot stand in a path", "end the path with `/` to grant all that begin with it".into()));
    }
    Ok(Target { scheme, host: host(&url)?, port, path })
}

fn host(url: &Url) -> Result<HostPattern, Refusal> {
    let pattern = match url.host() {
        Some(Host::Ipv4(address)) => HostPattern::Address(address.into()),
        Some(Host::Ipv6(address)) => HostPattern::Address(canonical(address)),
        Some(Host::Domain(name)) => match name.trim_end_matches('.') {
            name if !name.contains('*') => HostPattern::Name(name.to_owned()),
            name => below(name).ok_or_else(|| {
                let help = "write `*.` before a domain of two parts or more, as in `https://*.example.com`";
                ("`*` can only stand for names below a domain", help.to_owned())
            })?,
        },
        None => return Err(("the URL lacks its host", "write it like `https://example.com`".into())),
    };
    match pattern {
        HostPattern::Address(address) if address.is_unspecified() => {
            Err(("this address means every address and names none", "write the address itself".into()))
        }
        HostPattern::Address(_) | HostPattern::Name(_) | HostPattern::Below(_) => Ok(pattern),
    }
}

/// An IPv4 address in IPv6 clothes is the same address.
fn canonical(address: Ipv6Addr) -> IpAddr {
    IpAddr::from(address).to_canonical()
}

fn below(name: &str) -> Option<HostPattern> {
    let domain = name.strip_prefix("*.").filter(|domain| !domain.contains('*') && domain.contains('.'))?;
    Some(HostPattern::Below(domain.to_owned()))
}

fn methods(table: &raw::HttpTable, resolver: &mut Resolver<'_>) -> Option<Vec<String>> {
    let written = table.methods.as_ref()?;
    if written.is_empty() {
        let place = table.url.as_ref().map_or(Place::File, |url| Place::Span(url.span()));
        let (value, help) = ("methods = []".to_owned(), "name some, or remove `methods` to grant all".to_owned());
        resolver.refuse(place, Mistake::BadGrant { value, reason: "grants nothing", help });
    }
    let method = |written: &raw::Text| {
        let value = resolver.plain("methods", written)?;
        let token = http::Method::from_bytes(value.as_bytes()).is_ok();
        let capitals = value.to_ascii_uppercase();
        if token && value == capitals {
            return Some(value);
        }
        let help = if token { format!("write `{capitals}`") } else { "write it like `POST`".to_owned() };
        let mistake = Mistake::BadGrant { value, reason: "is not an HTTP method", help };
        resolver.refuse(Place::Span(written.span()), mistake);
        None
    };
    Some(written.iter().filter_map(method).collect())
}

fn grant_path(table: &raw::HttpTable, resolver: &mut Resolver<'_>) -> Option<String> {
    let written = table.path.as_ref()?;
    let value = resolver.plain("path", written)?;
    let (reason, help) = if !value.starts_with('/') {
        ("does not begin with `/`", format!("write `path = \"/{value}\"`"))
    } else if value.contains(['?', '#']) {
        ("holds a query or fragment", "a grant of a path grants every query of it".to_owned())
    } else if value.contains('*') {
        ("holds a `*`", "end the path with `/` to grant all that begin with it".to_owned())
    } else {
        // A URL's own rules for dots and percent signs apply.
        let mut url = Url::parse("http://host").ok()?;
        url.set_path(&value);
        return Some(url.path().to_owned());
    };
    resolver.refuse(Place::Span(written.span()), Mistake::BadGrant { value, reason, help });
    None
}

fn addresses(table: &raw::HttpTable, resolver: &mut Resolver<'_>) -> Vec<IpNet> {
    let range = |written: &raw::Text| {
        let value = resolver.plain("addresses", written)?;
        let range = value.parse::<IpNet>().ok().or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from));
        if range.is_none() {
            let help = "write it like `10.0.0.0/8` or `10.1.2.3`".to_owned();
            let mistake = Mistake::BadGrant { value, reason: "is not a range of IP addresses", help };
            resolver.refuse(Place::Span(written.span()), mistake);
        }
        range
    };
    table.addresses.iter().filter_map(range).collect()
}
