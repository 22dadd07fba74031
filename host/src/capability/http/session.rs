//! One instance's requests: decided, sent with a bound on how many are under way, timed, counted, collected. Those of both
//! imports leave through [`Session::head`].

use std::sync::{Arc, atomic::Ordering};

use ::http::Request as HttpRequest;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Duration,
};

use super::{
    Error, Gate, Outgoing, Request, Response, Route,
    body::{Room, Side, TooLarge},
    error::innermost,
    inject::{Buffers, Payload},
    message,
    outgoing::Sending,
};
use crate::capability::{destination::Target, limit::Limit};

/// One instance's share of a gate.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) gate: Arc<Gate>,
    permits: Arc<Semaphore>,
    memory: u64,
    pub(super) buffers: Buffers,
}

impl Session {
    pub(super) fn new(gate: Arc<Gate>, memory: u64) -> Self {
        let permits = Arc::new(Semaphore::new(gate.limits.concurrency));
        Self { gate, permits, memory, buffers: Buffers::new(memory) }
    }

    /// Sends a request and collects the whole response.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        self.send_within(request, &Room::new(self.memory)).await
    }

    /// Sends requests concurrently, as many at once as the session may. The answers stand in the order of the requests. A
    /// list that is too long is refused whole.
    pub async fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        let Gate { limits, stats, hits, .. } = &*self.gate;
        if requests.len() > limits.batch {
            hits.hit(Limit::HttpBatch);
            let (count, limit) = (requests.len(), limits.batch);
            stats.requests.fetch_add(count as u64, Ordering::Relaxed);
            let refused =
                Error::InvalidRequest(format!("{count} requests at once, more than {limit} (limits.http_batch)"));
            return requests.iter().map(|_| Err(refused.clone()).inspect_err(|error| stats.failed(error))).collect();
        }
        if requests.len() > limits.concurrency {
            // Those behind the first wait here already, and not for a permit.
            hits.hit(Limit::HttpConcurrency);
        }
        let room = Room::new(self.memory);
        let sending = requests.into_iter().enumerate().map(|(at, request)| {
            let response = self.send_within(request, &room);
            async move { (at, response.await) }
        });
        // Sorted afterwards: kept in order while they are under way, a slow one would hold up those behind it.
        let sending = stream::iter(sending).buffer_unordered(limits.concurrency);
        let mut responses: Vec<_> = sending.collect().await;
        responses.sort_unstable_by_key(|(at, _)| *at);
        responses.into_iter().map(|(_, response)| response).collect()
    }

    async fn send_within(&self, request: Request, room: &Room) -> Result<Response, Error> {
        // A long list of requests that fail at once must not keep the thread for itself.
        tokio::task::coop::consume_budget().await;
        let stats = &self.gate.stats;
        stats.requests.fetch_add(1, Ordering::Relaxed);
        self.exchange(request, room).await.inspect_err(|error| stats.failed(error))
    }

    async fn exchange(&self, request: Request, room: &Room) -> Result<Response, Error> {
        let limits = &self.gate.limits;
        let limit = request.timeout.unwrap_or(Duration::MAX).min(limits.request_timeout);
        let (request, route) = self.prepare(request)?;
        // Waiting for a turn is not part of the exchange: a long list of requests must not time out in the queue.
        let _permit = self.permit().await;
        match tokio::time::timeout(limit, self.collect(request, &route, room)).await {
            Ok(response) => response,
            Err(_) => Err(too_late(&route.target, limit)),
        }
    }

    /// The decision, and the request as the client takes it.
    fn prepare(&self, request: Request) -> Result<(HttpRequest<Outgoing>, Route), Error> {
        let Gate { limits, hits, .. } = &*self.gate;
        let Request { method, url, headers, body, timeout: _ } = request;
        let (method, url) = (message::method(&method)?, message::url(&url)?);
        let route = self.gate.check(&method, &url)?;
        if body.len() as u64 > limits.request_body {
            hits.hit(Limit::HttpRequestBody);
            let limit = limits.request_body;
            return Err(Error::RequestTooLarge(TooLarge { side: Side::Request, limit }.to_string()));
        }
        let bytes = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.gate.check_headers(headers.len(), bytes)?;
        let mut headers = message::headers(&headers)?;
        message::check_overrides(&headers, self.gate.grant(&route))?;
        let uri = message::uri(url)?;
        let additions = self.gate.additions(&route);
        additions.refuse_own(&headers)?;
        additions.apply(&method, &uri, &mut headers, Payload::Whole(&body))?;
        let body = Sending::new(Full::new(body), None, self.gate.clone(), route.fault.clone()).boxed_unsync();
        let mut request = HttpRequest::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((request, route))
    }

    /// A place among the requests under way.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        self.gate.hits.hit(Limit::HttpConcurrency);
        // It fails only on a closed semaphore, and nothing closes this one.
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Sends a request of either import, as it was decided on, and waits for the head of the response: for a connection and
    /// then `first_byte` at most. Nothing of the guest's is added to the request after this.
    pub(super) async fn head(
        &self,
        mut request: HttpRequest<Outgoing>,
        route: &Route,
        first_byte: Duration,
    ) -> Result<::http::Response<Incoming>, Error> {
        let Gate { limits, stats, rate, script, .. } = &*self.gate;
        let target = &route.target;
        message::add_user_agent(request.headers_mut());
        if let Some(rate) = rate {
            rate.clone().take(message::head_size(&request)).await;
        }
        let sending = async {
            match script {
                Some(script) => script.exchange(&self.gate, request, route).await,
                None => {
                    self.gate.client(route).request(request).await.map_err(|error| self.gate.classify(&error, route))
                }
            }
        };
        let limit = limits.connect_timeout.saturating_add(first_byte);
        let response = tokio::time::timeout(limit, sending).await.map_err(|_| no_answer(target, limit))??;
        stats.answered(response.status().as_u16());
        // The client's own bounds are rough: it looks at them between reads.
        let headers = response.headers();
        match message::too_large(headers.len(), message::byte_size(headers), limits) {
            None => Ok(response),
            Some(limit) => {
                self.gate.hits.hit(limit);
                Err(self.gate.headers_too_large(target))
            }
        }
    }

    async fn collect(&self, request: HttpRequest<Outgoing>, route: &Route, room: &Room) -> Result<Response, Error> {
        let Gate { limits, stats, hits, .. } = &*self.gate;
        let (head, mut incoming) = self.head(request, route, limits.first_byte_timeout).await?.into_parts();
        let too_large = |limit| {
            hits.hit(Limit::HttpResponseBody);
            Error::TooLarge(TooLarge { side: Side::Response, limit }.to_string())
        };
        let own = Room::new(limits.response_body);
        let expected = incoming.size_hint().lower();
        if expected > own.limit {
            return Err(too_large(own.limit));
        }
        let mut body = Vec::with_capacity(usize::try_from(expected.min(room.limit)).unwrap_or_default());
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame.map_err(|error| broken(&route.target, &error))?.into_data() else { continue };
            let bytes = data.len() as u64;
            stats.bytes_in.fetch_add(bytes, Ordering::Relaxed);
            if !own.take(bytes) {
                return Err(too_large(own.limit));
            }
            if !room.take(bytes) {
                hits.hit(Limit::Memory);
                return Err(Error::TooLarge(format!(
                    "the bodies of the responses to one call are larger than the guest's memory, {} bytes",
                    room.limit
                )));
            }
            body.extend_from_slice(&data);
        }
        Ok(Response { status: head.status.as_u16(), headers: message::received(&head.headers), body })
    }
}

pub(super) fn too_late(target: &Target, limit: Duration) -> Error {
    Error::Timeout(format!("no complete response from `{}` within {limit:?}", target.origin()))
}

fn no_answer(target: &Target, limit: Duration) -> Error {
    Error::Timeout(format!("no response from `{}` within {limit:?} (limits.http_first_byte_timeout)", target.origin()))
}

fn broken(target: &Target, error: &hyper::Error) -> Error {
    Error::Protocol(format!("the response from `{}` broke off: {}", target.origin(), innermost(error)))
}
