//! What belongs to the connection can't be forged, neither through the contract's import nor through `wasi:http`.

use axum::http::{HeaderName, HeaderValue, Request as HttpRequest};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};
use wasmtime_wasi_http::{Error as WasiError, WasiBody, WasiHttpHooks};

use super::{
    super::{WasiHooks, message::HOST_ONLY},
    *,
};

/// A server that tells what came in on each connection until the request was complete or the client gave up.
async fn wire() -> (String, mpsc::Receiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel(100);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let (mut came, mut piece) = (Vec::new(), [0; 4096]);
                while !came.ends_with(b"END") && !came.ends_with(b"0\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => came.extend(&piece[..read]),
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                let _ = tell.send(String::from_utf8(came).unwrap()).await;
            });
        }
    });
    (url, told)
}

fn granted(url: &str) -> Session {
    session(GateOptions::new("orders", "orders.toml", vec![Grant::parse(url).unwrap()]))
}

fn streamed(frames: Vec<Frame<Bytes>>) -> WasiBody {
    BodyExt::boxed_unsync(StreamBody::new(futures::stream::iter(frames.into_iter().map(Ok::<_, WasiError>))))
}

/// As the hook gets it, whatever wasmtime itself would have let through.
async fn send_wasi(session: &Session, url: &str, headers: &[(&str, &str)], body: WasiBody) -> Result<u16, WasiError> {
    let mut request = HttpRequest::builder().method("POST").uri(url).body(body).unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let sending = WasiHooks::new(session.clone()).send_request(request, None, Box::new(async { Ok(()) }));
    Box::into_pin(sending).await.map(|(response, _)| response.status().as_u16())
}

fn full(text: &'static str) -> WasiBody {
    Full::new(Bytes::from(text)).map_err(Into::into).boxed_unsync()
}

#[tokio::test]
async fn headers_of_the_connection_are_refused_from_either_import() {
    let (url, mut told) = wire().await;
    let session = granted(&url);
    for name in HOST_ONLY {
        for name in [name.as_str().to_owned(), name.as_str().to_uppercase()] {
            let headers = vec![("x-before".to_owned(), "1".to_owned()), (name.clone(), "1".to_owned())];
            let error = session.send(Request { headers, ..post(&url, "END") }).await.unwrap_err();
            let expected = format!("the header `{}` is set by the host", name.to_lowercase());
            assert_eq!(error, Error::InvalidRequest(expected.clone()));
            if name.eq_ignore_ascii_case("content-length") {
                continue;
            }
            let error = send_wasi(&session, &url, &[("x-before", "1"), (&name, "1")], full("END")).await.unwrap_err();
            assert!(matches!(&error, WasiError::InternalError(Some(text)) if *text == expected), "{error:?}");
        }
    }
    // Not a header at all: what HTTP/2 calls a pseudo-header, and what would end a line.
    for name in [":authority", ":path", ":method", ":scheme", "", "x\r\nhost", "x\nhost", "x host", "x:", "x\0"] {
        assert!(HeaderName::from_bytes(name.as_bytes()).is_err(), "{name:?}");
        let headers = vec![(name.to_owned(), "1".to_owned())];
        let error = session.send(Request { headers, ..post(&url, "END") }).await.unwrap_err();
        assert!(matches!(&error, Error::InvalidRequest(text) if text.ends_with("is not a header name")), "{error:?}");
    }
    for value in ["1\r\nhost: other", "1\nhost: other", "1\rhost: other", "\0"] {
        assert!(HeaderValue::from_bytes(value.as_bytes()).is_err(), "{value:?}");
        let headers = vec![("x".to_owned(), value.to_owned())];
        let error = session.send(Request { headers, ..post(&url, "END") }).await.unwrap_err();
        assert!(matches!(&error, Error::InvalidRequest(text) if text.ends_with("is malformed")), "{error:?}");
    }
    for method in ["GET / HTTP/1.1\r\nhost: other\r\n\r\nGET", "GET\r\n", "GET ", "", "G\0"] {
        let error = session.send(Request { method: method.into(), ..post(&url, "END") }).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest(_)), "{error:?}");
    }
    for path in ["a HTTP/1.1\r\nhost: other\r\n", "a\nb", "a\tb"] {
        let error = session.send(post(&format!("{url}{path}"), "END")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest(_)), "{error:?}");
    }
    assert!(told.try_recv().is_err(), "something was sent");
}

#[tokio::test]
async fn what_goes_over_the_wire_is_the_host_s_own_framing() {
    let (url, mut told) = wire().await;
    let session = granted(&url);
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let agent = concat!("danube-wasm/", env!("CARGO_PKG_VERSION"));
    let head = |path: &str, lines: &str| {
        format!("POST {path} HTTP/1.1\r\nuser-agent: {agent}\r\nhost: {host}\r\n{lines}\r\n\r\n")
    };
    session.send(post(&format!("{url}a b/../c?d e#f"), "END")).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), head("/c?d%20e", "content-length: 3") + "END");
    let status =
        send_wasi(&session, &format!("{url}a/../c?d"), &[("content-length", "0003")], full("END")).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(told.recv().await.unwrap(), head("/c?d", "content-length: 3") + "END");
    let pieces = ["E", "", "ND"].into_iter().map(|piece| Frame::data(Bytes::from(piece)));
    send_wasi(&session, &url, &[], streamed(pieces.collect())).await.unwrap();
    let chunked = told.recv().await.unwrap();
    assert!(chunked.starts_with(&head("/", "transfer-encoding: chunked")), "{chunked}");
}

