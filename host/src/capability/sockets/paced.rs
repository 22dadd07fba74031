//! What a guest writes to a connection, at the connector's rate: the bytes are charged when they are written, and what comes
//! next waits until they are paid for.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use wasmtime_wasi::{
    async_trait,
    p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult},
};

use crate::capability::rate::Rate;

/// What is written at once, in bytes.
const PIECE: usize = 16 * 1024;

/// A stream that keeps to a rate.
pub(super) struct Paced {
    inner: DynOutputStream,
    rate: Arc<Rate>,
    /// Before this nothing more is written.
    until: Option<Instant>,
    /// What the guest was told that it may write.
    permit: usize,
}

impl Paced {
    pub(super) fn new(inner: DynOutputStream, rate: Arc<Rate>) -> Self {
        Self { inner, rate, until: None, permit: 0 }
    }
}

#[async_trait]
impl OutputStream for Paced {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // Otherwise a guest that never asks would never wait.
        if bytes.len() > self.permit {
            return Err(StreamError::trap("write exceeds what check-write permitted"));
        }
        self.permit = 0;
        self.until = self.rate.spend(bytes.len() as u64);
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let room = self.inner.check_write()?;
        let waits = self.until.is_some_and(|until| until > Instant::now());
        self.permit = if waits { 0 } else { room.min(PIECE) };
        Ok(self.permit)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for Paced {
    async fn ready(&mut self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
        }
        self.inner.ready().await;
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

    use super::*;
    use crate::capability::limit::{Limit, LimitHits};

    #[tokio::test(start_paused = true)]
    async fn what_is_written_is_paid_for_before_more_is() {
        let hits = Arc::new(LimitHits::new("orders"));
        let rate = Arc::new(Rate::new(1000, hits.clone()));
        let written = MemoryOutputPipe::new(100_000);
        let mut stream = Paced::new(Box::new(written.clone()), rate.clone());
        let start = Instant::now();
        assert_eq!(stream.check_write().unwrap(), PIECE);
        stream.write(vec![1; 1000].into()).unwrap();
        assert_eq!((stream.check_write().unwrap(), hits.count(Limit::BytesOutPerSecond)), (PIECE, 0));
        stream.write(vec![2; 500].into()).unwrap();
        assert_eq!((stream.check_write().unwrap(), hits.count(Limit::BytesOutPerSecond)), (0, 1));
        assert!(matches!(stream.write(vec![3].into()), Err(StreamError::Trap(_))));
        assert_eq!(stream.write_ready().await.unwrap(), PIECE);
        assert_eq!(start.elapsed().as_millis(), 500);
        // Closing gives nothing back: the bytes are gone.
        stream.write(vec![4; 2000].into()).unwrap();
        drop(stream);
        rate.take(1).await;
        assert_eq!((start.elapsed().as_millis(), written.contents().len()), (2501, 3500));
    }

    #[tokio::test]
    async fn nobody_writes_unasked() {
        let rate = Arc::new(Rate::new(1000, Arc::new(LimitHits::new("orders"))));
        let mut stream = Paced::new(Box::new(MemoryOutputPipe::new(100)), rate);
        assert!(matches!(stream.write(vec![1].into()), Err(StreamError::Trap(_))));
        stream.blocking_write_and_flush(vec![1; 10].into()).await.unwrap();
    }
}
