//! The parts that grants of HTTP and of sockets have in common, and what to write in place of each that is wrong.

use std::ops::Range;

use http::Method;
use ipnet::IpNet;

use crate::capability::destination::{self, Error, Grant, PathError, Scheme};
use crate::config::{mistake::Mistake, raw, resolver::Resolver, secret::Guarded, snippet::Place};

/// A key of `[capabilities]`, and what its URLs look like.
pub(in crate::config) struct Key {
    name: &'static str,
    has: fn(Scheme) -> bool,
    other: Error,
    schemes: [&'static str; 2],
    url: &'static str,
    table: &'static str,
    pattern: &'static str,
    /// What else digits behind an address may have been meant for.
    digits: &'static str,
}

pub(in crate::config) const HTTP: &Key = &Key {
    name: "http",
    has: Scheme::is_http,
    other: Error::NotHttp,
    schemes: ["https", "http"],
    url: "https://example.com",
    table: "{ url = \"https://example.com\" }",
    pattern: "https://*.example.com",
    digits: "; a path of digits goes into the key `path`",
};
pub(super) const SOCKETS: &Key = &Key {
    name: "sockets",
    has: |scheme| !scheme.is_http(),
    other: Error::NotSocket,
    schemes: ["tcp", "udp"],
    url: "tcp://db.example.com:5432",
    table: "{ url = \"tcp://db.example.com:5432\" }",
    pattern: "tcp://*.example.com:5432",
    digits: "",
};

/// The operator's brokers, which are written like grants.
const BROKERS: &Key = &Key {
    name: "brokers",
    has: Scheme::is_http,
    other: Error::NotHttp,
    schemes: ["http", "https"],
    url: "http://127.0.0.1:6650",
    table: "",
    pattern: "https://*.example.com:6650",
    digits: "",
};

/// Brokers that connectors may use: scheme, host and port.
pub(in crate::config) fn broker(written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<Grant> {
    let text = Guarded::plain(&resolver.plain(BROKERS.name, written)?);
    let grant = parsed(BROKERS, &text, written.span(), resolver)?;
    if grant.path() == "/" {
        return Some(grant);
    }
    let (reason, help) = ("the URL must end after the port".to_owned(), format!("write it like `{}`", BROKERS.url));
    resolver.refuse(Place::Span(written.span()), Mistake::BadUrl { key: BROKERS.name, reason, help });
    None
}

/// The URL as written, and with its references resolved.
pub(super) fn text<'a>(
    key: &Key,
    url: Option<&'a raw::Text>,
    place: Range<usize>,
    resolver: &mut Resolver<'_>,
) -> Option<(&'a raw::Text, Guarded)> {
    let Some(url) = url else {
        resolver.refuse(Place::Span(place), Mistake::Missing { key: "url", example: key.table });
        return None;
    };
    Some((url, resolver.guarded(key.name, url)?))
}

pub(super) fn parsed(key: &Key, text: &Guarded, place: Range<usize>, resolver: &mut Resolver<'_>) -> Option<Grant> {
    let fits = |grant: Grant| if (key.has)(grant.scheme()) { Ok(grant) } else { Err(key.other.clone()) };
    let refuse = |error: Error| {
        let help = help(&error, key, &text.to_string());
        resolver.refuse(Place::Span(place), Mistake::BadUrl { key: key.name, reason: error.to_string(), help });
    };
    let grant = Grant::parse(text.expose()).and_then(fits).map_err(refuse).ok()?;
    // Denials name the grants that there are, to guests and in the log.
    Some(if text.is_secret() { grant.shown_as(&text.to_string()) } else { grant })
}

pub(super) fn addresses(written: &[raw::Text], resolver: &mut Resolver<'_>) -> Vec<IpNet> {
    written.iter().filter_map(|range| part("addresses", range, destination::range, resolver)).collect()
}

/// The methods, where the file names some; those that are none are refused already.
pub(super) fn methods(table: &raw::HttpTable, resolver: &mut Resolver<'_>) -> Option<Vec<Method>> {
    let written = table.methods.as_ref()?;
    let method = |method| part("methods", method, destination::method, resolver);
    let methods: Vec<_> = written.iter().filter_map(method).collect();
    (written.is_empty() || !methods.is_empty()).then_some(methods)
}

/// One word of a grant, read by the grammar's own function.
pub(super) fn part<T>(
    key: &str,
    written: &raw::Text,
    read: fn(&str) -> Result<T, Error>,
    resolver: &mut Resolver<'_>,
) -> Option<T> {
    let value = resolver.plain(key, written)?;
    accept(read(&value), written.span(), resolver)
}

/// What the grammar gives, or the mistake at its place.
pub(super) fn accept<T>(read: Result<T, Error>, place: Range<usize>, resolver: &mut Resolver<'_>) -> Option<T> {
    let refuse = |error: Error| {
        // Parts are the same for both.
        let help = help(&error, SOCKETS, "");
        resolver.refuse(Place::Span(place), Mistake::BadGrant { error, help });
    };
    read.map_err(refuse).ok()
}

/// What to write instead. `text` is as the file writes it.
pub(in crate::config) fn help(error: &Error, key: &Key, text: &str) -> String {
    let Key { schemes: [first, second], url, pattern, digits, .. } = key;
    match error {
        Error::NoScheme => format!("write `{first}://{text}` or `{second}://{text}`"),
        Error::Url(_) | Error::Scheme | Error::Port => format!("write it like `{url}`"),
        Error::NotHttp if key.name == BROKERS.name => format!("write it like `{url}`"),
        Error::NotHttp => "write it like `https://example.com`; `tcp` and `udp` belong under `sockets`".into(),
        Error::NotSocket => "write it like `tcp://db.example.com:5432`; HTTP belongs under `http`".into(),
        Error::NoPort => "write it like `tcp://db.example.com:5432`, or `:8000-8010` for a range".into(),
        Error::PortOrder => "write the lower port first, as in `:8000-8010`".into(),
        Error::OddAddress => "write it like `10.1.2.3`".into(),
        Error::PrefixLength => format!("write a range like `10.0.0.0/8`{digits}"),
        Error::HostBits => format!("write the first address of the range, as in `10.0.0.0/8`{digits}"),
        Error::SocketPath => "end it with the port".into(),
        Error::OnlyHttp(_) => "remove it, or grant `http` or `https`".into(),
        Error::NotOne => "write one host and one port".into(),
        Error::User => "credentials belong into the connector's table".into(),
        Error::Query => "a grant of a path grants every query of it".into(),
        Error::Unspecified => "write the address itself".into(),
        Error::Wildcard => format!("write `*.` before a domain of two parts or more, as in `{pattern}`"),
        Error::UrlPath(reason) => path_help("", *reason),
        Error::Path { path, reason } => path_help(path, *reason),
        Error::PathTwice => "keep one of the two".into(),
        Error::Method(text) => match destination::method(&text.to_ascii_uppercase()) {
            Ok(method) => format!("write `{method}`"),
            Err(_) => "write it like `POST`".into(),
        },
        Error::NoMethods => "name some, or remove `methods` to grant all".into(),
        Error::Range(_) => "write it like `10.0.0.0/8` or `10.1.2.3`".into(),
    }
}

fn path_help(path: &str, reason: PathError) -> String {
    match reason {
        PathError::Relative => format!("write `path = \"/{path}\"`"),
        PathError::Query => "a grant of a path grants every query of it".into(),
        PathError::Wildcard => "a path grants what is below it as well; end it with `/` to grant only that".into(),
        PathError::Ambiguous | PathError::Malformed => "grant the path above it".into(),
    }
}
