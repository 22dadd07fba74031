//! The TCP connections of a broker, so that all of them can be cut at once, in the middle of whatever they carry.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::{Stream, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::{error::Error, record::lock};

/// The open connections. Clones speak of the same ones.
#[derive(Debug, Default, Clone)]
pub(crate) struct Connections {
    cut: Arc<Mutex<CancellationToken>>,
    open: Arc<AtomicUsize>,
}

impl Connections {
    /// Closes every connection that is open now. Returns how many there were.
    pub(crate) fn close_all(&self) -> usize {
        let open = self.open.load(Ordering::Acquire);
        std::mem::take(&mut *lock(&self.cut)).cancel();
        open
    }

    /// The connections that `listener` accepts.
    pub(crate) fn accept(&self, listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> + use<> {
        let connections = self.clone();
        TcpListenerStream::new(listener).map(move |accepted| {
            let stream = accepted?;
            stream.set_nodelay(true)?;
            Ok(connections.track(stream))
        })
    }

    fn track(&self, stream: TcpStream) -> Connection {
        self.open.fetch_add(1, Ordering::AcqRel);
        let cut = lock(&self.cut).clone();
        Connection { stream, cut: Box::pin(cut.cancelled_owned()), _counted: Counted(Arc::clone(&self.open)) }
    }
}

/// Listens on an address, which may be that of a listener that has just gone.
pub(crate) async fn listen(addr: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(addr).await.map_err(|source| Error::Listen { addr, source })
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection that fails once it is cut.
pub(crate) struct Connection {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _counted: Counted,
}

impl Connection {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}
