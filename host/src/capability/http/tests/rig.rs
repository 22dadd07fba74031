//! Servers on loopback that count their connections, and requests in one line.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, serve::Listener};
use bytes::Bytes;
use rustls::{ServerConfig, crypto::ring, pki_types::CertificateDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Gate, GateOptions, Grant, Request, Session};

pub(super) fn gate(options: GateOptions) -> Arc<Gate> {
    Arc::new(Gate::new(options).unwrap())
}

pub(super) fn session(options: GateOptions) -> Session {
    gate(options).session(64 << 20)
}

pub(super) fn options(server: &Server) -> GateOptions {
    GateOptions::new("orders", "orders.toml", vec![Grant::parse(&server.url("")).unwrap()])
}

/// A session that is granted all of `server`.
pub(super) fn open(server: &Server) -> Session {
    session(options(server))
}

pub(super) fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: vec![], body: Bytes::new(), timeout: None }
}

pub(super) fn post(url: &str, body: &str) -> Request {
    Request { method: "POST".into(), body: body.to_owned().into(), ..get(url) }
}

/// A server that reads a request and answers with these bytes, once per connection.
pub(super) async fn raw(answer: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = answer.to_owned();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(super) async fn start(router: Router) -> Self {
        let (counting, connections) = Counting::bind().await;
        Self::serve(counting, connections, router)
    }

    /// Also gives the certificate to trust.
    pub(super) async fn start_tls(router: Router) -> (Self, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        (Self::start_with(config, router).await, certificate)
    }

    pub(super) async fn start_with(config: ServerConfig, router: Router) -> Self {
        let (counting, connections) = Counting::bind().await;
        let listener = Encrypted { counting, acceptor: TlsAcceptor::from(Arc::new(config)) };
        Self::serve(listener, connections, router)
    }

    fn serve<L: Listener<Addr = SocketAddr>>(listener: L, connections: Arc<AtomicUsize>, router: Router) -> Self {
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, connections }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections were accepted so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

struct Counting {
    listener: TcpListener,
    connections: Arc<AtomicUsize>,
}

impl Counting {
    async fn bind() -> (Self, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Arc::<AtomicUsize>::default();
        (Self { listener, connections: connections.clone() }, connections)
    }
}

impl Listener for Counting {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = self.listener.accept().await.unwrap();
        self.connections.fetch_add(1, Ordering::SeqCst);
        accepted
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct Encrypted {
    counting: Counting,
    acceptor: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.counting.accept().await;
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.counting.local_addr()
    }
}
