//! A request and how it is put together.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::http::{Error, Response, wire};

/// The bytes of a request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text, as UTF-8.
    Text(String),
    /// Bytes that need not be text.
    Binary(Vec<u8>),
}

impl Body {
    /// The bytes, whatever they are.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A request. What is wrong with it shows when it is [sent](Self::send).
#[derive(Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    pub(in crate::http) method: String,
    pub(in crate::http) url: String,
    pub(in crate::http) headers: Vec<(String, String)>,
    pub(in crate::http) body: Option<Body>,
    pub(in crate::http) timeout: Option<Duration>,
    /// Why the body could not be made.
    pub(in crate::http) flaw: Option<String>,
}

impl Request {
    /// A request with any method (`GET`, `POST` and so on) to an absolute `http://` or `https://` URL.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Self { method, url, headers: Vec::new(), body: None, timeout: None, flaw: None }
    }

    /// A `GET` request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A `PUT` request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A `DELETE` request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. The host sets `host`, `content-length` and connection headers itself and refuses them here.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Authorization: Basic`.
    pub fn basic_auth(self, username: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{username}:{password}"));
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Adds `Authorization: Bearer`.
    pub fn bearer_auth(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Makes `value` the body, as JSON, and adds `Content-Type: application/json` unless there is a content type.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        if self.header_value("content-type").is_none() {
            self = self.header("content-type", "application/json");
        }
        match serde_json::to_string(value) {
            Ok(text) => self.text(text),
            Err(error) => Self { flaw: Some(format!("the body cannot be written as JSON: {error}")), ..self },
        }
    }

    /// Makes `text` the body. The content type is up to you.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.body = Some(Body::Text(text.into()));
        self
    }

    /// Makes `bytes` the body. The content type is up to you.
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Body::Binary(bytes.into()));
        self
    }

    /// How long the whole exchange may take; the host counts in milliseconds. Its own limit holds as well.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it and waits for the whole response, whatever its status.
    ///
    /// # Errors
    ///
    /// When there is no response. See [`Error`] for what becomes of each kind.
    pub fn send(self) -> Result<Response, Error> {
        wire::send(self)
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a header; upper and lower case make no difference.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// How long the whole exchange may take, if that was said.
    pub fn timeout_value(&self) -> Option<Duration> {
        self.timeout
    }

    /// The body, if there is one.
    pub fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// The request itself if it can be sent.
    pub(in crate::http) fn checked(self) -> Result<Self, Error> {
        match self.flaw {
            Some(flaw) => Err(Error::InvalidRequest(flaw)),
            None => Ok(self),
        }
    }
}

/// Leaves out header values and the body: they hold secrets and data.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("body_bytes", &self.body.as_ref().map_or(0, |body| body.bytes().len()))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::answer_http;

    #[test]
    fn credentials_become_headers() {
        let basic = Request::get("http://a/").basic_auth("Aladdin", "open sesame");
        assert_eq!(basic.header_value("Authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        let bearer = Request::get("http://a/").bearer_auth("t0ken");
        assert_eq!(bearer.header_value("authorization"), Some("Bearer t0ken"));
    }

    #[test]
    fn json_has_a_content_type_unless_there_is_one() {
        let plain = Request::post("http://a/").json(&[1, 2]);
        assert_eq!(plain.header_value("content-type"), Some("application/json"));
        assert_eq!(plain.body(), Some(&Body::Text("[1,2]".to_owned())));
        let own = Request::post("http://a/").header("Content-Type", "application/vnd.api+json").json(&1);
        assert_eq!(own.headers().collect::<Vec<_>>(), [("Content-Type", "application/vnd.api+json")]);
    }

    #[test]
    fn a_body_that_cannot_be_json_is_refused_when_sent() {
        answer_http(|_| Ok(Response::new(200)));
        let keys_must_be_text = BTreeMap::from([((1, 2), 3)]);
        let sent = Request::post("http://a/").json(&keys_must_be_text).send();
        assert!(matches!(sent, Err(Error::InvalidRequest(_))));
        assert_eq!(Request::post("http://a/").json(&3).send(), Ok(Response::new(200)));
    }

    #[test]
    fn a_request_shows_no_secret() {
        let request = Request::post("http://a/").bearer_auth("s3cret").text("private");
        let shown = format!("{request:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("private") && shown.contains("authorization"), "{shown}");
    }
}
