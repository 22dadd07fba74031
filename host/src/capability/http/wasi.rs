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
    BoxError, Error, GateStats, Route, Session,
    body::{Metered, TooLarge, TooLate},
    message,
    outgoing::{Fault, Sending},
    session::too_late,
};

type Io = Box<dyn Future<Output = Result<(), WasiError>> + Send>;

/// The most that a guest writes at once to a request's body, in bytes. Two such pieces wait with the host for every request
/// that is not sent yet, and the guest's memory does not count them.
const CHUNK: usize = 32 * 1024;

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
        Arc::new(|name: &HeaderName| {
            *name != header::CONTENT_LENGTH && message::HOST_ONLY.iter().any(|owned| message::is_alike(name, owned))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
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
    /// The decision on what a guest has put together; the URL in it becomes the one that was decided on. Also gives the
    /// declared length of the body.
    fn admit(&self, parts: &mut Parts) -> Result<(Route, Option<u64>), Error> {
        let url = message::url(&parts.uri.to_string())?;
        let route = self.gate.check(&parts.method, &url)?;
        self.gate.check_headers(parts.headers.len(), message::byte_size(&parts.headers))?;
        let length = message::take_length(&mut parts.headers)?;
        message::check_owned(&parts.headers)?;
        message::check_overrides(&parts.headers, self.gate.grant(&route))?;
        self.gate.additions(&route).refuse_own(&parts.headers)?;
        parts.uri = message::uri(url)?;
        Ok((route, length))
    }

    /// Sends a request whose body may still be written, and gives the response with its body still to be read.
    async fn forward(
        &self,
        request: HttpRequest<WasiBody>,
        options: RequestOptions,
    ) -> Result<HttpResponse<WasiBody>, Error> {
        let limits = &self.gate.limits;
        let (mut parts, body) = request.into_parts();
        let (route, length) = match self.admit(&mut parts) {
            Ok(admitted) => admitted,
            Err(error) => {
                tokio::spawn(drain(body));
                return Err(error);
            }
        };
        let body = Sending::new(body, length, self.gate.clone(), route.fault.clone()).boxed_unsync();

        let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } = options;
        let connect = connect_timeout.unwrap_or(limits.connect_timeout).min(limits.connect_timeout);
        let first_byte = first_byte_timeout.unwrap_or(limits.first_byte_timeout).min(limits.first_byte_timeout);
        let limit = connect.saturating_add(first_byte).min(limits.request_timeout);
        let permit = self.permit().await.ok_or_else(|| too_late(&route.target, Duration::ZERO))?;
        let start = Instant::now();
        let sending = async {
            let request = self.complete(parts, body, &route).await?;
            self.head(request, &route, first_byte).await
        };
        let response = tokio::time::timeout(limit, sending).await;
        let (parts, body) = response.map_err(|_| too_late(&route.target, limit))??.into_parts();
        let between = between_bytes_timeout.map(|pause| pause.min(limits.request_timeout));
        let rest = limits.request_timeout.saturating_sub(start.elapsed());
        let body = Metered::new(body, self.gate.clone(), permit, rest, between);
        let (gate, fault) = (self.gate.clone(), route.fault);
        let body = body.map_err(move |error| read_error(&error, &fault, &gate.stats)).boxed_unsync();
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// Takes what a guest still writes for a refused request. If the body were closed on it, the guest would see a broken
/// stream before it sees the refusal. Ends with the body, or with the instance.
async fn drain(mut body: WasiBody) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// What a guest is told when reading a response fails, perhaps because the request's body did.
fn read_error(error: &BoxError, fault: &Fault, stats: &GateStats) -> WasiError {
    let (error, told) = if let Some(fault) = fault.get() {
        (fault.clone(), to_wasi(fault))
    } else if let Some(TooLarge { limit, .. }) = error.downcast_ref() {
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
