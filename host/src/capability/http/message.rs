//! Requests and responses as a guest gives and gets them, and the checks on what it gives.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use bytes::Bytes;
use url::Url;

use super::{Error, Limits};
use crate::capability::{destination::Grant, limit::Limit};

/// The longest URL, in bytes.
const URL_LIMIT: usize = 16 * 1024;

/// The longest method, in bytes. Those that are registered have 17 at most.
const METHOD_LIMIT: usize = 32;
/// How much of a guest's own words an error repeats, in characters.
const SHOWN: usize = 100;

/// Headers that belong to the connection, which is the host's. A guest that could set them could smuggle a second
/// request past the decision on the first.
pub(super) const HOST_ONLY: [HeaderName; 13] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Headers by which frameworks let a client ask for another method than that of the request.
static OTHER_METHOD: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];
/// The same for the path.
static OTHER_PATH: [HeaderName; 2] =
    [HeaderName::from_static("x-original-url"), HeaderName::from_static("x-rewrite-url")];
/// The same for the host, behind a proxy that does not take away what it does not set.
static OTHER_HOST: [HeaderName; 3] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-host"),
];

/// A request as the contract has it.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// An absolute URL.
    pub url: String,
    /// Names and values, repeats allowed.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Bytes,
    /// How long the exchange may take; the gate's own limit holds as well.
    pub timeout: Option<Duration>,
}

/// A response as the contract has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values. Bytes of a value that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body as it came, not decompressed.
    pub body: Vec<u8>,
}

pub(super) fn method(text: &str) -> Result<Method, Error> {
    Method::from_bytes(text.as_bytes())
        .map_err(|_| Error::InvalidRequest(format!("`{}` is not an HTTP method", shown(text))))
}

/// Errors repeat the method.
pub(super) fn check_method(method: &Method) -> Result<(), Error> {
    let length = method.as_str().len();
    if length <= METHOD_LIMIT {
        return Ok(());
    }
    Err(Error::InvalidRequest(format!("the HTTP method has {length} bytes, more than {METHOD_LIMIT}")))
}

/// Long enough to know it by: a guest that is told what it sent must not have the host hold it twice.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

pub(super) fn url(text: &str) -> Result<Url, Error> {
    if text.len() > URL_LIMIT {
        return Err(Error::InvalidRequest(format!("the URL is longer than {URL_LIMIT} bytes")));
    }
    // The parser drops line ends and tabs. Who sends them has mixed up something, or tries something.
    if text.contains(|char: char| char.is_control()) {
        return Err(Error::InvalidRequest("the URL has control characters in it".into()));
    }
    Url::parse(text).map_err(|error| Error::InvalidRequest(format!("not an absolute URL: {error}")))
}

/// The URL as the client wants it: exactly what was decided on, without its fragment.
pub(super) fn uri(mut url: Url) -> Result<Uri, Error> {
    url.set_fragment(None);
    let unusable = |error: ::http::uri::InvalidUri| Error::InvalidRequest(format!("the URL can't be sent: {error}"));
    String::from(url).try_into().map_err(unusable)
}

/// The headers of a guest's request, with the host's own name where it brought none.
pub(super) fn headers(given: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let name = parsed.map_err(|_| Error::InvalidRequest(format!("`{}` is not a header name", shown(name))))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::InvalidRequest(format!("the value of the header `{}` is malformed", shown(name.as_str())))
        })?;
        headers.append(name, value);
    }
    check_owned(&headers)?;
    Ok(headers)
}

/// Refuses headers that belong to the connection.
pub(super) fn check_owned(headers: &HeaderMap) -> Result<(), Error> {
    match HOST_ONLY.iter().find_map(|owned| given_as(headers, owned)) {
        Some(name) => Err(Error::InvalidRequest(format!("the header `{name}` is set by the host"))),
        None => Ok(()),
    }
}

/// Refuses headers that ask for something else than what `grant` has allowed. Without one nothing but the request's own
/// method and path was looked at, either.
pub(super) fn check_overrides(headers: &HeaderMap, grant: Option<&Grant>) -> Result<(), Error> {
    let limits_method = grant.is_none_or(|grant| grant.methods().is_some());
    let limits_path = grant.is_none_or(|grant| grant.path() != "/");
    let method = OTHER_METHOD.iter().filter(|_| limits_method).map(|name| (name, "method"));
    let path = OTHER_PATH.iter().filter(|_| limits_path).map(|name| (name, "path"));
    let host = OTHER_HOST.iter().map(|name| (name, "host"));
    for (name, what) in method.chain(path).chain(host) {
        if let Some(name) = given_as(headers, name) {
            return Err(Error::InvalidRequest(format!(
                "the header `{name}` asks for another {what} than the one that is granted"
            )));
        }
    }
    Ok(())
}

/// Whether some servers can't tell these names apart: CGI and its heirs hand headers over as variables, `HTTP_X_KEY` for
/// `x-key` as for `x_key`.
pub(super) fn is_alike(name: &HeaderName, other: &HeaderName) -> bool {
    let letter = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'-' };
    name.as_str().bytes().map(letter).eq(other.as_str().bytes().map(letter))
}

/// The first of the names that is like this one.
pub(super) fn given_as<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderName> {
    headers.keys().find(|given| is_alike(given, name))
}

/// Takes a `content-length` out of the headers: the client writes it anew, from the length that the body is held to.
pub(super) fn take_length(headers: &mut HeaderMap) -> Result<Option<u64>, Error> {
    let malformed = || Error::InvalidRequest("the header `content-length` is not one decimal number".into());
    let mut given = headers.get_all(header::CONTENT_LENGTH).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return if headers.contains_key(header::CONTENT_LENGTH) { Err(malformed()) } else { Ok(None) };
    };
    let digits = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok()).ok_or_else(malformed)?;
    headers.remove(header::CONTENT_LENGTH);
    Ok(Some(length))
}

/// The limit that these headers are above.
pub(super) fn too_large(lines: usize, bytes: usize, limits: &Limits) -> Option<Limit> {
    if lines > limits.headers {
        return Some(Limit::HttpHeaders);
    }
    (bytes > limits.header_bytes).then_some(Limit::HttpHeaderBytes)
}

/// Bytes of all names and values.
pub(super) fn byte_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// About as many bytes as the headers of a response take until the guest has them.
pub(super) fn held_size(headers: &HeaderMap) -> u64 {
    (byte_size(headers) + headers.len() * size_of::<(String, String)>()) as u64
}

/// About as many bytes as the head of a request has on the wire.
pub(super) fn head_size<B>(request: &::http::Request<B>) -> u64 {
    let path = request.uri().path_and_query().map_or(1, |path| path.as_str().len());
    let lines = request.headers().len() * ": \r\n".len();
    let host = request.uri().authority().map_or(0, |authority| authority.as_str().len());
    (request.method().as_str().len() + path + host + lines + byte_size(request.headers())) as u64
}

pub(super) fn add_user_agent(headers: &mut HeaderMap) {
    const NAME: HeaderValue = HeaderValue::from_static(concat!("danube-wasm/", env!("CARGO_PKG_VERSION")));
    headers.entry(header::USER_AGENT).or_insert(NAME);
}

pub(super) fn received(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
