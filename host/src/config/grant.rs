//! `[capabilities] http`: where a guest may send requests. The grammar is [`Grant`]'s; this module reads a URL or a table
//! with it, and turns what it refuses into mistakes with their place and the way out.

use std::{fmt, ops::Range, path::PathBuf};

use http::Method;
use serde_spanned::Spanned;

use super::{
    Identity,
    mistake::Mistake,
    raw,
    resolver::{Resolver, Word},
    secret::Guarded,
    snippet::Place,
};
use crate::capability::{
    destination::{self, Error, Grant, PathError},
    http::TlsVersion,
};

/// Where a guest may send requests. `Debug` shows it as written.
#[derive(Clone)]
pub struct HttpGrant {
    /// What it grants. Its URL may hold a secret.
    pub grant: Grant,
    /// The URL as written, with its references and not their values: for messages.
    pub text: Guarded,
    /// How TLS is spoken with it.
    pub tls: GrantTls,
    /// Where it stands in the file, from 1.
    pub line: usize,
}

/// Where no TLS is spoken, and what to do about keys that are about it.
type WithoutTls = (&'static str, &'static str);

/// How TLS is spoken under a grant. The paths are absolute, the files PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantTls {
    /// The authorities to trust, and no others; without it the public ones.
    pub ca_cert: Option<PathBuf>,
    /// For a server that asks its clients for a certificate.
    pub identity: Option<Identity>,
    /// The oldest version.
    pub min: Option<TlsVersion>,
}

impl fmt::Debug for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grant, text, tls, line: _ } = self;
        f.debug_struct("HttpGrant")
            .field("text", text)
            .field("methods", &grant.methods())
            .field("addresses", &grant.addresses())
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// The line to write; of a URL that holds a secret, the URL as written.
impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_secret() { write!(f, "\"{}\"", self.text) } else { fmt::Display::fmt(&self.grant, f) }
    }
}

impl HttpGrant {
    pub(super) fn resolve(written: &Spanned<raw::HttpGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        Self::read(written, None, resolver)
    }

    /// A grant of the operator's policy: a bound, under which nothing is sent.
    pub(super) fn bound(written: &Spanned<raw::HttpGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        let without_tls = ("in the operator's policy", "write it in the connectors' files, or remove it");
        Self::read(written, Some(without_tls), resolver)
    }

    fn read(
        written: &Spanned<raw::HttpGrant>,
        without_tls: Option<WithoutTls>,
        resolver: &mut Resolver<'_>,
    ) -> Option<Self> {
        let plain;
        let table = match written.get_ref() {
            raw::HttpGrant::Table(table) => table.as_ref(),
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
        let path = table.path.as_ref().and_then(|path| part("path", path, destination::prefix, resolver));
        let methods = methods(table, resolver);
        let range = |range| part("addresses", range, destination::range, resolver);
        let addresses = table.addresses.iter().filter_map(range).collect();
        let is_http = |grant: Grant| if grant.scheme().is_http() { Ok(grant) } else { Err(Error::NotHttp) };
        let parsed = Grant::parse(text.expose()).and_then(is_http);
        let grant = parsed.map_err(|error| {
            let mistake =
                Mistake::BadUrl { key: "http", reason: error.to_string(), help: help(&error, &text.to_string()) };
            resolver.refuse(Place::Span(url.span()), mistake);
        });
        let grant = grant.ok()?.with_addresses(addresses);
        let grant = match (path, &table.path) {
            (Some(path), Some(written)) => accept(grant.with_path(&path), written.span(), resolver)?,
            (_, None) | (None, _) => grant,
        };
        let grant = match methods {
            Some(methods) => accept(grant.with_methods(methods), url.span(), resolver)?,
            None => grant,
        };
        let plain = text.expose().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        let plain = plain.then_some(("on an `http://` grant", "write `https://` in `url`, or remove it"));
        let tls = match without_tls.or(plain) {
            Some(without_tls) => GrantTls::refuse(table, without_tls, resolver),
            None => GrantTls::resolve(table, resolver),
        };
        Some(Self { grant, text, tls, line: resolver.source.line(written.span().start) })
    }
}

impl GrantTls {
    fn resolve(table: &raw::HttpTable, resolver: &mut Resolver<'_>) -> Self {
        Self {
            ca_cert: table.ca_cert.as_ref().and_then(|path| resolver.path("ca_cert", path)),
            identity: Identity::resolve(&table.client_cert, &table.client_key, resolver),
            min: resolver.word("min_tls", &table.min_tls),
        }
    }

