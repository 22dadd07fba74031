//! What is written together goes out together.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{TcpStream, TlsStream};

/// So many bytes are held back at most.
const MOST: usize = 1 << 20;

/// A stream that sends together what is written together, for protocol libraries that write in pieces.
///
/// A small piece that follows another waits in the kernel until the one ahead of it is acknowledged, which the other side does
/// after some 40 ms if it has nothing to say (Nagle's algorithm, delayed acknowledgements). WASI has no `TCP_NODELAY`. Here a
/// flush waits until the task has been polled once more, and takes along what it writes meanwhile; whoever begins a flush
/// must see it to its end, or the bytes stay here. Without a flush, what is written goes out when a read finds nothing, or
/// beyond 1 MiB. What is still held when the stream is dropped is lost.
#[derive(Debug)]
pub struct Corked<S> {
    inner: S,
    held: Vec<u8>,
    /// How much of it is on its way.
    sent: usize,
    /// Whether a flush has been asked for since the last write.
    is_asked: bool,
}

impl<S> Corked<S> {
    /// Around a stream that nothing has been written to, or that has been flushed.
    pub fn new(inner: S) -> Self {
        Self { inner, held: Vec::new(), sent: 0, is_asked: false }
    }
}

impl Corked<TcpStream> {
    /// Begins TLS, as [`TcpStream::into_tls`] does, once everything is sent.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn into_tls(self, server: &str) -> io::Result<Corked<TlsStream>> {
        self.inner.into_tls(server).await.map(Corked::new)
    }
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.held.len() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, &self.held[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.held.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if read.is_pending()
            && !self.is_asked
            && let Poll::Ready(Err(error)) = self.poll_send(context)
        {
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.held.len() >= MOST {
            ready!(self.poll_send(context))?;
        }
        let taken = bytes.len().min(MOST - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        self.is_asked = false;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_asked && !self.held.is_empty() {
            self.is_asked = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Never has anything to read, and notes what is written.
    #[derive(Default)]
    struct Other {
        written: Vec<Vec<u8>>,
        is_full: bool,
        is_closed: bool,
    }

    impl AsyncRead for Other {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Other {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            if self.is_full {
                return Poll::Pending;
            }
            self.written.push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.is_closed = true;
            Poll::Ready(Ok(()))
        }
    }

    /// What a task does that is polled.
    struct Task(Corked<Other>);

    impl Task {
        fn new() -> Self {
            Self(Corked::new(Other::default()))
        }

        fn polled<T>(
            &mut self,
            poll: impl FnOnce(Pin<&mut Corked<Other>>, &mut Context<'_>) -> Poll<io::Result<T>>,
        ) -> Option<T> {
            match poll(Pin::new(&mut self.0), &mut Context::from_waker(Waker::noop())) {
                Poll::Ready(done) => Some(done.expect("nothing fails")),
                Poll::Pending => None,
            }
        }

        fn write(&mut self, bytes: &[u8]) -> Option<usize> {
            self.polled(|stream, context| stream.poll_write(context, bytes))
        }

        fn is_flushed(&mut self) -> bool {
            self.polled(AsyncWrite::poll_flush).is_some()
        }

        fn read(&mut self) {
            let read = self.polled(|stream, context| stream.poll_read(context, &mut ReadBuf::new(&mut [0])));
            assert!(read.is_none());
        }

        fn sent(&self) -> Vec<&[u8]> {
            self.0.inner.written.iter().map(Vec::as_slice).collect()
        }
    }

    #[test]
    fn what_is_written_until_the_task_has_nothing_more_goes_out_in_one_piece() {
        let mut task = Task::new();
        assert!(task.is_flushed());
        for piece in [&b"a"[..], b"b", b"c"] {
            task.read();
            assert_eq!(task.write(piece), Some(1));
            assert!(!task.is_flushed());
        }
        assert!(task.sent().is_empty());
        task.read();
        assert!(task.is_flushed());
        assert_eq!(task.sent(), [b"abc"]);
    }

    #[test]
    fn whoever_waits_for_an_answer_without_a_flush_has_sent_the_question() {
        let mut task = Task::new();
        task.write(b"a");
        task.read();
        assert_eq!(task.sent(), [b"a"]);
    }

    #[test]
    fn no_more_than_the_most_is_held_and_nothing_is_lost() {
        let mut task = Task::new();
        task.0.inner.is_full = true;
        assert_eq!(task.write(&vec![1; MOST + 1]), Some(MOST));
        assert_eq!(task.write(b"2"), None);
        assert!(!task.is_flushed() && !task.is_flushed());
        task.0.inner.is_full = false;
        assert_eq!(task.write(b"2"), Some(1));
        assert_eq!(task.polled(AsyncWrite::poll_shutdown), Some(()));
        assert!(task.0.inner.is_closed);
        assert_eq!(task.sent().iter().map(|piece| piece.len()).collect::<Vec<_>>(), [MOST, 1]);
    }
}
