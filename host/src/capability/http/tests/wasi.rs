//! `wasi:http` through the same gate.

use std::pin::Pin;

use axum::http::Request as HttpRequest;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use wasmtime_wasi_http::{Error as WasiError, RequestOptions, WasiBody, WasiHttpHooks};

use super::{super::WasiHooks, *};

type Sent = Result<http::Response<WasiBody>, WasiError>;

pub(super) async fn send(
    session: &Session,
    method: &str,
    url: &str,
    body: WasiBody,
    options: Option<RequestOptions>,
) -> Sent {
    let request = HttpRequest::builder().method(method).uri(url).body(body).unwrap();
    send_request(session, request, options).await
}

pub(super) async fn send_request(
    session: &Session,
    request: HttpRequest<WasiBody>,
    options: Option<RequestOptions>,
) -> Sent {
    let sending = WasiHooks::new(session.clone()).send_request(request, options, Box::new(async { Ok(()) }));
    Pin::from(sending).await.map(|(response, _)| response)
}

pub(super) fn full(text: &str) -> WasiBody {
    Full::new(Bytes::from(text.to_owned())).map_err(Into::into).boxed_unsync()
}

/// Pieces without a length, as a guest writes them.
pub(super) fn streamed(pieces: usize) -> WasiBody {
    let pieces = (0..pieces).map(|_| Ok::<_, WasiError>(Frame::data(Bytes::from_static(b"0123456789"))));
    BodyExt::boxed_unsync(StreamBody::new(futures::stream::iter(pieces)))
}

pub(super) async fn text(response: http::Response<WasiBody>) -> Result<String, WasiError> {
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec()).unwrap())
}

fn echo() -> Router {
    Router::new().fallback(|request: Incoming| async move {
        let (head, body) = request.into_parts();
        let length = axum::body::to_bytes(body, usize::MAX).await.map(|body| body.len());
        format!("{} {} {}", head.method, head.uri, length.unwrap_or_default())
    })
}

#[tokio::test]
async fn granted_requests_pass_and_others_are_denied() {
    let server = Server::start(echo()).await;
    let limited = Grant::parse(&server.url("/in/")).unwrap();
    let session = session(GateOptions::new("orders", "orders.toml", vec![limited]));
    let response = send(&session, "POST", &server.url("/in/x/../a?b"), full("body"), None).await.unwrap();
    assert_eq!(text(response).await.unwrap(), "POST /in/a?b 4");
    let response = send(&session, "PUT", &server.url("/in/"), streamed(5), None).await.unwrap();
    assert_eq!(text(response).await.unwrap(), "PUT /in/ 50");

    for path in ["/", "/in/..", "/in/..%2f"] {
        let denied = send(&session, "GET", &server.url(path), full(""), None).await;
        assert!(matches!(denied, Err(WasiError::HttpRequestDenied)), "{path}");
    }
    let tunnel = send(&session, "CONNECT", &server.url("/in/"), full(""), None).await;
    assert!(matches!(tunnel, Err(WasiError::InternalError(Some(text))) if text.contains("CONNECT")));
    let stats = session.gate.stats();
    assert_eq!([count(&stats.denied), count(&stats.invalid), count(&stats.requests)], [3, 1, 6]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_guest_may_finish_writing_before_it_hears_of_the_refusal() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, WasiError>>(1);
    let body = BodyExt::boxed_unsync(StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver)));
    let session = session(GateOptions::new("orders", "orders.toml", vec![]));
    let denied = send(&session, "POST", "http://192.0.2.1/", body, None).await;
    assert!(matches!(denied, Err(WasiError::HttpRequestDenied)));
    for _ in 0..10 {
        sender.send(Ok(Frame::data(Bytes::from_static(b"more")))).await.unwrap();
    }
}

