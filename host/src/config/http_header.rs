//! `[[capabilities.http_headers]]`: what the host adds to requests, a header or a signature, so that the component needs
//! no secret for them. Judges names, values and keys without ever repeating a value, and holds each URL against the grants.

use std::{fmt, net::IpAddr, str::FromStr};

use secrecy::{ExposeSecret, SecretString};
use serde_spanned::Spanned;
use url::{Host, Url};

use super::{
    caution::Caution,
    conceal::sounds_secret,
    grant::{self, HttpGrant},
    mistake::Mistake,
    raw,
    resolver::{Resolver, Word},
    secret::{Guarded, has_references},
    snippet::Place,
};
use crate::capability::{
    destination::Grant,
    http::{Addition, HeaderError, Injection, Keys, Signer, is_sendable},
};

/// What the host adds to the requests within a URL. `Debug` shows the URL as written, and no values.
#[derive(Clone)]
pub struct HttpHeader {
    /// The URL as written, with its references and not their values: for messages.
    pub url: Guarded,
    /// What is added, and where.
    pub injection: Injection,
}

impl fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, injection } = self;
        f.debug_struct("HttpHeader").field("url", url).field("addition", &injection.addition).finish_non_exhaustive()
    }
}

/// How requests can be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    AwsSigV4,
}

impl Signing {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AwsSigV4 => "aws-sigv4",
        }
    }
}

impl FromStr for Signing {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == Self::AwsSigV4.as_str() { Ok(Self::AwsSigV4) } else { Err(()) }
    }
}

impl Word for Signing {
    const ALLOWED: &'static [&'static str] = &["aws-sigv4"];
}

type Written = Spanned<raw::HttpHeader>;

/// Reads all of them. `granted` is `None` where the grants are not known for sure.
pub(super) fn resolve(
    written: &[Written],
    granted: Option<&[HttpGrant]>,
    resolver: &mut Resolver<'_>,
) -> Vec<HttpHeader> {
    let mut headers: Vec<(HttpHeader, usize)> = Vec::new();
    for entry in written {
        // Both are read before either is given up, so that all mistakes are told.
        let (url, addition) = (scope(entry, granted, resolver), addition(entry, resolver));
        let (Some((url, scope)), Some(addition)) = (url, addition) else { continue };
        let same = headers.iter().filter(|(other, _)| other.injection.scope == scope);
        let clash =
            |(other, line): &(HttpHeader, usize)| Some((addition.clash(&other.injection.addition)?.clone(), *line));
        if let Some((header, line)) = same.clone().find_map(clash) {
            let mistake = Mistake::HeaderTwice { header: header.to_string(), line };
            resolver.refuse(Place::Span(entry.span()), mistake);
            continue;
        }
        let line = resolver.source.line(entry.span().start);
        headers.push((HttpHeader { url, injection: Injection { scope, addition } }, line));
    }
    headers.into_iter().map(|(header, _)| header).collect()
}

/// The URL, as written and as it is matched.
fn scope(entry: &Written, granted: Option<&[HttpGrant]>, resolver: &mut Resolver<'_>) -> Option<(Guarded, Grant)> {
    let written = given("url", "url = \"https://example.com/\"", entry, &entry.get_ref().url, resolver)?;
    let text = resolver.guarded("url", written)?;
    let place = Place::Span(written.span());
    let scope = match Grant::parse(text.expose()) {
        Ok(scope) => scope,
        Err(error) => {
            let help = grant::help(&error, grant::HTTP, &text.to_string());
            resolver.refuse(place, Mistake::BadUrl { key: "url", reason: error.to_string(), help });
            return None;
        }
    };
    if granted.is_some_and(|granted| !granted.iter().any(|granted| is_within(&scope, &granted.grant))) {
        resolver.refuse(place, Mistake::HeaderNotGranted { url: text.to_string() });
        return None;
    }
    if is_in_clear(text.expose()) {
        resolver.warn(place, Caution::SecretInClear { url: text.to_string() });
    }
    Some((text, scope))
}

/// Whether a grant covers the URL, for some method.
fn is_within(scope: &Grant, granted: &Grant) -> bool {
    let methods = granted.methods().map(<[_]>::to_vec);
    let limited = methods.map_or(Ok(scope.clone()), |methods| scope.clone().with_methods(methods));
    limited.is_ok_and(|scope| granted.covers(&scope))
}

/// Whether others on the way could read it.
fn is_in_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical().is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !is_local
}

