//! `wasi:http` behind the gate: the hook through which wasmtime's implementation sends what a guest has put together.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ::http::{HeaderName, Request as HttpRequest, Response as HttpResponse, header, request::Parts};
use http_body_util::BodyExt;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error as WasiError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::{
    BoxError, Error, Gate, GateStats, Session,
    body::{Metered, TooLarge, TooLate},
    message,
    session::too_late,
};
use crate::capability::destination::Target;

type Io = Box<dyn Future<Output = Result<(), WasiError>> + Send>;

/// Sends the `wasi:http` requests of one instance.
#[derive(Debug)]
pub struct WasiHooks {
    session: Session,
}

impl WasiHooks {
    /// Sends through `session`.
    pub fn new(session: Session) -> Self {
        Self { session }
    }
}

impl WasiHttpHooks for WasiHooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // A guest says by `content-length` how much it will write, and wasmtime holds it to that.
        Arc::new(|name: &HeaderName| *name != header::CONTENT_LENGTH && message::HOST_ONLY.contains(name))
    }

    fn set_host_header(&mut self) -> bool {
        // The client sets it, from the URL that was decided on.
        false
    }

    fn send_request(
        &mut self,
        request: HttpRequest<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(HttpResponse<WasiBody>, Io), WasiError>> + Send> {
        let session = self.session.clone();
        Box::new(async move {
            let stats = &session.gate.stats;
            stats.requests.fetch_add(1, Ordering::Relaxed);
            let response = session.forward(request, options.unwrap_or_default()).await;
            let response = response.inspect_err(|error| stats.failed(error)).map_err(|error| to_wasi(&error))?;
            // The pool drives the connection; there is nothing left to wait for.
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

impl Session {
    /// The decision on what a guest has put together; the URL in it becomes the one that was decided on.
    fn admit(&self, parts: &mut Parts) -> Result<Target, Error> {
        let url = message::url(&parts.uri.to_string())?;
        let target = self.gate.check(&parts.method, &url)?;
        message::check_size(parts.headers.len(), message::byte_size(&parts.headers), &self.gate.limits)?;
        message::add_user_agent(&mut parts.headers);
        parts.uri = message::uri(url)?;
        Ok(target)
    }

    /// Sends a request whose body may still be written, and gives the response with its body still to be read.
    async fn forward(
        &self,
        request: HttpRequest<WasiBody>,
        options: RequestOptions,
    ) -> Result<HttpResponse<WasiBody>, Error> {
        let Gate { limits, stats, .. } = &*self.gate;
        let (mut parts, body) = request.into_parts();
        let target = match self.admit(&mut parts) {
            Ok(target) => target,
            Err(error) => {
                tokio::spawn(drain(body));
                return Err(error);
            }
        };
        let body = Metered::request(body, limits.request_body, stats.clone()).boxed_unsync();

        let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } = options;
        let connect = connect_timeout.unwrap_or(limits.connect_timeout);
        let first_byte = first_byte_timeout.unwrap_or(limits.request_timeout);
        let limit = connect.saturating_add(first_byte).min(limits.request_timeout);
        let permit = self.permit().await.ok_or_else(|| too_late(&target, Duration::ZERO))?;
        let start = Instant::now();
        let response = tokio::time::timeout(limit, self.head(HttpRequest::from_parts(parts, body), &target)).await;
        let (parts, body) = response.map_err(|_| too_late(&target, limit))??.into_parts();
        let between = between_bytes_timeout.map(|pause| pause.min(limits.request_timeout));
        let rest = limits.request_timeout.saturating_sub(start.elapsed());
        let body = Metered::response(body, limits.response_body, stats.clone(), permit, rest, between);
        let gate = self.gate.clone();
        let body = body.map_err(move |error| read_error(&error, &gate.stats)).boxed_unsync();
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// Takes what a guest still writes for a refused request. If the body were closed on it, the guest would see a broken
/// stream before it sees the refusal. Ends with the body, or with the instance.
async fn drain(mut body: WasiBody) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// What a guest is told when reading a response fails.
fn read_error(error: &BoxError, stats: &GateStats) -> WasiError {
    let (error, told) = if let Some(TooLarge { limit, .. }) = error.downcast_ref() {
        (Error::TooLarge(error.to_string()), WasiError::HttpResponseBodySize(Some(*limit)))
    } else if error.is::<TooLate>() {
        (Error::Timeout(error.to_string()), WasiError::HttpResponseTimeout)
    } else {
        (Error::Protocol(error.to_string()), WasiError::HttpResponseIncomplete)
    };
    stats.failed(&error);
    told
}

/// `wasi:http` has codes where the contract has texts; what gets lost is logged by whoever denies.
fn to_wasi(error: &Error) -> WasiError {
    match error {
        Error::Denied(_) => WasiError::HttpRequestDenied,
        Error::InvalidRequest(text) => WasiError::InternalError(Some(text.clone())),
        Error::RequestTooLarge(_) => WasiError::HttpRequestBodySize(None),
        Error::Connect(_) => WasiError::ConnectionRefused,
        Error::Tls(_) => WasiError::TlsProtocolError,
        Error::Timeout(_) => WasiError::HttpResponseTimeout,
        Error::TooLarge(_) => WasiError::HttpResponseHeaderSectionSize(None),
        Error::Protocol(_) => WasiError::HttpProtocolError,
    }
}
