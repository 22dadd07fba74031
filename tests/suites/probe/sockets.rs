//! Sockets and names, as a program of the standard library uses them, and TLS over sockets.

use std::{net::SocketAddr, sync::Arc};

use danube_wasm_tests::rig::{Authority, Rig};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};
use tokio_rustls::TlsAcceptor;
use toml::Table;

use super::{Bystander, Closed, Row, attempt, probe};

const NO: &str = "PermissionDenied: ";
const INVALID: &str = "InvalidInput: ";

#[tokio::test]
async fn are_refused_unless_granted() {
    let rig = Rig::start().await;
    let (topic, closed, bystander) = (rig.topic().await, Closed::new(), Bystander::new(&rig).await);
    let connector = probe(&rig, &topic);
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let port = closed.addr().port();
    let endpoint = rig.endpoint.url().replace("http://", "");
    let table = [
        ("the closed port", "connect", format!("127.0.0.1:{port}"), NO),
        ("the closed port, IPv6", "connect", format!("[::1]:{port}"), NO),
        ("the closed port, mapped", "connect", format!("[::ffff:127.0.0.1]:{port}"), NO),
        ("the closed port, unspecified", "connect", format!("0.0.0.0:{port}"), NO),
        ("what is granted for HTTP only", "connect", endpoint, NO),
        ("the broker", "connect", rig.broker_url().replace("http://", ""), NO),
        ("the host's own pages", "connect", host.addr().to_string(), NO),
        ("the metadata service", "connect", "169.254.169.254:80".to_owned(), NO),
        ("a public address", "connect", "1.1.1.1:443".to_owned(), NO),
        ("any port", "listen", "0.0.0.0:0".to_owned(), NO),
        ("any port of loopback", "listen", "127.0.0.1:0".to_owned(), NO),
        ("any port, IPv6", "listen", "[::]:0".to_owned(), NO),
        ("any port", "bind_udp", "0.0.0.0:0".to_owned(), NO),
        ("any port of loopback", "bind_udp", "127.0.0.1:0".to_owned(), NO),
        ("the closed port", "send_udp", format!("127.0.0.1:{port}"), NO),
        ("a name server", "send_udp", "8.8.8.8:53".to_owned(), NO),
        ("localhost", "resolve", "localhost".to_owned(), ""),
        ("a name that carries data out", "resolve", "c2VjcmV0.evil.test".to_owned(), ""),
    ];
    let row = |(name, verb, at, expected): &(&str, &str, String, &str)| {
        Row::new(format!("{verb}: {name}"), json!({ *verb: at }), *expected)
    };
    attempt(&rig, &topic, &table.iter().map(row).collect::<Vec<_>>()).await;
    closed.was_left_alone();
    bystander.goes_on(&rig, &host).await;
    assert_eq!(super::status(&host, &connector).await["phase"], "running");
}

/// Gives back what it gets.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = [0; 1000];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// On loopback. With a certificate it speaks TLS.
async fn server(certificate: Option<(String, String)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let acceptor = certificate.map(|(certificate, key)| {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => echo(stream).await,
                    // A client that does not trust it hangs up.
                    Some(acceptor) => drop(acceptor.accept(stream).await.map(echo).map(tokio::spawn)),
                }
            });
        }
    });
    at
}

/// Answers a datagram, after somebody else who has nothing to do with it has sent one.
async fn friend_and_stranger() -> SocketAddr {
    let (friend, stranger) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let at = friend.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 100];
        while let Ok((_, from)) = friend.recv_from(&mut buffer).await {
            stranger.send_to(b"stranger", from).await.unwrap();
            friend.send_to(b"friend", from).await.unwrap();
        }
    });
    at
}

fn grant(url: String, ca: Option<&Authority>) -> Table {
    let mut grant = Table::new();
    grant.insert("url".to_owned(), url.into());
    if let Some(ca) = ca {
        grant.insert("ca_cert".to_owned(), ca.path("ca.pem").to_str().unwrap().into());
    }
    grant
}