#[tokio::test]
async fn bodies_are_capped_while_they_stream() {
    let server = Server::start(echo()).await;
    let session = session(GateOptions { request_body: 100, response_body: 20, ..rig::options(&server) });
    let fits = send(&session, "PUT", &server.url("/"), streamed(10), None).await.unwrap();
    assert_eq!(text(fits).await.unwrap(), "PUT / 100");
    let too_much = send(&session, "PUT", &server.url("/"), streamed(11), None).await;
    assert!(matches!(too_much, Err(WasiError::HttpRequestBodySize(_))));
    let long = format!("/{}", "a".repeat(20));
    let response = send(&session, "GET", &server.url(&long), full(""), None).await.unwrap();
    assert!(matches!(text(response).await, Err(WasiError::HttpResponseBodySize(Some(20)))));
    assert_eq!(count(&session.gate.stats().too_large), 1);
}

#[tokio::test]
async fn over_http_2_a_guest_hears_as_well_why_its_body_was_not_taken() {
    let versions = Router::new().fallback(|request: Incoming| async move {
        let version = format!("{:?}", request.version());
        axum::body::to_bytes(request.into_body(), usize::MAX).await.map_or_else(|_| String::new(), |_| version)
    });
    let (server, certificate) = Server::start_tls(versions).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let grants = vec![Grant::parse(&url).unwrap()];
    let options = GateOptions::new("orders", "orders.toml", grants);
    let session = session(GateOptions { request_body: 100, extra_roots: vec![certificate], ..options });
    let fits = send(&session, "PUT", &url, streamed(10), None).await.unwrap();
    assert_eq!(text(fits).await.unwrap(), "HTTP/2.0");
    let too_much = send(&session, "PUT", &url, streamed(11), None).await;
    assert!(matches!(too_much, Err(WasiError::HttpRequestBodySize(_))), "{too_much:?}");
    for pieces in [1, 3] {
        let request = HttpRequest::builder().method("PUT").uri(&url).header("content-length", "20");
        let other_length = send_request(&session, request.body(streamed(pieces)).unwrap(), None).await;
        let expected = "it is not as long as its `content-length`, 20 bytes";
        let told = matches!(&other_length, Err(WasiError::InternalError(Some(text))) if text.ends_with(expected));
        assert!(told, "{pieces}: {other_length:?}");
    }
}

#[tokio::test]
async fn responses_end_in_time_and_give_back_their_place() {
    let first_only = || async {
        let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()))
    };
    let never = || async { std::future::pending::<()>().await };
    let server = Server::start(Router::new().route("/stall", get(first_only)).route("/never", get(never))).await;
    let millis = Duration::from_millis;
    let options = GateOptions { request_timeout: millis(1000), concurrency: 1, ..rig::options(&server) };
    let session = session(options);
    let asked = |first_byte, between| {
        Some(RequestOptions {
            first_byte_timeout: first_byte,
            between_bytes_timeout: between,
            connect_timeout: first_byte,
        })
    };
    for options in [None, asked(None, Some(millis(20)))] {
        let response = send(&session, "GET", &server.url("/stall"), full(""), options).await.unwrap();
        assert!(matches!(text(response).await, Err(WasiError::HttpResponseTimeout)));
    }
    for options in [None, asked(Some(millis(10)), None)] {
        let late = send(&session, "GET", &server.url("/never"), full(""), options).await;
        assert!(matches!(late, Err(WasiError::HttpResponseTimeout)));
    }
    assert_eq!(count(&session.gate.stats().timeouts), 4);
}

#[tokio::test]
async fn connection_headers_are_the_host_s() {
    let server = Server::start(echo()).await;
    let forbidden = WasiHooks::new(open(&server)).forbidden_header_filter();
    for name in
        ["host", "connection", "transfer-encoding", "te", "upgrade", "expect", "content_length", "proxy_connection"]
    {
        assert!(forbidden(&name.parse().unwrap()), "{name}");
    }
    for name in ["content-length", "authorization", "cookie"] {
        assert!(!forbidden(&name.parse().unwrap()), "{name}");
    }
}
