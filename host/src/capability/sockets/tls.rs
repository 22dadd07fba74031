//! TLS that the host does for a guest over one of its sockets: by rustls, for the servers that grants name, as those grants
//! say.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};
use tokio_rustls::{TlsConnector, client};
use wasmtime_wasi_tls::{Error, TlsProvider, TlsStream, TlsTransport};

use super::{SocketSession, decide, session::host, stats::count};
use crate::capability::{destination::Scheme, limit::Limit, tls::TlsOptions};

/// How TLS is spoken by which grant.
#[derive(Debug)]
pub(super) struct Clients {
    /// Where no grant says anything.
    plain: Arc<ClientConfig>,
    /// By the place of the grant in the list.
    own: Vec<Option<Arc<ClientConfig>>>,
}

impl Clients {
    pub(super) fn new(grants: &[Option<TlsOptions>]) -> io::Result<Self> {
        let client = |options: &TlsOptions| options.client(&[]).map(Arc::new);
        let own = grants.iter().map(|options| options.as_ref().map(client).transpose());
        Ok(Self { plain: client(&TlsOptions::default())?, own: own.collect::<io::Result<_>>()? })
    }

    /// For a server that these grants name. The host does not know by which of them the socket below was opened: the first
    /// that says something counts.
    fn of(&self, grants: &[usize]) -> Arc<ClientConfig> {
        let own = grants.iter().find_map(|index| self.own.get(*index)?.as_ref());
        own.unwrap_or(&self.plain).clone()
    }
}

/// The TLS of one instance.
#[derive(Debug)]
pub struct GuestTls(SocketSession);

impl GuestTls {
    /// For the sockets of `session`.
    pub fn new(session: SocketSession) -> Self {
        Self(session)
    }

    /// What a handshake with `server` needs.
    fn admit(&self, server: &str) -> Result<Admitted, Error> {
        let sockets = self.0.sockets();
        let name = host(server).ok_or_else(|| Error::msg("not the name of a server"))?;
        let grants = match decide::named(&sockets.grants, &[Scheme::Tcp], &name) {
            Ok(grants) => grants,
            Err(denial) => {
                let subject = format!("TLS with {name}");
                let Some(observer) = sockets.observe(&name, &subject, &denial) else {
                    count(&sockets.stats.tls_denied);
                    sockets.deny(&subject, &denial);
                    return Err(Error::msg(format!("TLS with `{name}` is not granted")));
                };
                observer.lookup(&name);
                Vec::new()
            }
        };
        let permit = self.0.tls_permits().clone().try_acquire_owned().map_err(|_| {
            sockets.hits.hit(Limit::OpenSockets);
            Error::msg(format!("the instance has {} TLS sessions open, which is its limit", sockets.open))
        })?;
        let server = ServerName::try_from(name.to_string().trim_matches(['[', ']'])).map(|name| name.to_owned());
        let server = server.map_err(|_| Error::msg("not the name of a server"))?;
        Ok(Admitted { server, config: sockets.tls.of(&grants), permit })
    }
}

struct Admitted {
    server: ServerName<'static>,
    config: Arc<ClientConfig>,
    permit: OwnedSemaphorePermit,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn TlsStream>, Error>> + Send>>;

impl TlsProvider for GuestTls {
    fn connect(&self, server_name: String, transport: Box<dyn TlsTransport>) -> Connecting {
        let (admitted, stats) = (self.admit(&server_name), self.0.sockets().stats().clone());
        Box::pin(async move {
            let Admitted { server, config, permit } = admitted?;
            let stream = TlsConnector::from(config).connect(server, transport).await;
            count(if stream.is_ok() { &stats.tls_allowed } else { &stats.tls_failed });
            Ok(Box::new(Session { stream: stream?, _permit: permit }) as Box<dyn TlsStream>)
        })
    }
}

/// An established session, which counts until it is gone.
struct Session {
    stream: client::TlsStream<Box<dyn TlsTransport>>,
    _permit: OwnedSemaphorePermit,
}

impl TlsStream for Session {}

impl AsyncRead for Session {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Session {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
