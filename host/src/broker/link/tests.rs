//! Against a server that speaks HTTP/2 by hand.

use danube_core::proto::{AckRequest, AckResponse, consumer_service_client::ConsumerServiceClient};
use h2::server;
use http::HeaderMap;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::capability::tls::TlsOptions;

const PATH: &str = "/danube.ConsumerService/Ack";
const OFTEN: Duration = Duration::from_millis(20);

fn link(listener: &TcpListener, ping_interval: Duration) -> Link {
    let connector = connector(TlsOptions::default().client(&[]).expect("the public authorities"));
    let url = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
    Link::with_pings(connector, &url, ping_interval).expect("a scheme and a host")
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

fn ack() -> tonic::Request<AckRequest> {
    let subscription_name = "s".repeat(40);
    tonic::Request::new(AckRequest { request_id: 7, msg_id: None, subscription_name })
}

/// Takes a connection and answers so many calls on it with a message and trailers, then closes it. Gives what was asked.
fn serve(listener: TcpListener, calls: usize, status: &'static str) -> JoinHandle<(TcpListener, Vec<AckRequest>)> {
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut connection = server::handshake(stream).await.expect("HTTP/2");
        let mut asked = Vec::new();
        for _ in 0..calls {
            let (request, mut answer) = connection.accept().await.expect("a call").expect("a whole one");
            let (head, mut body) = request.into_parts();
            assert_eq!((head.uri.path(), &head.headers["content-type"]), (PATH, &"application/grpc".parse().unwrap()));
            asked.push(tokio::spawn(async move {
                let mut message = BytesMut::new();
                while let Some(data) = body.data().await {
                    message.extend_from_slice(&data.expect("data"));
                }
                let mut stream = answer.send_response(Response::new(()), false).expect("the client listens");
                if status == "0" {
                    stream.send_data(framed(&AckResponse { request_id: 7 }).expect("small"), false).expect("open");
                }
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static(status));
                trailers.insert("grpc-message", HeaderValue::from_static("so%20it%20is"));
                stream.send_trailers(trailers).expect("open");
                AckRequest::decode(message.split_off(5)).expect("a message")
            }));
        }
        let mut decoded = Vec::new();
        for asked in asked {
            // The connection has to be driven for the calls to end.
            tokio::select! {
                asked = asked => decoded.push(asked.expect("no panic")),
                _ = connection.accept() => panic!("no more calls"),
            }
        }
        connection.graceful_shutdown();
        while let Some(Ok(_)) = connection.accept().await {}
        (listener, decoded)
    })
}

#[tokio::test]
async fn a_call_is_what_a_client_of_tonics_makes_of_it() {
    let listener = listener().await;
    let link = link(&listener, PING_INTERVAL);
    let server = serve(listener, 2, "0");
    link.tell(PATH, ack()).await.unwrap();
    let answer = ConsumerServiceClient::new(link).ack(ack()).await.unwrap();
    assert_eq!(answer.into_inner().request_id, 7);
    let (_, asked) = server.await.unwrap();
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn a_status_is_an_error_with_its_words() {
    let listener = listener().await;
    let link = link(&listener, PING_INTERVAL);
    let _server = serve(listener, 2, "5");
    let told = link.tell(PATH, ack()).await.unwrap_err();
    assert_eq!((told.code(), told.message()), (Code::NotFound, "so it is"));
    let asked = ConsumerServiceClient::new(link).ack(ack()).await.unwrap_err();
    assert_eq!((asked.code(), asked.message()), (Code::NotFound, "so it is"));
}

#[tokio::test]
async fn an_answer_without_a_status_is_no_success() {
    let listener = listener().await;
    let link = link(&listener, PING_INTERVAL);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut connection = server::handshake(stream).await.expect("HTTP/2");
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            let head = Response::builder().status(502).body(()).expect("a head");
            answer.send_response(head, true).expect("the client listens");
        }
    });
    let error = link.tell(PATH, ack()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("502"), "{}", error.message());
}

#[tokio::test]
async fn a_lost_connection_is_made_anew() {
    let listener = listener().await;
    let link = link(&listener, PING_INTERVAL);
    let server = serve(listener, 1, "0");
    link.tell(PATH, ack()).await.unwrap();
    let (listener, _) = server.await.unwrap();
    let server = serve(listener, 1, "0");
    // Whether the end is seen before the call or by it.
    while link.tell(PATH, ack()).await.is_err() {}
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_hangs_is_given_up() {
    let listener = listener().await;
    let link = link(&listener, OFTEN);
    let (call, held) = tokio::join!(link.tell(PATH, ack()), async {
        let (stream, _): (TcpStream, _) = listener.accept().await.expect("a client");
        stream
    });
    assert_eq!(call.unwrap_err().code(), Code::Unavailable);
    drop(held);
}

#[tokio::test]
async fn a_connection_that_is_only_silent_is_kept() {
    let listener = listener().await;
    let link = link(&listener, OFTEN);
    // It takes one connection.
    let server = serve(listener, 2, "0");
    link.tell(PATH, ack()).await.unwrap();
    time::sleep(10 * OFTEN).await;
    link.tell(PATH, ack()).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_an_error_that_says_so() {
    let listener = listener().await;
    let link = link(&listener, PING_INTERVAL);
    drop(listener);
    let error = link.tell(PATH, ack()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("refused"), "{}", error.message());
}
