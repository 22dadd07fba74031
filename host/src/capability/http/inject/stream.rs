//! Additions to a request whose body is still being written: where the service wants the body signed it is taken in
//! first, within the room that the session has for that.

use std::sync::Arc;

use ::http::{Request as HttpRequest, request::Parts};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};

use super::{
    super::{Error, Outgoing, Route, Session, body::Room, error::broken_body},
    Payload,
};

/// The room for bodies that a session takes in to sign them: as much as the guest may have memory.
#[derive(Debug, Clone)]
pub(in super::super) struct Buffers(Arc<Room>);

impl Buffers {
    pub(in super::super) fn new(bytes: u64) -> Self {
        Self(Arc::new(Room::new(bytes)))
    }
}

/// A body that was taken in. Gives its room back when the last part of it is sent.
struct Buffered {
    room: Arc<Room>,
    bytes: Vec<u8>,
}

impl Buffered {
    fn push(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.room.take(data.len() as u64) {
            self.bytes.extend_from_slice(data);
            return Ok(());
        }
        let limit = self.room.limit;
        Err(Error::RequestTooLarge(format!(
            "the bodies that the host is signing are larger than the guest's memory together, {limit} bytes"
        )))
    }
}

impl AsRef<[u8]> for Buffered {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.room.give_back(self.bytes.len() as u64);
    }
}

impl Session {
    /// Adds what the host adds to a request that was decided on.
    pub(in super::super) async fn complete(
        &self,
        mut parts: Parts,
        mut body: Outgoing,
        route: &Route,
    ) -> Result<HttpRequest<Outgoing>, Error> {
        let additions = self.gate.additions(route);
        let must_be_whole = additions.signer().is_some_and(|signer| !signer.takes_unsigned(&route.target));
        let Parts { method, uri, headers, .. } = &mut parts;
        if must_be_whole {
            let whole = self.whole(body).await?;
            additions.apply(method, uri, headers, Payload::Whole(&whole))?;
            body = Full::new(whole).map_err(|never| match never {}).boxed_unsync();
        } else {
            additions.apply(method, uri, headers, Payload::Unsigned)?;
        }
        Ok(HttpRequest::from_parts(parts, body))
    }

    async fn whole(&self, mut body: Outgoing) -> Result<Bytes, Error> {
        let mut buffered = Buffered { room: self.buffers.0.clone(), bytes: Vec::new() };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken_body(&*error))?;
            if let Ok(data) = frame.into_data() {
                buffered.push(&data)?;
            }
        }
        Ok(Bytes::from_owner(buffered))
    }
}
