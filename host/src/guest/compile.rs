//! From a file to native code, within limits: a stranger's component may be larger than memory, and may take its compiler
//! hours and many gigabytes. A compiler of its own process is ended when it takes too much; one in this process can only
//! be given up on.

use std::{
    convert::Infallible,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use bytes::Bytes;
use rustix::fs::OFlags;
use tokio::sync::oneshot;

use super::{Error, error::clip};

pub(super) mod artifact;
mod process;
mod worker;

pub(crate) use worker::{WorkerArgs, serve};

/// Which part of the memory for compiling the code may have that comes of it.
const CODE: u64 = 4;

/// What a component may take until it can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileLimits {
    /// The largest file, in bytes.
    pub size: u64,
    /// The longest compilation.
    pub time: Duration,
    /// The most memory that compiling may take, in bytes. Kept where the compiler has a process of its own.
    pub memory: u64,
}

impl CompileLimits {
    /// The most code, in bytes. It stays in the host's memory as long as the component is in use.
    pub fn code(&self) -> u64 {
        self.memory / CODE
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { size: 64 << 20, time: Duration::from_secs(60), memory: 2 << 30 }
    }
}

/// Where components are compiled.
#[derive(Debug, Clone, Default)]
pub enum Compiler {
    /// In this process. A component that takes too long fails, but its thread works on until it is done, and nothing
    /// bounds the memory that it takes: for tests, and for components that are trusted.
    #[default]
    ThisProcess,
    /// In a process for each component: this program, which is `danube-wasm`, called as `danube-wasm compile`.
    Process(PathBuf),
}

/// The log's target for what takes long and is worth a line even where only warnings are logged.
const PROGRESS: &str = "danube_wasm::progress";
/// When the first line about a compilation comes, and how often another one.
const FIRST_LINE: Duration = Duration::from_secs(2);
const NEXT_LINE: Duration = Duration::from_secs(3);

impl Compiler {
    /// A process of the running program, which must be `danube-wasm`.
    pub fn this_program() -> Self {
        // On Linux this is the very program, even when another version was installed over it.
        let link = Path::new("/proc/self/exe");
        let program = if link.exists() { Ok(link.to_owned()) } else { std::env::current_exe() };
        program.map_or(Self::ThisProcess, Self::Process)
    }

    /// Compiles to an artifact of code that an engine of the same settings can load.
    pub(super) async fn compile(
        &self,
        engine: &wasmtime::Engine,
        name: &str,
        component: Bytes,
        limits: &CompileLimits,
    ) -> Result<Vec<u8>, Error> {
        let size = component.len();
        let compiling = async {
            match self {
                Self::ThisProcess => in_this_process(engine.clone(), name, component).await,
                Self::Process(program) => process::compile(program, name, component, limits).await,
            }
        };
        let late = |_| Error::CompileTimeout { path: name.to_owned(), limit: limits.time };
        tokio::select! {
            compiled = tokio::time::timeout(limits.time, compiling) => compiled.map_err(late)?,
            never = say_how_long(name, size) => match never {},
        }
    }
}

/// Says what is waited for, and for how long already. A compiler does not tell how far it is. Never ends.
async fn say_how_long(component: &str, size: usize) -> Infallible {
    let megabytes = size as f64 / 1e6;
    let begun = tokio::time::Instant::now();
    let mut lines = tokio::time::interval_at(begun + FIRST_LINE, NEXT_LINE);
    loop {
        lines.tick().await;
        tracing::info!(
            target: PROGRESS,
            component, "compiling {megabytes:.1} MB, {:.0?} so far",
            begun.elapsed()
        );
    }
}

/// On a thread that nothing waits for: a runtime does not end before its own threads are done.
async fn in_this_process(engine: wasmtime::Engine, name: &str, component: Bytes) -> Result<Vec<u8>, Error> {
    let (done, outcome) = oneshot::channel();
    let work = move || {
        // Nobody is there to hear it when the time was up.
        let _ = done.send(artifact::compile(&engine, &component));
    };
    let engine_failed = |message: String| Error::Engine { message };
    thread::Builder::new()
        .name("guest-compile".into())
        .spawn(work)
        .map_err(|error| engine_failed(format!("no thread for the compiler: {error}")))?;
    let outcome = outcome.await.map_err(|_| engine_failed("the compiler crashed".into()))?;
    outcome.map_err(|error| Error::Compile { path: name.to_owned(), message: clip(format!("{error:#}")) })
}

/// The whole file, if it is one and not too large. Blocks, but not on a FIFO.
pub(super) fn read(path: &Path, limit: u64) -> Result<Bytes, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let open = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    read_up_to(open.map_err(failed)?, limit)
        .map_err(failed)?
        .ok_or_else(|| Error::TooLarge { path: path.to_owned(), limit })
}

/// `None`: there is more.
fn read_up_to(file: File, limit: u64) -> io::Result<Option<Bytes>> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if metadata.len() > limit {
        return Ok(None);
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // A file that grows meanwhile, or one of those that say that they are empty and never end.
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok((content.len() as u64 <= limit).then(|| content.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::logging::capture::Capture;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_shown_after_two_seconds_and_then_every_three() {
        let log = Capture::start();
        let shown = async |time| {
            let waited = tokio::time::timeout(time, say_how_long("sink.wasm", 18_660_000)).await;
            assert!(waited.is_err());
            log.lines_with("compiling").len()
        };
        assert_eq!(shown(Duration::from_millis(1900)).await, 0, "most compilations are done by then");
        assert_eq!(shown(Duration::from_secs(9)).await, 3);
        let lines = log.lines_with("compiling");
        for (line, time) in lines.iter().zip(["2s", "5s", "8s"]) {
            let said = format!("compiling 18.7 MB, {time} so far component=\"sink.wasm\"");
            assert!(line.contains(PROGRESS) && line.ends_with(&said), "{line}");
        }
    }
}