#[tokio::test]
async fn a_declared_length_is_one_number_and_the_body_keeps_to_it() {
    let (url, mut told) = wire().await;
    let session = granted(&url);
    for values in [
        &["3", "3"][..],
        &["3", "30"],
        &["3, 3"],
        &["+3"],
        &["-3"],
        &["0x3"],
        &[""],
        &[" "],
        &["3 "],
        &["99999999999999999999"],
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("content-length", *value)).collect();
        let error = send_wasi(&session, &url, &headers, full("END")).await.unwrap_err();
        let text = "the header `content-length` is not one decimal number";
        assert!(matches!(&error, WasiError::InternalError(Some(told)) if told == text), "{values:?}: {error:?}");
    }
    assert!(told.try_recv().is_err(), "something was sent");
    for (length, body) in [("2", "END"), ("4", "END")] {
        let body = streamed(vec![Frame::data(Bytes::from(body))]);
        let error = send_wasi(&session, &url, &[("content-length", length)], body).await;
        assert!(error.is_err(), "{length}");
    }
    let nothing = streamed(vec![Frame::data(Bytes::from("END"))]);
    assert_eq!(send_wasi(&session, &url, &[("content-length", "0")], nothing).await.unwrap(), 200);
    // Whatever of it came over the wire, the connection ended with it: no second request stands behind.
    while let Ok(came) = told.try_recv() {
        let (head, body) = came.split_once("\r\n\r\n").unwrap_or((&came, ""));
        assert!(head.matches("HTTP/1.1").count() <= 1 && !body.contains("HTTP"), "{came}");
        assert!(body.is_empty() || !head.contains("content-length: 0"), "{came}");
    }
    assert_eq!(send_wasi(&session, &url, &[("content-length", "3")], full("END")).await.unwrap(), 200);
}

#[tokio::test]
async fn trailers_are_not_sent() {
    let (url, mut told) = wire().await;
    let session = granted(&url);
    let trailers = |name: &'static str| {
        let trailers = http::HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("1"))]);
        streamed(vec![Frame::data(Bytes::from("first")), Frame::trailers(trailers)])
    };
    for name in ["x-checksum", "authorization", "content-length"] {
        let error = send_wasi(&session, &url, &[], trailers(name)).await.unwrap_err();
        assert!(
            matches!(&error, WasiError::InternalError(Some(text)) if text.ends_with("trailers are not sent")),
            "{error:?}"
        );
        assert!(!told.recv().await.unwrap().contains(name));
    }
    let none = streamed(vec![Frame::data(Bytes::from("END")), Frame::trailers(http::HeaderMap::new())]);
    assert_eq!(send_wasi(&session, &url, &[], none).await.unwrap(), 200);
}

#[tokio::test]
async fn an_authority_with_a_user_or_another_host_is_what_is_decided_on() {
    let (url, mut told) = wire().await;
    let session = granted(&url);
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    for forged in
        [format!("http://user@{host}/"), format!("http://{host}@192.0.2.1/"), format!("http://192.0.2.1#@{host}/")]
    {
        assert!(session.send(post(&forged, "END")).await.is_err(), "{forged}");
        if forged.parse::<http::Uri>().is_ok() {
            assert!(send_wasi(&session, &forged, &[], full("END")).await.is_err(), "{forged}");
        }
    }
    assert!(told.try_recv().is_err(), "something was sent");
}

#[tokio::test]
async fn http_2_has_the_authority_and_the_path_that_were_decided_on() {
    let echo = |request: Incoming| async move {
        let names: Vec<_> = request.headers().keys().map(|name| name.as_str().to_owned()).collect();
        format!("{:?} {} {}", request.version(), request.uri(), names.join(" "))
    };
    let (server, root) = Server::start_tls(Router::new().fallback(echo)).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let options = GateOptions::new("orders", "orders.toml", vec![Grant::parse(&url).unwrap()]);
    let session = session(GateOptions { extra_roots: vec![root], ..options });
    let response = session.send(post(&format!("{url}a/../c?d#e"), "END")).await.unwrap();
    let told = String::from_utf8(response.body).unwrap();
    assert_eq!(told, format!("HTTP/2.0 {url}c?d user-agent content-length"));
    assert!(send_wasi(&session, &url, &[("host", "other.example")], full("END")).await.is_err());
    assert_eq!(send_wasi(&session, &url, &[("content-length", "3")], full("END")).await.unwrap(), 200);
}
