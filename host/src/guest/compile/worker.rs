//! The far side: `danube-wasm compile`, which the host starts for itself. Bounds itself before it reads anything, steps
//! back behind everything else that wants a processor, and ends when nobody waits for it any more.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use super::{CompileLimits, artifact};
use crate::guest::engine;

/// How it ends when the component is to blame.
pub(super) const INVALID: i32 = 3;
/// How much it steps back.
const NICENESS: i32 = 10;
/// More threads than this make no compilation faster that matters, and each takes memory.
const MOST_THREADS: usize = 16;

/// `danube-wasm compile`: a component on standard input becomes code on standard output.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// The most memory, in bytes.
    #[arg(long)]
    memory: u64,
    /// The most time of a processor, in seconds.
    #[arg(long)]
    seconds: u64,
}

/// The command line for these limits.
pub(super) fn arguments(limits: &CompileLimits) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS) as u64;
    // The host's own clock ends it first, unless the host is gone.
    let seconds = limits.time.as_secs().saturating_add(1).saturating_mul(threads);
    ["compile".into(), format!("--memory={}", limits.memory), format!("--seconds={seconds}")].into()
}

/// Compiles what standard input holds: its length in eight bytes, the component, and then nothing until nobody waits for
/// the code any more.
pub(crate) fn serve(args: &WorkerArgs) -> ExitCode {
    match work(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Component(message)) => {
            eprintln!("{message}");
            ExitCode::from(INVALID as u8)
        }
        Err(Failure::Host(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Component(String),
    Host(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

fn work(args: &WorkerArgs) -> Result<(), Failure> {
    bound(args)?;
    let component = component(&mut io::stdin())?;
    thread::spawn(end_with_the_host);
    let engine = wasmtime::Engine::new(&engine::config());
    let engine = engine.map_err(|error| io::Error::other(format!("{error:#}")))?;
    let code = artifact::compile(&engine, &component).map_err(|error| Failure::Component(format!("{error:#}")))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code)?;
    Ok(stdout.flush()?)
}

fn bound(&WorkerArgs { memory, seconds }: &WorkerArgs) -> io::Result<()> {
    // Data, not address space: allocators and thread stacks reserve far more of that than they ever use.
    lower(Resource::Data, memory, memory)?;
    // The first ends it with a signal of its own.
    lower(Resource::Cpu, seconds, seconds.saturating_add(1))?;
    // What a stranger's component can crash leaves nothing on the disk.
    lower(Resource::Core, 0, 0)?;
    nice(NICENESS)?;
    Ok(())
}

/// Sets a limit, unless there is a lower one already.
fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let least = |now: Option<u64>, wanted: u64| Some(now.map_or(wanted, |now| now.min(wanted)));
    Ok(setrlimit(resource, Rlimit { current: least(now.current, current), maximum: least(now.maximum, maximum) })?)
}

fn component(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let mut component = Vec::new();
    let length = u64::from_le_bytes(length);
    input.take(length).read_to_end(&mut component)?;
    if component.len() as u64 == length { Ok(component) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn end_with_the_host() {
    let mut nothing = [0];
    loop {
        match io::stdin().read(&mut nothing) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => std::process::exit(1),
        }
    }
}
