//! The two halves of a connection, with tokio's traits.

use std::{
    io,
    task::{Context, Poll, ready},
};

use tokio::io::ReadBuf;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::reactor::Interest;

/// What is asked for in one read at most.
const READ_BYTES: usize = 64 << 10;

/// What is read and written by. Fields are in the order in which they must be dropped.
pub(super) struct Halves {
    readable: Option<Interest>,
    writable: Option<Interest>,
    flushing: bool,
    input: InputStream,
    output: OutputStream,
}

impl Halves {
    pub(super) fn new(input: InputStream, output: OutputStream) -> Self {
        Self { readable: None, writable: None, flushing: false, input, output }
    }

    /// The streams, with nothing left that waits for them.
    pub(super) fn into_parts(self) -> (InputStream, OutputStream) {
        let Self { readable, writable, flushing: _, input, output } = self;
        drop((readable, writable));
        (input, output)
    }

    pub(super) fn poll_read(&mut self, context: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wanted = buffer.remaining().min(READ_BYTES);
        loop {
            match self.input.read(wanted as u64) {
                Ok(bytes) if bytes.is_empty() && wanted > 0 => {
                    let input = &self.input;
                    ready!(self.readable.get_or_insert_with(|| Interest::new(input.subscribe())).poll(context));
                }
                Ok(bytes) => {
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                // The other side has ended.
                Err(StreamError::Closed) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(failed(&error))),
            }
        }
    }

    pub(super) fn poll_write(&mut self, context: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let room = ready!(self.poll_room(context))?.min(bytes.len());
        self.flushing = false;
        Poll::Ready(self.output.write(&bytes[..room]).map(|()| room).map_err(|error| failed(&error)))
    }

    pub(super) fn poll_flush(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if !self.flushing {
            self.output.flush().map_err(|error| failed(&error))?;
            self.flushing = true;
        }
        // There is no room until all is out.
        ready!(self.poll_room(context))?;
        self.flushing = false;
        Poll::Ready(Ok(()))
    }

    /// Waits until the stream takes some bytes.
    fn poll_room(&mut self, context: &Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.output.check_write() {
                Ok(0) => {
                    let output = &self.output;
                    ready!(self.writable.get_or_insert_with(|| Interest::new(output.subscribe())).poll(context));
                }
                Ok(room) => return Poll::Ready(Ok(usize::try_from(room).unwrap_or(usize::MAX))),
                Err(error) => return Poll::Ready(Err(failed(&error))),
            }
        }
    }
}

fn failed(error: &StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => {
            io::Error::new(io::ErrorKind::ConnectionReset, error.to_debug_string())
        }
    }
}

/// Tokio's traits for what has its halves in the field `halves`, and `fn end(&mut self)` for the end of what is written.
macro_rules! tokio_stream {
    ($stream:ty) => {
        impl tokio::io::AsyncRead for $stream {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                buffer: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.halves.poll_read(context, buffer)
            }
        }

        impl tokio::io::AsyncWrite for $stream {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.halves.poll_write(context, bytes)
            }

            fn poll_flush(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.halves.poll_flush(context)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::ready!(self.halves.poll_flush(context))?;
                std::task::Poll::Ready(self.end())
            }
        }
    };
}
pub(super) use tokio_stream;
