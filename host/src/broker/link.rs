//! The connection to a broker that calls go over: HTTP/2 without the queues and tasks of a general client, because
//! acknowledgements are many small calls and cost more than all else that is done for a record. gRPC is tonic's.

#[cfg(test)]
mod tests;

use std::{
    mem,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use futures::future::{self, BoxFuture};
use h2::{Ping, PingPong, RecvStream, client::SendRequest};
use http::{
    HeaderValue, Method, Request, Response, Uri, Version,
    header::{CONTENT_TYPE, TE},
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use prost_reflect::prost::Message;
use tokio::time::{self, Instant};
use tokio_util::io::InspectReader;
use tonic::{Code, Status};
use tower_service::Service;

use super::error::with_causes;

/// A connection that has been silent for so long is asked whether it lives. One that hangs is found after twice this time,
/// and all that wait for it learn of it.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How much may come on one stream, and on all together, before the host says that it has taken it. No stream holds the
/// others up: all are read without waiting for the guest.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Connector = HttpsConnector<HttpConnector>;

/// Connects with this TLS to `https`, and without to `http`.
pub(super) fn connector(tls: rustls::ClientConfig) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http2().wrap_connector(tcp)
}

/// The way to one broker, as a service for tonic's clients. Clones share the connection, which is made at the first call
/// and anew when it is lost.
#[derive(Debug, Clone)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: Connector,
    scheme: Scheme,
    authority: Authority,
    ping_interval: Duration,
    sender: Mutex<Option<SendRequest<Bytes>>>,
    /// Held by whoever connects.
    connecting: tokio::sync::Mutex<()>,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer(RecvStream);

impl Link {
    /// `None`: it is not the URL of a server.
    pub(super) fn new(connector: Connector, url: &Uri) -> Option<Self> {
        Self::with_pings(connector, url, PING_INTERVAL)
    }

    fn with_pings(connector: Connector, url: &Uri, ping_interval: Duration) -> Option<Self> {
        let (scheme, authority) = (url.scheme()?.clone(), url.authority()?.clone());
        let (sender, connecting) = (Mutex::default(), tokio::sync::Mutex::default());
        Some(Self(Arc::new(Shared { connector, scheme, authority, ping_interval, sender, connecting })))
    }

    /// Sends a request, which a call of gRPC has whole, and waits for the head of the answer.
    async fn exchange(self, request: Request<tonic::body::Body>) -> Result<Response<Answer>, Status> {
        let mut sender = self.0.sender().await?;
        let (mut head, body) = request.into_parts();
        head.uri = self.0.absolute(head.uri)?;
        let (answer, mut stream) = sender.send_request(Request::from_parts(head, ()), false).map_err(lost)?;
        let mut body = pin!(body);
        let mut last = Bytes::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                let before = mem::replace(&mut last, data);
                if !before.is_empty() {
                    stream.send_data(before, false).map_err(lost)?;
                }
            }
        }
        stream.send_data(last, true).map_err(lost)?;
        Ok(answer.await.map_err(lost)?.map(Answer))
    }

    /// A call whose answer says no more than that it was done. It is what tonic's client does, for much less of a
    /// processor's time.
    pub(super) async fn tell(&self, path: &'static str, message: tonic::Request<impl Message>) -> Result<(), Status> {
        let (metadata, _, message) = message.into_parts();
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.0.absolute(Uri::from_static(path))?;
        *request.headers_mut() = metadata.into_headers();
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let mut sender = self.0.sender().await?;
        let (answer, mut stream) = sender.send_request(request, false).map_err(lost)?;
        stream.send_data(framed(&message)?, true).map_err(lost)?;
        let answer = answer.await.map_err(lost)?;
        let code = answer.status();
        let status = match Status::from_header_map(answer.headers()) {
            Some(status) => Some(status),
            None => {
                let mut body = answer.into_body();
                while let Some(data) = body.data().await {
                    body.flow_control().release_capacity(data.map_err(lost)?.len()).map_err(lost)?;
                }
                body.trailers().await.map_err(lost)?.and_then(|trailers| Status::from_header_map(&trailers))
            }
        };
        match status {
            Some(status) if status.code() == Code::Ok => Ok(()),
            Some(status) => Err(status),
            None => Err(Status::unavailable(format!("it answered with HTTP {code} and without a gRPC status"))),
        }
    }
}

