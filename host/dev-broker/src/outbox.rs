//! What waits to be written to one consumer, and the stream that a `ReceiveMessages` call is answered with. At most one
//! stream at a time belongs to a consumer: a later one ends the earlier.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::Stream;
use tonic::Status;

use crate::record::{Record, lock};

/// The queue of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The number of the stream that is entitled to read; 0 if none is.
    session: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Arc<Record>>,
    waker: Option<Waker>,
    sessions: u64,
    /// What the current stream is ended with.
    end: Option<Result<(), Status>>,
}

impl Outbox {
    /// Queues a record.
    pub(crate) fn push(&self, record: Arc<Record>) {
        let waker = {
            let mut inner = lock(&self.inner);
            inner.queue.push_back(record);
            inner.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Queues a record unless `limit` of them wait already. Returns whether it did.
    pub(crate) fn try_push(&self, record: &Arc<Record>, limit: usize) -> bool {
        let full = lock(&self.inner).queue.len() >= limit;
        if !full {
            self.push(Arc::clone(record));
        }
        !full
    }

    /// Forgets what was queued: it will be queued again.
    pub(crate) fn clear(&self) {
        lock(&self.inner).queue.clear();
    }

    /// Entitles a new stream and ends the one before.
    fn open(&self) -> u64 {
        let mut inner = lock(&self.inner);
        inner.sessions += 1;
        inner.end = None;
        self.session.store(inner.sessions, Ordering::Release);
        let waker = inner.waker.take();
        let session = inner.sessions;
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
        session
    }

    /// Ends the current stream in good order. It goes unheard, as if a later one had taken over.
    pub(crate) fn revoke(&self) {
        let waker = {
            let mut inner = lock(&self.inner);
            self.session.store(0, Ordering::Release);
            inner.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the current stream: in good order, or with a status. Returns whether there was one.
    pub(crate) fn end(&self, with: Result<(), Status>) -> bool {
        let mut inner = lock(&self.inner);
        let streaming = self.session.load(Ordering::Acquire) != 0;
        inner.end = streaming.then_some(with);
        let waker = inner.waker.take();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
        streaming
    }

    /// Whether a stream is entitled to read.
    pub(crate) fn is_streaming(&self) -> bool {
        self.session.load(Ordering::Acquire) != 0
    }

    /// A stream is gone. Returns whether it was the entitled one.
    fn close(&self, session: u64) -> bool {
        let mut inner = lock(&self.inner);
        let entitled = self.session.compare_exchange(session, 0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if entitled {
            inner.end = None;
            inner.waker = None;
        }
        entitled
    }
}

/// Called when the entitled stream of a consumer is gone.
pub(crate) type OnGone = Box<dyn FnOnce() + Send>;

/// The answer to a `ReceiveMessages` call.
pub(crate) struct RecordStream {
    outbox: Arc<Outbox>,
    session: u64,
    /// Taken from the queue in one go, so that a record costs no lock.
    buffer: VecDeque<Arc<Record>>,
    on_gone: Option<OnGone>,
}

impl RecordStream {
    /// Takes over the stream of the consumer that the outbox belongs to.
    pub(crate) fn open(outbox: Arc<Outbox>, on_gone: OnGone) -> Self {
        let session = outbox.open();
        Self { outbox, session, buffer: VecDeque::new(), on_gone: Some(on_gone) }
    }

    fn poll_queue(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Record, Status>>> {
        let mut inner = lock(&self.outbox.inner);
        if self.outbox.session.load(Ordering::Acquire) != self.session {
            return Poll::Ready(None);
        }
        if let Some(end) = inner.end.take() {
            return Poll::Ready(end.err().map(Err));
        }
        std::mem::swap(&mut inner.queue, &mut self.buffer);
        match self.buffer.pop_front() {
            Some(record) => Poll::Ready(Some(Ok(Record::clone(&record)))),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for RecordStream {
    type Item = Result<Record, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.outbox.session.load(Ordering::Acquire) == self.session
            && let Some(record) = self.buffer.pop_front()
        {
            return Poll::Ready(Some(Ok(Record::clone(&record))));
        }
        self.poll_queue(cx)
    }
}

impl Drop for RecordStream {
    fn drop(&mut self) {
        if self.outbox.close(self.session)
            && let Some(on_gone) = self.on_gone.take()
        {
            on_gone();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn stream(outbox: &Arc<Outbox>) -> RecordStream {
        RecordStream::open(Arc::clone(outbox), Box::new(|| {}))
    }

    #[tokio::test]
    async fn a_later_stream_ends_the_earlier_and_gets_what_is_queued() {
        let outbox = Arc::new(Outbox::default());
        let mut first = stream(&outbox);
        assert!(first.next().now_or_never().is_none());
        let mut second = stream(&outbox);
        outbox.push(Arc::default());
        assert!(first.next().await.is_none());
        assert!(second.next().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_stream_is_ended_with_a_status_and_tells_that_it_is_gone() {
        let outbox = Arc::new(Outbox::default());
        let (gone, mut heard) = tokio::sync::oneshot::channel();
        let mut stream = RecordStream::open(Arc::clone(&outbox), Box::new(move || gone.send(()).unwrap()));
        assert!(outbox.end(Err(Status::unavailable("x"))));
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Unavailable);
        assert!(heard.try_recv().is_err());
        drop(stream);
        heard.await.unwrap();
        assert!(!outbox.end(Ok(())));
    }

    #[test]
    fn a_stream_that_was_taken_over_goes_unheard() {
        let outbox = Arc::new(Outbox::default());
        let first = RecordStream::open(Arc::clone(&outbox), Box::new(|| panic!("not the entitled stream")));
        let second = RecordStream::open(Arc::clone(&outbox), Box::new(|| panic!("revoked")));
        drop(first);
        outbox.revoke();
        drop(second);
        assert!(!outbox.end(Ok(())));
    }
}
