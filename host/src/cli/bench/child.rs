//! The host as a process of its own, so that what it takes of the machine is its own.

use std::{
    io,
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tempfile::{NamedTempFile, TempDir};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

use super::{Stop, guests, machine};
use crate::guest::{CodeCache, CompileLimits, Compiler, Engine, EngineOptions};

/// So long it may take until its connectors are ready.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// What it says when it ends on its own is shown to this length.
const LAST_WORDS: usize = 2000;

/// A running host; it ends when it is dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    id: u32,
    ready: Duration,
}

impl Child {
    /// Starts a host with the files of a folder, and waits until its connectors are ready. Compiled components are taken
    /// from `cache`.
    pub(super) async fn start(folder: &Path, cache: &Path) -> Result<Self, Stop> {
        let program = std::env::current_exe().context("cannot find this program to start it once more")?;
        // Nobody else takes it in the moment between.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let said = NamedTempFile::new()?;
        let begun = Instant::now();
        let mut process = Command::new(program)
            .args(["run", "--listen", &address, "--log-level", "error", "--cache-dir"])
            .arg(cache)
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.reopen()?)
            // What this one is told is not for it.
            .env_clear()
            .kill_on_drop(true)
            .spawn()?;
        let id = process.id().context("a process that has just been started has an id")?;
        while !is_ready(&address).await.unwrap_or(false) {
            let ended = process.try_wait()?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let mut words = std::fs::read_to_string(said.path()).unwrap_or_default();
                words.truncate(words.floor_char_boundary(LAST_WORDS));
                return Err(Stop::Failed(anyhow::anyhow!("a host of its own did not get ready ({ended:?}): {words}")));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Self { process, id, ready: begun.elapsed() })
    }

    /// How long it took until all was ready.
    pub(super) fn ready(&self) -> Duration {
        self.ready
    }

    /// Bytes of memory.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        machine::resident(self.id)
    }

    pub(super) fn processor_time(&self) -> anyhow::Result<Duration> {
        machine::processor_time(self.id)
    }

    /// Ends it at once.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// Asks as simply as can be: the answer must cost the host as little as possible.
async fn is_ready(address: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"))
}

/// A folder with what the null sink compiles to: hosts with it start warm.
pub(super) async fn warm_cache() -> Result<TempDir, Stop> {
    let folder = TempDir::new()?;
    let options = EngineOptions { cache: Some(CodeCache::open(folder.path())?), compiler: Compiler::this_program() };
    Engine::new(options)?.compile("null.wasm", guests::NULL.into(), None, &CompileLimits::default()).await?;
    Ok(folder)
}
