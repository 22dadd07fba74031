//! TLS by the host, against a real server on loopback.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, Pollable};
use wasmtime_wasi_tls::p2::{
    HostClientConnection,
    bindings::types::{HostClientConnection as _, HostClientHandshake as _, HostFutureClientStreams as _},
};

use super::*;
use crate::capability::tls::{TlsOptions, TlsVersion};

/// An authority and a server that gives back what it gets, known by `names` to those who trust it.
async fn server(names: &[&str]) -> (SocketAddr, CertificateDer<'static>) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = [0; 1000];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    stream.write_all(&buffer[..read]).await.unwrap();
                }
            });
        }
    });
    (address, authority.der().clone())
}

/// Grants of these names at the port of `at`, the first of them with an authority.
fn granted(at: SocketAddr, names: &[&str], authority: Option<CertificateDer<'static>>) -> SocketOptions {
    let grants: Vec<_> = names.iter().map(|name| format!("tcp://{name}:{}", at.port())).collect();
    let mut options = named(&grants.iter().map(String::as_str).collect::<Vec<_>>(), |_| vec![ip("127.0.0.1")]);
    options.grants[0].tls =
        authority.map(|authority| TlsOptions { authorities: vec![authority], ..TlsOptions::default() });
    options
}

type Tls = (Resource<HostClientConnection>, Resource<DynInputStream>, Resource<DynOutputStream>);

/// A handshake over a new connection; the guest drops the socket below it.
async fn handshake(guest: &mut Guest, at: SocketAddr, server_name: &str) -> Result<Tls, String> {
    guest.session.lookup("db.internal").await.unwrap();
    let stream = guest.connect(at).await.unwrap();
    let handshake = guest.tls().new(server_name.into(), stream.input, stream.output).unwrap();
    guest.view().wasi.drop(stream.socket).unwrap();
    let future = guest.tls().finish(handshake).unwrap();
    guest.table.get_mut(&future).unwrap().ready().await;
    let outcome = guest.tls().get(again(&future)).unwrap().unwrap().unwrap();
    guest.table.delete(future).unwrap();
    outcome.map_err(|error| guest.table.delete(error).unwrap().to_string())
}

#[tokio::test]
async fn a_granted_server_with_the_grant_s_authority_is_spoken_to() {
    let (at, authority) = server(&["db.internal"]).await;
    let sockets = open(granted(at, &["db.internal"], Some(authority)));
    let guest = &mut Guest::new(&sockets);
    let (connection, input, output) = handshake(guest, at, "db.internal").await.unwrap();
    assert_eq!(guest.say(&input, &output, "in secret").await, "in secret\n");
    guest.tls().close_output(connection).unwrap();
    assert_eq!(counted(&sockets), [("lookup", "allowed", 1), ("tcp", "allowed", 1), ("tls", "allowed", 1)]);
}

#[tokio::test]
async fn an_address_can_be_the_server_s_name() {
    let (at, authority) = server(&["127.0.0.1"]).await;
    let sockets = open(granted(at, &["db.internal", "127.0.0.1"], Some(authority.clone())));
    // Its grant has no authority, and the other one's is not for it.
    let refused = handshake(&mut Guest::new(&sockets), at, "127.0.0.1").await.unwrap_err();
    assert!(refused.contains("invalid peer certificate: UnknownIssuer"), "{refused}");

    let sockets = open(granted(at, &["127.0.0.1", "db.internal"], Some(authority)));
    let guest = &mut Guest::new(&sockets);
    let (_, input, output) = handshake(guest, at, "127.0.0.1").await.unwrap();
    assert_eq!(guest.say(&input, &output, "by address").await, "by address\n");
}

#[tokio::test]
async fn whoever_is_not_trusted_or_granted_is_not_spoken_to() {
    let (at, authority) = server(&["db.internal", "evil.example", "Other.internal"]).await;
    let (_, stranger) = server(&["db.internal"]).await;
    let unknown = "UnknownIssuer";
    let table = [
        (granted(at, &["db.internal"], None), "db.internal", unknown),
        (granted(at, &["db.internal"], Some(stranger)), "db.internal", "BadSignature"),
        (
            granted(at, &["db.internal"], Some(authority.clone())),
            "evil.example",
            "TLS with `evil.example` is not granted",
        ),
        (
            granted(at, &["db.internal"], Some(authority.clone())),
            "db.internal.",
            "TLS with `db.internal.` is not granted",
        ),
        (granted(at, &["db.internal"], Some(authority.clone())), "", "not the name of a server"),
        (granted(at, &["db.internal", "wrong.internal"], None), "wrong.internal", unknown),
        (
            granted(at, &["*.x.internal", "db.internal"], Some(authority)),
            "wrong.x.internal",
            "certificate not valid for name",
        ),
    ];
    let (mut denied, mut failed) = (0, 0);
    for (options, server_name, expected) in table {
        let sockets = open(options);
        let error = handshake(&mut Guest::new(&sockets), at, server_name).await.unwrap_err();
        assert!(error.contains(expected), "{server_name}: {error}");
        denied += sockets.stats().tls_denied.load(Ordering::Relaxed);
        failed += sockets.stats().tls_failed.load(Ordering::Relaxed);
    }
    assert_eq!((denied, failed), (2, 4));
}

#[tokio::test]
async fn of_several_grants_the_first_that_says_something_counts() {
    let (at, authority) = server(&["db.internal"]).await;
    let (_, stranger) = server(&["db.internal"]).await;
    let [good, bad] = [authority, stranger].map(|authority| TlsOptions {
        authorities: vec![authority],
        min: TlsVersion::V1_3,
        ..TlsOptions::default()
    });
    let table = [
        ([None, Some(&good), Some(&bad)], true),
        ([Some(&good), None, None], true),
        ([Some(&bad), Some(&good), None], false),
        ([None, None, None], false),
    ];
    for (options, trusted) in table {
        let mut sockets = granted(at, &["*.db.internal", "db.internal", "db.internal"], None);
        // The first names another server; the second is for another port.
        sockets.grants[0].tls = Some(bad.clone());
        let other_port = crate::capability::destination::Grant::parse("tcp://db.internal:1").unwrap();
        sockets.grants.insert(1, super::super::SocketGrant { grant: other_port, tls: None });
        for (grant, options) in sockets.grants[1..].iter_mut().zip(options) {
            grant.tls = options.cloned();
        }
        let sockets = open(sockets);
        assert_eq!(handshake(&mut Guest::new(&sockets), at, "db.internal").await.is_ok(), trusted, "{options:?}");
    }
}

#[tokio::test]
async fn a_session_counts_as_an_open_socket() {
    let (at, authority) = server(&["db.internal"]).await;
    let sockets = open(SocketOptions { open: 2, ..granted(at, &["db.internal"], Some(authority)) });
    let guest = &mut Guest::new(&sockets);
    let first = handshake(guest, at, "db.internal").await.unwrap();
    let second = handshake(guest, at, "db.internal").await.unwrap();
    // The sockets are dropped, but what they were is not.
    assert_eq!(guest.tcp(IpAddressFamily::Ipv4).err(), Some(ErrorCode::NewSocketLimit));
    for (connection, input, output) in [first, second] {
        guest.table.delete(input).unwrap();
        guest.table.delete(output).unwrap();
        guest.table.delete(connection).unwrap();
    }
    // What they leave behind ends in the background.
    while guest.session.tls_permits().available_permits() < 2 {
        tokio::task::yield_now().await;
    }
    handshake(guest, at, "db.internal").await.unwrap();
}
