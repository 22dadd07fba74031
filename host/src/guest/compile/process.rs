//! The near side of a compiler in a process of its own: hands over the component, takes the code, and says what ended the
//! process if it did not end well. Dropped half way, the process is killed.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
};

use bytes::Bytes;
use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use super::{CompileLimits, worker};
use crate::guest::{Error, error::clip};

/// The most that is read of what a compiler says.
const WORDS: u64 = 16 << 10;
/// What Rust's and wasmtime's words for a lack of memory have in common with no others.
const NO_MEMORY: [&str; 2] = ["memory allocation of ", "Cannot allocate memory"];

pub(super) async fn compile(
    program: &Path,
    name: &str,
    component: Bytes,
    limits: &CompileLimits,
) -> Result<Vec<u8>, Error> {
    let failed = |error: io::Error| Error::Engine {
        message: format!("cannot run a compiler (`{} compile`): {error}", program.display()),
    };
    let (status, code, words) = run(program, component, limits).await.map_err(failed)?;
    if code.len() as u64 > limits.code() {
        return Err(Error::CodeSize { path: name.to_owned(), limit: limits.code() });
    }
    judge(name, status, &words, limits)?;
    Ok(code)
}

/// Runs the compiler: its end, the code that it wrote, and what it said.
async fn run(program: &Path, component: Bytes, limits: &CompileLimits) -> io::Result<(ExitStatus, Vec<u8>, String)> {
    let mut command = Command::new(program);
    command.arg0("danube-wasm").args(worker::arguments(limits)).env_clear().kill_on_drop(true);
    // What the allocator merely reserves must not count as data.
    command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("it has no standard streams"));
    };
    let hand_over = async {
        // One that ends before it has read everything says why elsewhere.
        let _ = stdin.write_all(&(component.len() as u64).to_le_bytes()).await;
        let _ = stdin.write_all(&component).await;
        // Left open until the end: it tells the compiler that it is still wanted.
        stdin
    };
    let room = limits.code();
    let (_stdin, code, words) = tokio::join!(hand_over, read(stdout, room), read(stderr, WORDS));
    let (code, words) = (code?, words?);
    if code.len() as u64 > room {
        child.kill().await?;
    }
    Ok((child.wait().await?, code, String::from_utf8_lossy(&words).into_owned()))
}

async fn read(from: impl AsyncRead + Unpin, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut content).await?;
    Ok(content)
}

/// What the end of the process means for the component.
fn judge(name: &str, status: ExitStatus, words: &str, limits: &CompileLimits) -> Result<(), Error> {
    let path = name.to_owned();
    if status.success() {
        return Ok(());
    }
    if NO_MEMORY.iter().any(|words_for_it| words.contains(words_for_it)) {
        return Err(Error::CompileMemory { path, limit: limits.memory });
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return Err(Error::CompileTimeout { path, limit: limits.time });
    }
    let message = match status.code() {
        Some(worker::INVALID) => clip(words.trim_end().to_owned()),
        Some(_) | None => clip(format!("the compiler crashed ({status}): {}", words.trim_end())),
    };
    Err(Error::Compile { path, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_meaning() {
        let limits = CompileLimits::default();
        let judged = |wait_status, words| {
            judge("a.wasm", ExitStatus::from_raw(wait_status), words, &limits).map_err(|error| error.to_string())
        };
        let exit = |code: i32| code << 8;
        assert_eq!(judged(0, "whatever"), Ok(()));
        let invalid = judged(exit(worker::INVALID), "unknown type 3\n").unwrap_err();
        assert!(invalid.starts_with("can't compile `a.wasm`: unknown type 3\nhelp: "), "{invalid}");
        let no_memory = "`a.wasm` takes too much memory to compile: limit 2 GiB (limits.compile_memory)";
        assert_eq!(judged(Signal::ABORT.as_raw(), "memory allocation of 9 bytes failed").unwrap_err(), no_memory);
        assert_eq!(judged(exit(worker::INVALID), "Cannot allocate memory (os error 12)").unwrap_err(), no_memory);
        let late = judged(Signal::XCPU.as_raw(), "").unwrap_err();
        assert_eq!(late, "`a.wasm` takes too long to compile: limit 60s (limits.compile_timeout)");
        let crash = judged(Signal::SEGV.as_raw(), "thread 'main' has overflowed its stack\n").unwrap_err();
        assert!(crash.starts_with("can't compile `a.wasm`: the compiler crashed (signal: 11"), "{crash}");
        assert!(crash.contains("has overflowed its stack\n"), "{crash}");
    }
}