fn rows(table: Vec<(&str, Value, &str)>) -> Vec<Row> {
    table.into_iter().map(|(name, attempt, expected)| Row::new(name, attempt, expected)).collect()
}

#[tokio::test]
async fn reach_what_is_granted_and_nothing_beside_it() {
    let rig = Rig::start().await;
    let (topic, closed, bystander) = (rig.topic().await, Closed::new(), Bystander::new(&rig).await);
    let (granted, datagrams) = (server(None).await, friend_and_stranger().await);
    let granting = [format!("tcp://localhost:{}", granted.port()), format!("udp://{datagrams}")];
    let connector = probe(&rig, &topic).set("capabilities.sockets", granting.to_vec());
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let (port, other) = (granted.port(), closed.addr().port());
    let connect = |to: &str| json!({ "connect": format!("{to}:{port}") });
    attempt(
        &rig,
        &topic,
        &rows(vec![
            ("an address whose name was not looked up", connect("127.0.0.1"), NO),
            ("the granted name", connect("localhost"), "connected"),
            ("its address", connect("127.0.0.1"), "connected"),
            ("the granted name in capitals", connect("LocalHost"), "connected"),
            ("the same address, IPv6", connect("[::1]"), NO),
            ("the same address, mapped", connect("[::ffff:127.0.0.1]"), INVALID),
            ("another loopback address", connect("127.0.0.2"), NO),
            ("any address of the machine", connect("0.0.0.0"), INVALID),
            ("any address of the machine, IPv6", connect("[::]"), INVALID),
            ("another port of the name", json!({ "connect": format!("localhost:{other}") }), NO),
            ("another port of the address", json!({ "connect": format!("127.0.0.1:{other}") }), NO),
            ("what is granted for UDP", json!({ "connect": datagrams.to_string() }), NO),
            ("the metadata service", json!({ "connect": "169.254.169.254:80" }), NO),
            ("a rooted name", connect("localhost."), NO),
            ("a name below it", connect("a.localhost"), NO),
            ("a name that ends in it", connect("evil-localhost"), NO),
            ("a name that begins with it", connect("localhost.evil.test"), NO),
            ("a name that looks like it", connect("l\u{43e}calhost"), NO),
            ("a name that carries data out", json!({ "resolve": "c2VjcmV0.evil.test" }), NO),
            ("a name with a line end", json!({ "resolve": "localhost\nevil.test" }), INVALID),
            ("a long name", json!({ "resolve": "a.".repeat(1000) }), INVALID),
            ("a granted address as a name", json!({ "resolve": "0x7f.1" }), "found [127.0.0.1]"),
            ("listening", json!({ "listen": format!("127.0.0.1:{other}") }), NO),
            ("listening on any port", json!({ "listen": "0.0.0.0:0" }), NO),
            ("a port of its own", json!({ "bind": "0.0.0.0:4444" }), "access-denied"),
            ("an address of its own", json!({ "bind": "127.0.0.1:0" }), "access-denied"),
            ("no address of its own", json!({ "bind": "0.0.0.0:0" }), "bound"),
            ("a UDP port of its own", json!({ "bind_udp": "0.0.0.0:4444" }), NO),
            ("a UDP address of its own", json!({ "bind_udp": "127.0.0.1:0" }), NO),
            ("a datagram to the granted place", json!({ "ask_udp": datagrams.to_string() }), "got \"friend\""),
            ("a datagram to what is granted for TCP", json!({ "send_udp": format!("127.0.0.1:{port}") }), NO),
            ("a datagram to another port", json!({ "send_udp": format!("127.0.0.1:{other}") }), NO),
            ("a datagram to everybody", json!({ "send_udp": format!("255.255.255.255:{}", datagrams.port()) }), NO),
            ("a datagram to a group", json!({ "send_udp": format!("224.0.0.1:{}", datagrams.port()) }), NO),
            ("a datagram to a name server", json!({ "send_udp": "8.8.8.8:53" }), NO),
        ]),
    )
    .await;
    closed.was_left_alone();
    bystander.goes_on(&rig, &host).await;
    assert_eq!(super::status(&host, &connector).await["phase"], "running");
}

