//! Answers in place of the network, for tests of components: requests pass the decision and every limit as always, and are
//! kept; then the script answers. Replies go through a connection in memory, so that a response breaks off as a real one does.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, Response as HttpResponse, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Error, Gate, Outgoing, Route, dial::DialError, error::broken_body, session::too_late};

/// How much of a reply is under way at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What a target answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// How long it takes.
    pub delay: Duration,
    /// What comes then.
    pub answer: Answer,
}

/// What comes of a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A response.
    Response {
        /// The status code.
        status: u16,
        /// Names and values.
        headers: Vec<(HeaderName, HeaderValue)>,
        /// The body.
        body: Bytes,
        /// Whether it breaks off behind the body, as if more were to come.
        truncated: bool,
    },
    /// Nobody listens.
    Refused,
    /// The host's name is not known.
    Unresolved,
    /// The server's certificate is none.
    Tls,
    /// The connection breaks before the response.
    Reset,
    /// Nothing comes in time. It is not waited for.
    Timeout,
}

/// A reply, and which requests get it.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// Of this method only.
    pub method: Option<Method>,
    /// To this URL only, as it is normalised.
    pub url: Option<String>,
    /// How many requests get it. `None`: any number.
    pub times: Option<u32>,
    /// What they get.
    pub reply: Reply,
}

/// A request as it would have gone out.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Its method.
    pub method: Method,
    /// Its whole URL.
    pub url: String,
    /// Its headers, but for those that the host adds by itself to any request.
    pub headers: HeaderMap,
    /// Names of headers that the host added by the connector's file; they are not among `headers`.
    pub added: BTreeSet<String>,
    /// Its body, as it would have been sent.
    pub body: Bytes,
    /// Which of the scripted replies it got. `None`: none was left, and it got an empty 200.
    pub reply: Option<usize>,
}

/// The replies of a target, and what it was asked. Clones share both.
#[derive(Debug, Clone)]
pub struct Script(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    replies: Vec<Scripted>,
    captured: Mutex<Vec<Captured>>,
}

impl Script {
    /// The first of the replies that fits a request, and is not used up, is what it gets.
    pub fn new(replies: Vec<Scripted>) -> Self {
        Self(Arc::new(Inner { replies, captured: Mutex::default() }))
    }

    /// What was sent so far, in the order in which it went out.
    pub fn captured(&self) -> Vec<Captured> {
        self.0.captured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps a request, and says what it gets.
    fn take(&self, mut request: Captured) -> Reply {
        let mut captured = self.0.captured.lock().unwrap_or_else(PoisonError::into_inner);
        let used = |at: usize| captured.iter().filter(|before| before.reply == Some(at)).count();
        let fits = |(at, scripted): &(usize, &Scripted)| {
            let Scripted { method, url, times, reply: _ } = scripted;
            method.as_ref().is_none_or(|method| *method == request.method)
                && url.as_ref().is_none_or(|url| *url == request.url)
                && times.is_none_or(|times| used(*at) < times as usize)
        };
        let found = self.0.replies.iter().enumerate().find(fits);
        request.reply = found.map(|(at, _)| at);
        captured.push(request);
        found.map_or_else(Reply::ok, |(_, scripted)| scripted.reply.clone())
    }

    /// Has a request answered.
    pub(super) async fn exchange(
        &self,
        gate: &Gate,
        request: HttpRequest<Outgoing>,
        route: &Route,
    ) -> Result<HttpResponse<Incoming>, Error> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| route.fault.get().cloned().unwrap_or_else(|| broken_body(&*error)))?;
        if parts.headers.get(header::USER_AGENT).is_some_and(is_own) {
            parts.headers.remove(header::USER_AGENT);
        }
        let additions = gate.additions(route);
        let added = additions.claimed().filter(|name| parts.headers.remove(*name).is_some());
        let added = added.map(|name| name.as_str().to_owned()).collect();
        let (method, url) = (parts.method.clone(), parts.uri.to_string());
        let request = Captured { method, url, headers: parts.headers, added, body: body.to_bytes(), reply: None };
        let Reply { delay, answer } = self.take(request);
        tokio::time::sleep(delay).await;
        answer.give(gate, parts.method, route).await
    }
}

impl Reply {
    /// What is answered when nothing else is said.
    pub fn ok() -> Self {
        let answer = Answer::Response { status: 200, headers: Vec::new(), body: Bytes::new(), truncated: false };
        Self { delay: Duration::ZERO, answer }
    }
}

impl Answer {
    async fn give(self, gate: &Gate, method: Method, route: &Route) -> Result<HttpResponse<Incoming>, Error> {
        let dial = |error| Err(gate.classify_dial(&error, route));
        match self {
            Self::Refused => dial(DialError::Connect("connection refused".to_owned())),
            Self::Unresolved => dial(DialError::Resolve("no such host".to_owned())),
            Self::Tls => dial(DialError::Tls("invalid peer certificate".to_owned())),
            Self::Timeout => Err(too_late(&route.target, gate.limits.request_timeout)),
            Self::Reset => exchanged(gate, method, route, Vec::new()).await,
            Self::Response { status, headers, body, truncated } => {
                let reply = on_the_wire(status, &headers, &body, truncated);
                exchanged(gate, method, route, reply).await
            }
        }
    }
}

/// Whether it is the name that the host gives itself.
fn is_own(agent: &HeaderValue) -> bool {
    agent.as_bytes().starts_with(b"danube-wasm/")
}

fn on_the_wire(status: u16, headers: &[(HeaderName, HeaderValue)], body: &[u8], truncated: bool) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {status} \r\n").into_bytes();
    for (name, value) in headers {
        reply.extend_from_slice(name.as_str().as_bytes());
        reply.extend_from_slice(b": ");
        reply.extend_from_slice(value.as_bytes());
        reply.extend_from_slice(b"\r\n");
    }
    let length = body.len() + usize::from(truncated);
    let has_body = !matches!(status, 100..200 | 204 | 304);
    if has_body {
        reply.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    reply.extend_from_slice(b"\r\n");
    reply.extend_from_slice(if has_body { body } else { &[] });
    reply
}

/// Sends a bare request through a connection in memory, at whose other end `reply` comes.
async fn exchanged(
    gate: &Gate,
    method: Method,
    route: &Route,
    reply: Vec<u8>,
) -> Result<HttpResponse<Incoming>, Error> {
    let (ours, theirs) = tokio::io::duplex(PIECE);
    tokio::spawn(answer(theirs, reply));
    let failed = |error: hyper::Error| gate.classify_exchange(&error, &route.target);
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.map_err(failed)?;
    // It ends with the response, whose body has its error if there is one.
    tokio::spawn(async move { connection.await.ok() });
    let mut request = HttpRequest::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    sender.send_request(request).await.map_err(failed)
}

/// Reads the head of a request, answers, and hangs up.
async fn answer(mut stream: DuplexStream, reply: Vec<u8>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    stream.write_all(&reply).await?;
    stream.shutdown().await
}
