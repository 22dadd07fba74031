//! The body of a request on its way out, whichever import it came by: as long as was declared, within the limit, at the
//! connector's rate, and without trailers.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::body::{Body, Frame, SizeHint};

use super::{
    BoxError, Error, Gate,
    body::{Room, Side, TooLarge},
    error::broken_body,
};
use crate::capability::limit::Limit;

/// What is sent at once where a rate is kept, in bytes.
const PIECE: usize = 16 * 1024;

/// The body is not as long as its `content-length` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not as long as its `content-length`, {declared} bytes")]
struct OtherLength {
    declared: u64,
}

/// The body ends in trailers. They would pass by the checks on headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("trailers are not sent")]
struct Trailers;

/// Why a body broke off, once it has. The client tells it under HTTP/1.1 only; under HTTP/2 it resets the stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<OnceLock<Error>>);

impl Fault {
    pub(super) fn get(&self) -> Option<&Error> {
        self.0.get()
    }
}

/// A request body that keeps to what the gate allows.
pub(super) struct Sending<B> {
    inner: B,
    gate: Arc<Gate>,
    fault: Fault,
    room: Room,
    /// What was declared, and what of it is still to come.
    declared: Option<(u64, u64)>,
    /// What came and is not sent yet: waiting for its turn, and behind it.
    due: Option<(Bytes, BoxFuture<'static, ()>)>,
    rest: Bytes,
}

impl<B> Sending<B> {
    /// Leaves the reason in `fault` if it fails.
    pub(super) fn new(inner: B, declared: Option<u64>, gate: Arc<Gate>, fault: Fault) -> Self {
        let room = Room::new(gate.limits.request_body);
        let declared = declared.map(|length| (length, length));
        Self { inner, gate, fault, room, declared, due: None, rest: Bytes::new() }
    }

    fn accept(&mut self, frame: Frame<Bytes>) -> Result<Bytes, BoxError> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) if frame.trailers_ref().is_some_and(|trailers| !trailers.is_empty()) => {
                return Err(Trailers.into());
            }
            Err(_) => Bytes::new(),
        };
        let bytes = data.len() as u64;
        if let Some((declared, left)) = &mut self.declared {
            *left = left.checked_sub(bytes).ok_or(OtherLength { declared: *declared })?;
        }
        if !self.room.take(bytes) {
            self.gate.hits.hit(Limit::HttpRequestBody);
            return Err(TooLarge { side: Side::Request, limit: self.room.limit }.into());
        }
        Ok(data)
    }

    fn sent(&self, data: Bytes) -> Frame<Bytes> {
        self.gate.stats.bytes_out.fetch_add(data.len() as u64, Ordering::Relaxed);
        Frame::data(data)
    }

    fn unsent(&self) -> u64 {
        (self.rest.len() + self.due.as_ref().map_or(0, |(data, _)| data.len())) as u64
    }
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self;
        loop {
            if let Some((_, turn)) = &mut this.due {
                ready!(turn.as_mut().poll(cx));
            }
            if let Some((data, _)) = this.due.take() {
                return Poll::Ready(Some(Ok(this.sent(data))));
            }
            if this.rest.is_empty() {
                let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)) else {
                    let short = this.declared.filter(|(_, left)| *left > 0);
                    return Poll::Ready(short.map(|(declared, _)| Err(OtherLength { declared }.into())));
                };
                this.rest = frame.map_err(Into::into).and_then(|frame| this.accept(frame))?;
            } else if let Some(rate) = &this.gate.rate {
                let data = this.rest.split_to(this.rest.len().min(PIECE));
                let turn = rate.clone().take(data.len() as u64);
                this.due = Some((data, Box::pin(turn)));
            } else {
                let data = std::mem::take(&mut this.rest);
                return Poll::Ready(Some(Ok(this.sent(data))));
            }
        }
    }
}

impl<B> Body for Sending<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.poll_next(cx));
        if let Some(Err(error)) = &frame {
            let _ = self.fault.0.set(broken_body(&**error));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.unsent() == 0 && self.declared.is_none_or(|(_, left)| left == 0) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if let Some((_, left)) = self.declared {
            return SizeHint::with_exact(left + self.unsent());
        }
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + self.unsent());
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + self.unsent());
        }
        hint
    }
}