#[tokio::test]
async fn are_not_hoarded() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let granted = server(None).await;
    let connector = probe(&rig, &topic).set("capabilities.sockets", vec![format!("tcp://{granted}")]);
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    attempt(
        &rig,
        &topic,
        &rows(vec![
            ("connections", json!({ "connect_all": { "to": granted.to_string(), "count": 40 } }), "40 x connected"),
            ("sockets", json!({ "sockets": { "count": 5000 } }), "24 x made; 4976 x new-socket-limit"),
            ("one more", json!({ "connect": granted.to_string() }), "Uncategorized: No file descriptors available"),
            ("lookups", json!({ "resolve_all": { "name": "127.0.0.1", "count": 500 } }), "500 x begun"),
        ]),
    )
    .await;
    let labels = format!(r#"connector="{}",limit="open_connections""#, connector.name());
    assert_eq!(host.count("danube_wasm_limit_hits_total", &labels), 4977.0);
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn speak_tls_with_granted_servers_that_can_show_who_they_are() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let (trusted, foreign) = (Authority::new(), Authority::new());
    let right = server(Some(trusted.issue_for(&["localhost"]))).await;
    let wrong = server(Some(trusted.issue_for(&["other.test"]))).await;
    let unknown = server(Some(foreign.issue_for(&["localhost"]))).await;
    let (plain, public) = (server(None).await, server(Some(trusted.issue_for(&["localhost"]))).await);
    let ports = [right, wrong, unknown, plain].map(|at| at.port());
    let named = ports.map(|port| grant(format!("tcp://localhost:{port}"), Some(&trusted)));
    let addressed = [right, wrong, unknown, plain, public].map(|at| grant(format!("tcp://{at}"), None));
    let connector = probe(&rig, &topic).set("capabilities.sockets", [&named[..], &addressed[..]].concat());
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let tls = |to: SocketAddr, server: &str| json!({ "tls": { "to": to.to_string(), "server": server } });
    attempt(
        &rig,
        &topic,
        &rows(vec![
            ("the right one", tls(right, "localhost"), "established: hello"),
            (
                "one with another's certificate",
                tls(wrong, "localhost"),
                "tls: invalid peer certificate: certificate not valid for name",
            ),
            ("one that nobody knows", tls(unknown, "localhost"), "tls: invalid peer certificate: BadSignature"),
            ("one that speaks no TLS", tls(plain, "localhost"), "tls: received unexpected handshake message"),
            ("by the name in the certificate", tls(wrong, "other.test"), "tls: TLS with `other.test` is not granted"),
            ("by a name below", tls(right, "a.localhost"), "tls: TLS with `a.localhost` is not granted"),
            ("by the rooted name", tls(right, "localhost."), "tls: TLS with `localhost.` is not granted"),
            ("by a name that is none", tls(right, "local host"), "tls: not the name of a server"),
            ("by a name with more behind it", tls(right, "localhost\0.evil.test"), "tls: not the name of a server"),
            // Of the public authorities, as that grant says nothing else.
            ("by the address", tls(public, "127.0.0.1"), "tls: invalid peer certificate: UnknownIssuer"),
            ("by another address", tls(right, "169.254.169.254"), "tls: TLS with `169.254.169.254` is not granted"),
        ]),
    )
    .await;
    let count = |outcome: &str| {
        let labels = format!(r#"connector="{}",attempt="tls",outcome="{outcome}""#, connector.name());
        host.count("danube_wasm_sockets_total", &labels)
    };
    assert_eq!(["allowed", "failed", "denied"].map(count), [1.0, 4.0, 4.0]);
    bystander.goes_on(&rig, &host).await;
}
