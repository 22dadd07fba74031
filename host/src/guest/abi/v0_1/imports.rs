//! What a guest of version 0.1 imports from the contract: log lines and HTTP.

use std::time::Duration;

use tracing::Level;
use wasmtime::component::{HasData, Linker};

use super::bindings::{
    SinkConnectorWithLifecycle,
    danube::sink::{http, log, records},
};
use crate::{
    capability::http::{Error, Request, Response},
    guest::state::State,
};

struct Imports;

impl HasData for Imports {
    type Data<'a> = &'a mut State;
}

pub(in crate::guest::abi) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    SinkConnectorWithLifecycle::add_to_linker::<State, Imports>(linker, |state| state)
}

impl records::Host for State {}

impl log::Host for State {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Trace => Level::TRACE,
            log::Level::Debug => Level::DEBUG,
            log::Level::Info => Level::INFO,
            log::Level::Warn => Level::WARN,
            log::Level::Error => Level::ERROR,
        };
        self.log.line(level, &message);
    }
}

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, http::HttpError> {
        Ok(self.session.send(request.into()).await?.into())
    }

    async fn send_all(&mut self, requests: Vec<http::Request>) -> Vec<Result<http::Response, http::HttpError>> {
        let responses = self.session.send_all(requests.into_iter().map(Request::from).collect()).await;
        responses.into_iter().map(|response| Ok(response?.into())).collect()
    }
}

impl From<http::Request> for Request {
    fn from(request: http::Request) -> Self {
        let http::Request { method, url, headers, body, timeout_ms } = request;
        let body = match body {
            Some(http::Body::Text(text)) => text.into(),
            Some(http::Body::Binary(bytes)) => bytes.into(),
            None => bytes::Bytes::new(),
        };
        Self { method, url, headers, body, timeout: timeout_ms.map(|millis| Duration::from_millis(millis.into())) }
    }
}

impl From<Response> for http::Response {
    fn from(response: Response) -> Self {
        let Response { status, headers, body } = response;
        let body = match String::from_utf8(body) {
            Ok(text) => http::Body::Text(text),
            Err(error) => http::Body::Binary(error.into_bytes()),
        };
        Self { status, headers, body }
    }
}

impl From<Error> for http::HttpError {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::Denied(text),
            Error::InvalidRequest(text) => Self::InvalidRequest(text),
            Error::RequestTooLarge(text) => Self::RequestTooLarge(text),
            Error::Connect(text) => Self::Connect(text),
            Error::Tls(text) => Self::Tls(text),
            Error::Timeout(text) => Self::Timeout(text),
            Error::TooLarge(text) => Self::TooLarge(text),
            Error::Protocol(text) => Self::Protocol(text),
        }
    }
}
