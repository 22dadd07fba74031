//! What stands here outside of a component, where nothing connects.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        // Nothing but time passes here.
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Ends after a while.
pub struct Sleep(Option<Instant>);

/// Waits for so long.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep(Instant::now().checked_add(duration))
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.is_some_and(|end| Instant::now() >= end) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A connection.
#[derive(Debug)]
pub enum TcpStream {}

/// A connection with TLS over it.
#[derive(Debug)]
pub enum TlsStream {}

impl TcpStream {
    /// Connects to a host.
    ///
    /// # Errors
    ///
    /// Always, outside of a component.
    pub async fn connect(_: &str, _: u16) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there are no connections outside of a component"))
    }

    /// Begins TLS.
    ///
    /// # Errors
    ///
    /// When there is no session.
    pub async fn into_tls(self, _: &str) -> io::Result<TlsStream> {
        match self {}
    }
}

macro_rules! tokio_stream {
    ($stream:ty) => {
        impl AsyncRead for $stream {
            fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match *self {}
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
                match *self {}
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                match *self {}
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                match *self {}
            }
        }
    };
}
tokio_stream!(TcpStream);
tokio_stream!(TlsStream);
