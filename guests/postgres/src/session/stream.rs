//! TLS by the host, as the client wants it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use danube_sink::{
    Error,
    net::{Corked, TcpStream, TlsStream},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{self, ChannelBinding, TlsConnect};

/// Does TLS with the server of this name once it has agreed to.
pub(super) struct HostTls<'a>(pub(super) &'a str);

/// A connection with TLS.
pub(super) struct Secure(Corked<TlsStream>);

impl<'a> TlsConnect<Corked<TcpStream>> for HostTls<'a> {
    type Stream = Secure;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secure>> + 'a>>;

    fn connect(self, stream: Corked<TcpStream>) -> Self::Future {
        Box::pin(async move { stream.into_tls(self.0).await.map(Secure) })
    }
}

impl tls::TlsStream for Secure {
    fn channel_binding(&self) -> ChannelBinding {
        // The host does not say which certificate the server has shown.
        ChannelBinding::none()
    }
}

impl AsyncRead for Secure {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secure {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Why there is no connection.
pub(super) fn unreachable(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Error::fatal(
            "not granted\nhelp: `sockets` under `[capabilities]` must have this host and port; the host's log has the line",
        );
    }
    Error::retryable(error.to_string())
}