impl Service<Request<tonic::body::Body>> for Link {
    type Response = Response<Answer>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}

impl Shared {
    async fn sender(&self) -> Result<SendRequest<Bytes>, Status> {
        match self.connected().await {
            Some(sender) => Ok(sender),
            // On the heap, because it is large and rare, and every call has this.
            None => Box::pin(self.reconnect()).await,
        }
    }

    async fn reconnect(&self) -> Result<SendRequest<Bytes>, Status> {
        let _connecting = self.connecting.lock().await;
        // Somebody else may have been quicker.
        if let Some(sender) = self.connected().await {
            return Ok(sender);
        }
        let sender = self.connect().await?;
        *self.lock() = Some(sender.clone());
        Ok(sender)
    }

    /// `None`: the connection is lost, or there has been none.
    async fn connected(&self) -> Option<SendRequest<Bytes>> {
        let sender = self.lock().clone()?;
        sender.ready().await.ok()
    }

    async fn connect(&self) -> Result<SendRequest<Bytes>, Status> {
        let unreachable = |error: BoxError| Status::unavailable(with_causes(&*error));
        let url = self.absolute(Uri::from_static("/"))?;
        let stream = self.connector.clone().call(url).await.map_err(unreachable)?;
        let heard = Arc::new(Heard::now());
        let noting = Arc::clone(&heard);
        let handshake = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(InspectReader::new(TokioIo::new(stream), move |_| noting.again()))
            .await;
        let (sender, mut connection) = handshake.map_err(lost)?;
        let (pings, interval, authority) = (connection.ping_pong(), self.ping_interval, self.authority.clone());
        // It ends when nobody has a call or a sender any more.
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(broker = %authority, %error, "a connection has ended");
                },
                () = hangs(pings, &heard, interval) => tracing::warn!(broker = %authority, "a connection hangs and is given up"),
            }
        });
        Ok(sender)
    }

    fn absolute(&self, uri: Uri) -> Result<Uri, Status> {
        let mut parts = uri.into_parts();
        (parts.scheme, parts.authority) = (Some(self.scheme.clone()), Some(self.authority.clone()));
        Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<SendRequest<Bytes>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when the other end no longer answers. It is asked only after a time of silence.
async fn hangs(pings: Option<PingPong>, heard: &Heard, interval: Duration) {
    let Some(mut pings) = pings else { return future::pending().await };
    loop {
        let silent = heard.last() + interval;
        if Instant::now() < silent {
            time::sleep_until(silent).await;
            continue;
        }
        match time::timeout(interval, pings.ping(Ping::opaque())).await {
            // It has been heard.
            Ok(Ok(_)) => {}
            // The connection itself says why.
            Ok(Err(_)) => future::pending().await,
            Err(_) => return,
        }
    }
}

/// When something last came from the other end.
struct Heard {
    since: Instant,
    milliseconds: AtomicU64,
}

impl Heard {
    fn now() -> Self {
        Self { since: Instant::now(), milliseconds: AtomicU64::new(0) }
    }

    fn again(&self) {
        let milliseconds = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.milliseconds.store(milliseconds, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.since + Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }
}

/// A message as gRPC has it: not compressed, its length, itself.
fn framed(message: &impl Message) -> Result<Bytes, Status> {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(5 + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).map_err(|error| Status::internal(error.to_string()))?);
    message.encode(&mut framed).map_err(|error| Status::internal(error.to_string()))?;
    Ok(framed.freeze())
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it so")]
fn lost(error: h2::Error) -> Status {
    Status::unavailable(with_causes(&error))
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(match ready!(self.0.poll_data(context)) {
            Some(Ok(data)) => {
                let released = self.0.flow_control().release_capacity(data.len());
                Some(released.map(|()| Frame::data(data)).map_err(lost))
            }
            Some(Err(error)) => Some(Err(lost(error))),
            None => {
                ready!(self.0.poll_trailers(context)).map_err(lost).transpose().map(|read| read.map(Frame::trailers))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
