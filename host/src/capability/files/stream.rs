//! Streams of files in granted folders. Each keeps its file open in the account, and writes go through it one by one.

use std::{fs, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinHandle;
use wasmtime_wasi::{
    async_trait,
    p2::{
        DynInputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
        bindings::filesystem::types::ErrorCode,
    },
};

use super::{
    Folder,
    change::{Place, Result},
    wasi::Kept,
};

/// The most that one write may bring, in bytes.
const CHUNK: usize = 64 << 10;

/// Reading, with the file kept in the account.
pub(super) struct Reading {
    pub(super) stream: DynInputStream,
    pub(super) _kept: Option<Arc<Kept>>,
}

#[async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

#[async_trait]
impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.stream.read(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.stream.blocking_read(size).await
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

/// Writing, one chunk at a time.
pub(super) struct Writing {
    folder: Arc<Folder>,
    file: Arc<fs::File>,
    kept: Option<Arc<Kept>>,
    place: Place,
    state: State,
}

enum State {
    Ready,
    Busy(JoinHandle<(Place, Result<()>)>),
    Failed(ErrorCode),
    Closed,
}

impl Writing {
    pub(super) fn new(folder: Arc<Folder>, file: Arc<fs::File>, kept: Option<Arc<Kept>>, place: Place) -> Self {
        Self { folder, file, kept, place, state: State::Ready }
    }

    fn failure(&mut self) -> StreamResult<()> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Failed(code) => Err(StreamError::LastOperationFailed(code.into())),
            State::Closed => Err(StreamError::Closed),
            state @ (State::Ready | State::Busy(_)) => {
                self.state = state;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {
        let State::Busy(task) = &mut self.state else { return };
        self.state = match task.await {
            Ok((place, Ok(()))) => {
                self.place = place;
                State::Ready
            }
            Ok((_, Err(code))) => State::Failed(code),
            Err(_) => State::Failed(ErrorCode::Io),
        };
    }
}

#[async_trait]
impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.failure()?;
        if !matches!(self.state, State::Ready) || bytes.len() > CHUNK {
            return Err(StreamError::trap("more was written than `check-write` allows"));
        }
        let (folder, file, kept) = (self.folder.clone(), self.file.clone(), self.kept.clone());
        let mut place = self.place;
        self.state = State::Busy(tokio::task::spawn_blocking(move || {
            let written = write_all(&folder, &file, &bytes, &mut place);
            drop(kept);
            (place, written)
        }));
        Ok(())
    }

    /// Nothing is kept back.
    fn flush(&mut self) -> StreamResult<()> {
        self.failure()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.failure()?;
        Ok(if matches!(self.state, State::Ready) { CHUNK } else { 0 })
    }

    /// What was begun is finished: dropping a stream must not leave work behind that nobody bounds.
    async fn cancel(&mut self) {
        self.ready().await;
        self.state = State::Closed;
    }
}

fn write_all(folder: &Folder, file: &fs::File, mut bytes: &[u8], place: &mut Place) -> Result<()> {
    while !bytes.is_empty() {
        let written = folder.write(file, bytes, *place)?;
        if written == 0 {
            return Err(ErrorCode::Io);
        }
        bytes = bytes.get(written..).unwrap_or_default();
        if let Place::Offset(offset) = place {
            *offset = offset.saturating_add(written as u64);
        }
    }
    Ok(())
}