    /// Refuses every key about TLS where there is none.
    fn refuse(table: &raw::HttpTable, (place, help): WithoutTls, resolver: &mut Resolver<'_>) -> Self {
        let raw::HttpTable { ca_cert, client_cert, client_key, min_tls, .. } = table;
        let keys =
            [("ca_cert", ca_cert), ("client_cert", client_cert), ("client_key", client_key), ("min_tls", min_tls)];
        for (key, written) in keys {
            let Some(written) = written else { continue };
            resolver.refuse(Place::Span(written.span()), Mistake::NoEffect { key, place, help });
        }
        Self::default()
    }
}

impl Word for TlsVersion {
    const ALLOWED: &'static [&'static str] = &["1.2", "1.3"];
}

/// The methods, where the file names some; those that are none are refused already.
fn methods(table: &raw::HttpTable, resolver: &mut Resolver<'_>) -> Option<Vec<Method>> {
    let written = table.methods.as_ref()?;
    let method = |method| part("methods", method, destination::method, resolver);
    let methods: Vec<_> = written.iter().filter_map(method).collect();
    (written.is_empty() || !methods.is_empty()).then_some(methods)
}

/// One word of a grant, read by the grammar's own function.
fn part<T>(
    key: &str,
    written: &raw::Text,
    read: fn(&str) -> Result<T, Error>,
    resolver: &mut Resolver<'_>,
) -> Option<T> {
    let value = resolver.plain(key, written)?;
    accept(read(&value), written.span(), resolver)
}

/// What the grammar gives, or the mistake at its place.
fn accept<T>(read: Result<T, Error>, place: Range<usize>, resolver: &mut Resolver<'_>) -> Option<T> {
    let refuse = |error: Error| {
        let help = help(&error, "");
        resolver.refuse(Place::Span(place), Mistake::BadGrant { error, help });
    };
    read.map_err(refuse).ok()
}

/// What to write instead. `url` is as the file writes it.
pub(super) fn help(error: &Error, url: &str) -> String {
    match error {
        Error::NoScheme => format!("write `https://{url}`, or `http://{url}` without TLS"),
        Error::Url(_) | Error::Scheme | Error::Port => "write it like `https://example.com`".into(),
        Error::NotHttp => "write it like `https://example.com`; `tcp` and `udp` belong under `sockets`".into(),
        Error::NotSocket => "write it like `tcp://db.example.com:5432`; HTTP belongs under `http`".into(),
        Error::NoPort => "write it like `tcp://db.example.com:5432`, or `:8000-8010` for a range".into(),
        Error::PortOrder => "write the lower port first, as in `:8000-8010`".into(),
        Error::OddAddress => "write it like `10.1.2.3`".into(),
        Error::PrefixLength => "write a range like `10.0.0.0/8`; a path of digits goes into the key `path`".into(),
        Error::HostBits => {
            "write the first address of the range, as in `10.0.0.0/8`; a path of digits goes into the key `path`".into()
        }
        Error::SocketPath => "end it with the port".into(),
        Error::OnlyHttp(_) => "remove it, or grant `http` or `https`".into(),
        Error::NotOne => "write one host and one port".into(),
        Error::User => "credentials belong into the connector's table".into(),
        Error::Query => "a grant of a path grants every query of it".into(),
        Error::Unspecified => "write the address itself".into(),
        Error::Wildcard => "write `*.` before a domain of two parts or more, as in `https://*.example.com`".into(),
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
