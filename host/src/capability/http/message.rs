//! Requests and responses as a guest gives and gets them, and the checks on what it gives.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use bytes::Bytes;
use url::Url;

use super::{Error, Limits};

/// The longest URL, in bytes.
const URL_LIMIT: usize = 16 * 1024;

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
        .map_err(|_| Error::InvalidRequest(format!("`{}` is not an HTTP method", text.escape_debug())))
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
pub(super) fn headers(given: &[(String, String)], limits: &Limits) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(given.len().min(limits.headers));
    let bytes = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    check_size(given.len(), bytes, limits)?;
    for (name, value) in given {
        let shown = name.escape_debug();
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let name = parsed.map_err(|_| Error::InvalidRequest(format!("`{shown}` is not a header name")))?;
        if HOST_ONLY.contains(&name) {
            return Err(Error::InvalidRequest(format!("the header `{name}` is set by the host")));
        }
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value =
            value.map_err(|_| Error::InvalidRequest(format!("the value of the header `{name}` is malformed")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

pub(super) fn fits(headers: &HeaderMap, limits: &Limits) -> bool {
    headers.len() <= limits.headers && byte_size(headers) <= limits.header_bytes
}

/// Bytes of all names and values.
pub(super) fn byte_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

pub(super) fn check_size(lines: usize, bytes: usize, limits: &Limits) -> Result<(), Error> {
    if lines > limits.headers {
        return Err(Error::InvalidRequest(format!("the request has {lines} headers, more than {}", limits.headers)));
    }
    if bytes > limits.header_bytes {
        return Err(Error::InvalidRequest(format!(
            "the headers of the request have {bytes} bytes, more than {}",
            limits.header_bytes
        )));
    }
    Ok(())
}

pub(super) fn add_user_agent(headers: &mut HeaderMap) {
    const NAME: HeaderValue = HeaderValue::from_static(concat!("danube-wasm/", env!("CARGO_PKG_VERSION")));
    headers.entry(header::USER_AGENT).or_insert(NAME);
}

pub(super) fn received(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