fn addition(entry: &Written, resolver: &mut Resolver<'_>) -> Option<Addition> {
    let written = entry.get_ref();
    let raw::HttpHeader { url: _, header, value, sign, service, region, .. } = written;
    let raw::HttpHeader { access_key_id, secret_access_key, session_token, .. } = written;
    let of_header = [("header", header), ("value", value)];
    let of_signature = [
        ("service", service),
        ("region", region),
        ("access_key_id", access_key_id),
        ("secret_access_key", secret_access_key),
        ("session_token", session_token),
    ];
    let mut apart = |keys: &[(&'static str, &Option<raw::Text>)], beside| {
        for (key, text) in keys {
            if let Some(text) = text {
                resolver.refuse(Place::Span(text.span()), Mistake::NotBeside { key, beside });
            }
        }
    };
    if sign.is_some() {
        apart(&of_header, "sign");
        signature(entry, resolver)
    } else {
        apart(&of_signature, "header");
        plain_header(entry, resolver)
    }
}

fn plain_header(entry: &Written, resolver: &mut Resolver<'_>) -> Option<Addition> {
    let raw::HttpHeader { header, value, .. } = entry.get_ref();
    let header = given("header", "header = \"Authorization\"", entry, header, resolver);
    let name = header.and_then(|header| resolver.plain("header", header));
    let is_secret = name.as_deref().is_some_and(sounds_secret);
    let value = secret("value", "value = \"Bearer ${env:TOKEN}\"", is_secret, entry, value, resolver);
    // A value for a start: what is wrong with the name is told even where there is none.
    let probe = value.as_ref().map_or("-", |value| value.expose_secret());
    let name = name?;
    let refuse = |reason: HeaderError| {
        let place = header.map_or(Place::File, |header| Place::Span(header.span()));
        resolver.refuse(place, Mistake::BadHeader { name: name.clone(), reason });
    };
    let addition = Addition::header(&name, probe).map_err(refuse).ok();
    value.and(addition)
}

fn signature(entry: &Written, resolver: &mut Resolver<'_>) -> Option<Addition> {
    let raw::HttpHeader { sign, service, region, access_key_id, secret_access_key, session_token, .. } =
        entry.get_ref();
    let Signing::AwsSigV4 = resolver.word("sign", sign)?;
    let service = word("service", "service = \"s3\"", entry, service, resolver);
    let region = word("region", "region = \"eu-central-1\"", entry, region, resolver);
    let example = "access_key_id = \"${env:AWS_ACCESS_KEY_ID}\"";
    let access_key_id = secret("access_key_id", example, false, entry, access_key_id, resolver);
    let example = "secret_access_key = \"${env:AWS_SECRET_ACCESS_KEY}\"";
    let secret_access_key = secret("secret_access_key", example, true, entry, secret_access_key, resolver);
    let token = match session_token {
        Some(_) => Some(secret("session_token", "", true, entry, session_token, resolver)?),
        None => None,
    };
    let keys = Keys { access_key_id: access_key_id?, secret_access_key: secret_access_key?, session_token: token };
    Some(Addition::AwsSigV4(Signer::new(service?, region?, keys)))
}

/// What must stand in the entry.
fn given<'a>(
    key: &'static str,
    example: &'static str,
    entry: &Written,
    written: &'a Option<raw::Text>,
    resolver: &mut Resolver<'_>,
) -> Option<&'a raw::Text> {
    if written.is_none() {
        resolver.refuse(Place::Span(entry.span()), Mistake::Missing { key, example });
    }
    written.as_ref()
}

/// A name of AWS's, which becomes part of a header.
fn word(
    key: &'static str,
    example: &'static str,
    entry: &Written,
    written: &Option<raw::Text>,
    resolver: &mut Resolver<'_>,
) -> Option<String> {
    let written = given(key, example, entry, written, resolver)?;
    let value = resolver.plain(key, written)?;
    if !value.is_empty() && value.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char)) {
        return Some(value);
    }
    let (kind, example) = ("a name that AWS gives", format!("it like `{example}`"));
    let reason = "it takes letters, digits and `-`".to_owned();
    resolver.refuse(Place::Span(written.span()), Mistake::Malformed { value, kind, reason, example });
    None
}

/// A text that must be fit to be sent, and must not be shown.
fn secret(
    key: &'static str,
    example: &'static str,
    is_secret: bool,
    entry: &Written,
    written: &Option<raw::Text>,
    resolver: &mut Resolver<'_>,
) -> Option<SecretString> {
    let written = given(key, example, entry, written, resolver)?;
    let value = resolver.guarded(key, written)?;
    if !is_sendable(value.expose()) {
        resolver.refuse(Place::Span(written.span()), Mistake::BadSecret { key });
        return None;
    }
    if is_secret && !has_references(written.get_ref()) {
        resolver.warn(Place::Span(written.span()), Caution::SecretInFile { key });
    }
    Some(value.into_secret())
}
