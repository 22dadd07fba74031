//! Response bodies that count their bytes and end in an error when there are too many, or when they take too long.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

use super::{BoxError, Gate};
use crate::capability::limit::Limit;

/// A body was larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body of the {side} is larger than {limit} bytes")]
pub(super) struct TooLarge {
    pub(super) side: Side,
    pub(super) limit: u64,
}

/// A body took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response was not complete in time")]
pub(super) struct TooLate;

/// Whose body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// Bytes that may still come: of one response, or of all responses to one call.
#[derive(Debug)]
pub(super) struct Room {
    left: AtomicU64,
    pub(super) limit: u64,
}

impl Room {
    pub(super) fn new(limit: u64) -> Self {
        Self { left: limit.into(), limit }
    }

    /// Takes `bytes`; false if there is not so much room.
    pub(super) fn take(&self, bytes: u64) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A response body that a guest reads piece by piece.
#[derive(Debug)]
pub(super) struct Metered<B> {
    inner: B,
    room: Room,
    gate: Arc<Gate>,
    watch: Watch,
}

/// What a response body holds until it is read: its share of the session, and its deadlines.
#[derive(Debug)]
struct Watch {
    _permit: OwnedSemaphorePermit,
    until: Pin<Box<Sleep>>,
    between: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl<B> Metered<B> {
    /// It must be complete within `rest`, and no piece may take longer than `between`.
    pub(super) fn new(
        inner: B,
        gate: Arc<Gate>,
        permit: OwnedSemaphorePermit,
        rest: Duration,
        between: Option<Duration>,
    ) -> Self {
        let between = between.map(|pause| (pause, Box::pin(tokio::time::sleep(pause))));
        let watch = Watch { _permit: permit, until: Box::pin(tokio::time::sleep(rest)), between };
        Self { inner, room: Room::new(gate.limits.response_body), gate, watch }
    }

    fn count(&self, bytes: usize) -> Result<(), TooLarge> {
        let Self { room, gate, .. } = self;
        let bytes = bytes as u64;
        gate.stats.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        if room.take(bytes) {
            return Ok(());
        }
        gate.hits.hit(Limit::HttpResponseBody);
        Err(TooLarge { side: Side::Response, limit: room.limit })
    }
}

impl Watch {
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((_, pause)) = &mut self.between
            && pause.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        self.until.as_mut().poll(cx)
    }

    fn progress(&mut self) {
        if let Some((length, pause)) = &mut self.between {
            pause.as_mut().reset(Instant::now() + *length);
        }
    }
}

impl<B> Body for Metered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            return this.watch.poll_late(cx).map(|()| Some(Err(TooLate.into())));
        };
        this.watch.progress();
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(Into::into)?;
            this.count(frame.data_ref().map_or(0, Bytes::len))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
