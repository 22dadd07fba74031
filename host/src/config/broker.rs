//! How to reach the broker: `danube_service_url` and `[broker]`.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::Url;

use super::{
    caution::Caution,
    ceiling,
    mistake::Mistake,
    raw,
    resolver::Resolver,
    secret::{self, Guarded},
    snippet::Place,
};

const URL_VARIABLE: &str = "DANUBE_SERVICE_URL";
const DEFAULT_ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// The broker, and how to speak to it.
#[derive(Debug, Clone)]
pub struct Broker {
    /// `http://` or `https://` with a host and a port.
    pub url: Guarded,
    /// There for an `https://` broker, and only for one.
    pub tls: Option<Tls>,
    /// Only for an `https://` broker.
    pub token: Option<Token>,
    /// Where the broker takes administrative calls, if the host may make some.
    pub admin_url: Option<Guarded>,
    /// After what time the broker takes an unanswered record for lost and delivers it again: a setting of the broker's
    /// that it tells nobody, repeated here. The host's retries end inside of it.
    pub ack_timeout: Duration,
}

/// Whom to trust, and who we are. The paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificates of the authorities to trust. The broker's client trusts no others.
    pub ca_cert: PathBuf,
    /// For a broker that asks its clients for a certificate.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM.
    pub client_cert: PathBuf,
    /// PEM.
    pub client_key: PathBuf,
}

/// What proves to the broker who we are.
#[derive(Debug, Clone)]
pub enum Token {
    /// As the config file says.
    Static(SecretString),
    /// To be read again every second while it is needed.
    File(PathBuf),
}

impl Broker {
    /// The one part that other tables are judged by.
    pub(super) fn ack_timeout(written: &raw::Broker, resolver: &mut Resolver<'_>) -> Duration {
        resolver.duration("ack_timeout", &written.ack_timeout, DEFAULT_ACK_TIMEOUT)
    }

    pub(super) fn resolve(file: &raw::File, ack_timeout: Duration, resolver: &mut Resolver<'_>) -> Option<Self> {
        let written = &file.broker;
        let url = service_url(file.danube_service_url.as_ref(), resolver);
        let token = token(written, resolver);
        let tls = written.tls.as_ref().and_then(|tls| resolve_tls(tls.get_ref(), resolver));
        if let Some((place, url)) = &url {
            check_tls(url.expose(), place, file, resolver);
        }
        let admin_url = written.admin_url.as_ref().and_then(|written| {
            let url = resolver.guarded("admin_url", written)?;
            check_url("admin_url", &url, &Place::Span(written.span()), resolver).map(|_| url)
        });
        Some(Self { url: url?.1, tls, token, admin_url, ack_timeout })
    }
}

fn service_url(written: Option<&raw::Text>, resolver: &mut Resolver<'_>) -> Option<(Place, Guarded)> {
    const KEY: &str = "danube_service_url";
    let (place, url) = match (resolver.environment.get(URL_VARIABLE), written) {
        (Some(url), _) => (Place::Variable(URL_VARIABLE), Guarded::plain(url)),
        (None, Some(written)) => (Place::Span(written.span()), resolver.guarded(KEY, written)?),
        (None, None) => {
            let example = "danube_service_url = \"http://127.0.0.1:6650\"";
            resolver.refuse(Place::File, Mistake::Missing { key: KEY, example });
            return None;
        }
    };
    let parsed = check_url(KEY, &url, &place, resolver)?;
    if let (None, Some(port)) = (parsed.port(), parsed.port_or_known_default())
        && !names_port(url.expose(), port)
    {
        resolver.warn(place.clone(), Caution::DefaultPort { port });
    }
    Some((place, url))
}

/// Whether the text names the port, which a parsed URL forgets where it is the scheme's own.
fn names_port(url: &str, port: u16) -> bool {
    url.trim_end_matches('/').ends_with(&format!(":{port}"))
}

