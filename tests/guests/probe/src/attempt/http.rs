//! Requests with the contract's own import.

use std::borrow::Cow;

use super::{Request, counted};
use crate::bindings::danube::sink::http::{self, Body, HttpError, Response};

pub(crate) mod wasi;

/// The status, or the kind of the error and its text.
pub(crate) fn send(request: &Request) -> String {
    told(http::send(&contract(request)))
}

/// The status, the headers and the body.
pub(crate) fn answer(request: &Request) -> String {
    match http::send(&contract(request)) {
        Ok(Response { status, headers, body }) => format!("{status} {headers:?} {}", text(&body)),
        refused @ Err(_) => told(refused),
    }
}

/// What came of so many that are sent at once.
pub(crate) fn send_all(request: &Request, count: usize) -> String {
    let requests: Vec<_> = (0..count).map(|_| contract(request)).collect();
    counted(http::send_all(&requests).into_iter().map(told))
}

fn contract(Request { method, url, headers, body }: &Request) -> http::Request {
    http::Request {
        method: method.clone(),
        url: url.clone(),
        headers: headers.clone(),
        body: (!body.is_empty()).then(|| Body::Text(body.clone())),
        timeout_ms: None,
    }
}

fn told(response: Result<Response, HttpError>) -> String {
    let (kind, text) = match response {
        Ok(response) => return response.status.to_string(),
        Err(HttpError::Denied(text)) => ("denied", text),
        Err(HttpError::InvalidRequest(text)) => ("invalid", text),
        Err(HttpError::RequestTooLarge(text)) => ("request too large", text),
        Err(HttpError::Connect(text)) => ("connect", text),
        Err(HttpError::Tls(text)) => ("tls", text),
        Err(HttpError::Timeout(text)) => ("timeout", text),
        Err(HttpError::TooLarge(text)) => ("too large", text),
        Err(HttpError::Protocol(text)) => ("protocol", text),
    };
    format!("{kind}: {text}")
}

fn text(body: &Body) -> Cow<'_, str> {
    match body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => String::from_utf8_lossy(bytes),
    }
}