fn check_url(key: &'static str, given: &Guarded, place: &Place, resolver: &mut Resolver<'_>) -> Option<Url> {
    let parsed = broker_url(given.expose());
    let refuse = |reason: &str| {
        let port = if key == "admin_url" { 50051 } else { 6650 };
        let help = format!("write a scheme, a host and a port, as in `{key} = \"http://127.0.0.1:{port}\"`");
        resolver.refuse(place.clone(), Mistake::BadUrl { key, reason: reason.to_owned(), help });
    };
    let url = parsed.map_err(refuse).ok()?;
    // What the operator's own variable says is the operator's word.
    if let Place::Span(span) = place {
        ceiling::broker(given, &url, span.clone(), resolver);
    }
    Some(url)
}

/// The reasons never repeat the value, which may hold a secret.
fn broker_url(text: &str) -> Result<Url, &'static str> {
    if !text.contains("://") {
        return Err("the URL lacks its scheme");
    }
    let url = Url::parse(text).map_err(|_| "this is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        Err("the scheme must be `http` or `https`")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("the URL must not hold a user or password")
    } else if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        Err("the URL must end after the port")
    } else {
        Ok(url)
    }
}

fn token(written: &raw::Broker, resolver: &mut Resolver<'_>) -> Option<Token> {
    if let Some(literal) = written.token.as_ref().filter(|token| !secret::has_references(token.get_ref())) {
        resolver.warn(Place::Span(literal.span()), Caution::TokenInFile);
    }
    match (&written.token, &written.token_file) {
        (Some(_), Some(file)) => {
            resolver.refuse(Place::Span(file.span()), Mistake::TwoTokens);
            None
        }
        (Some(token), None) => Some(Token::Static(resolver.guarded("token", token)?.into_secret())),
        (None, Some(file)) => Some(Token::File(resolver.readable("token_file", file)?)),
        (None, None) => None,
    }
}

fn resolve_tls(written: &raw::Tls, resolver: &mut Resolver<'_>) -> Option<Tls> {
    let ca_cert = written.ca_cert.as_ref().and_then(|path| resolver.readable("ca_cert", path));
    let identity = Identity::resolve(&written.client_cert, &written.client_key, resolver);
    Some(Tls { ca_cert: ca_cert?, identity })
}

impl Identity {
    /// Both files or none.
    pub(super) fn resolve(
        cert: &Option<raw::Text>,
        key: &Option<raw::Text>,
        resolver: &mut Resolver<'_>,
    ) -> Option<Self> {
        let mut path = |key, written: &Option<raw::Text>| resolver.readable(key, written.as_ref()?);
        let client_cert = path("client_cert", cert);
        let client_key = path("client_key", key);
        let half = match (cert, key) {
            (Some(only), None) => Some((only, "client_cert", "client_key")),
            (None, Some(only)) => Some((only, "client_key", "client_cert")),
            (Some(_), Some(_)) | (None, None) => None,
        };
        if let Some((only, given, missing)) = half {
            resolver.refuse(Place::Span(only.span()), Mistake::HalfIdentity { given, missing });
        }
        client_cert.zip(client_key).map(|(client_cert, client_key)| Self { client_cert, client_key })
    }
}

/// The broker's client sends a token over plain HTTP too, ignores certificates there, and knows no authority by itself.
fn check_tls(url: &str, place: &Place, file: &raw::File, resolver: &mut Resolver<'_>) {
    let secure = url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
    let tls = file.broker.tls.as_ref();
    if secure && tls.is_none_or(|tls| tls.get_ref().ca_cert.is_none()) {
        let place = tls.map_or(place.clone(), |tls| Place::Span(tls.span()));
        resolver.refuse(place, Mistake::NoAuthority);
    }
    if let Some(tls) = tls.filter(|_| !secure) {
        resolver.refuse(Place::Span(tls.span()), Mistake::TlsWithoutHttps);
    }
    if !secure && (file.broker.token.is_some() || file.broker.token_file.is_some()) {
        resolver.refuse(place.clone(), Mistake::TokenInClear);
    }
}
