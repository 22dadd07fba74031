//! What can go wrong with a guest, to branch on. Errors of wasmtime end here.

use std::{io, path::PathBuf, time::Duration};

use wasmtime::{Trap, WasmBacktrace};

use super::state::MemoryAccount;
use crate::capability::{
    limit::Limit,
    logging::{deceives, push_escaped},
};

/// The longest text that is taken over from a guest or from wasmtime, in bytes.
pub(super) const TEXT_LIMIT: usize = 4 * 1024;
/// The most frames of a backtrace that are kept.
const FRAMES: usize = 24;

/// What went wrong with a guest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The guest says: the target can't take it now.
    #[error("{reason}")]
    Retryable {
        /// Why, in the guest's words.
        reason: String,
        /// The least pause that it asks for.
        after: Option<Duration>,
    },
    /// The guest says: every record of the batch is bad.
    #[error("{reason}")]
    Rejected {
        /// Why, in the guest's words.
        reason: String,
    },
    /// The guest says: nothing will work until a person changes something.
    #[error("{reason}")]
    Fatal {
        /// Why, in the guest's words.
        reason: String,
    },

    /// The guest crashed. The instance is gone.
    #[error("the guest crashed: {message}")]
    Trap {
        /// What happened.
        message: String,
        /// Where, one frame a line; empty if it is not known.
        backtrace: String,
    },
    /// A call took too long, what the host did for the guest included. The instance is gone.
    #[error("no answer within {limit:?} ({set_by})")]
    Deadline {
        /// The limit that held for the call.
        limit: Duration,
        /// Where it comes from: the key of the connector's file, for people.
        set_by: &'static str,
    },
    /// The guest crashed after it was refused memory. The instance is gone.
    #[error("out of memory: limit {} (limits.memory)", Size(*limit))]
    OutOfMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The guest crashed because it went beyond another limit. The instance is gone.
    #[error("{what}: limit {limit} ({})", of.key())]
    Exceeded {
        /// What there was too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// Which one.
        of: Limit,
    },
    /// The guest gave an answer that the contract does not allow; none of it was taken.
    #[error("the guest breaks the contract: {what}")]
    Contract {
        /// What is wrong with the answer.
        what: String,
    },
    /// The instance is gone since an earlier call.
    #[error("the instance is gone after a crash or a missed deadline")]
    Unusable,

    /// The file can't be read.
    #[error("can't read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not the one that is expected.
    #[error("`{path}` is not the expected file\n  expected sha256: {expected}\n     found sha256: {found}")]
    Digest {
        /// The digest asked for, in hex.
        expected: String,
        /// The digest of the file, in hex.
        found: String,
        /// The file.
        path: String,
    },
    /// The file is something else than a component.
    #[error("`{path}` is not a WebAssembly component: {what}")]
    NotAComponent {
        /// The file.
        path: String,
        /// What it is, and what to do.
        what: String,
    },
    /// The component is invalid, or uses what the host has switched off.
    #[error(
        "can't compile `{path}`: {message}\nhelp: the file is damaged, or uses what this host does not know; build it again, with a current toolchain"
    )]
    Compile {
        /// The file.
        path: String,
        /// What the compiler says.
        message: String,
    },
    /// The file is larger than the limit; it was not read.
    #[error("`{}` is too large for a component: limit {} (limits.component_size)", path.display(), Size(*limit))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Compiling took longer than the limit.
    #[error("`{path}` takes too long to compile: limit {limit:?} (limits.compile_timeout)")]
    CompileTimeout {
        /// The file.
        path: String,
        /// The limit.
        limit: Duration,
    },
    /// Compiling took more memory than the limit.
    #[error("`{path}` takes too much memory to compile: limit {} (limits.compile_memory)", Size(*limit))]
    CompileMemory {
        /// The file.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Compiling gave more code than the limit.
    #[error("`{path}` compiles to too much code: limit {} (a quarter of limits.compile_memory)", Size(*limit))]
    CodeSize {
        /// The file.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The component does not export a sink that this host can call.
    #[error(
        "`{path}` is not a sink connector for this host: {what}\n  exports: {found}\n  supported: {supported}\nhelp: {help}"
    )]
    World {
        /// The file.
        path: String,
        /// What is missing or wrong.
        what: String,
        /// What the component exports.
        found: String,
        /// What would have been called.
        supported: String,
        /// What to do.
        help: String,
    },
    /// The component imports what this host does not provide.
    #[error(
        "`{path}` needs what this host does not provide:\n  {}\nhelp: build it against this host's own WIT files, or run it with a host that has more",
        missing.join("\n  ")
    )]
    Link {
        /// The file.
        path: String,
        /// Every such import, with a word about it.
        missing: Vec<String>,
    },
    /// wasmtime, or its compiler, can't work on this machine.
    #[error("can't set up WebAssembly: {message}")]
    Engine {
        /// What it says.
        message: String,
    },
}

impl Error {
    /// What the end of a call says, with what the instance was refused during it.
    pub(super) fn from_call(error: &wasmtime::Error, memory: &MemoryAccount) -> Self {
        if let Some(limit) = memory.refused() {
            return Self::OutOfMemory { limit };
        }
        if let Some((what, limit, of)) = memory.limits().exceeded(error) {
            return Self::Exceeded { what, limit, of };
        }
        let message = match error.downcast_ref::<Trap>() {
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        let frames = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string).unwrap_or_default();
        // Its first line is a headline.
        let backtrace = frames.lines().skip(1).take(FRAMES).map(str::trim).collect::<Vec<_>>().join("\n");
        Self::Trap { message: clip(message), backtrace: clip(backtrace) }
    }

    /// Which limit a component did not get past, if it was one.
    pub(crate) fn of_component(&self) -> Option<Limit> {
        match self {
            Self::TooLarge { .. } => Some(Limit::ComponentSize),
            Self::CompileTimeout { .. } => Some(Limit::CompileTime),
            Self::CompileMemory { .. } | Self::CodeSize { .. } => Some(Limit::CompileMemory),
            Self::Retryable { .. }
            | Self::Rejected { .. }
            | Self::Fatal { .. }
            | Self::Trap { .. }
            | Self::Deadline { .. }
            | Self::OutOfMemory { .. }
            | Self::Exceeded { .. }
            | Self::Contract { .. }
            | Self::Unusable
            | Self::Read { .. }
            | Self::Digest { .. }
            | Self::NotAComponent { .. }
            | Self::Compile { .. }
            | Self::World { .. }
            | Self::Link { .. }
            | Self::Engine { .. } => None,
        }
    }

    /// The innermost reason, which is the one that helps.
    pub(super) fn engine(error: &wasmtime::Error) -> Self {
        Self::Engine { message: clip(format!("{error:#}")) }
    }
}

/// A text of somebody else's, cut where it is too long, and without what could make it look like the host's own: control
/// characters are escaped, and its lines behind the first are set in.
pub(super) fn clip(text: String) -> String {
    if text.len() <= TEXT_LIMIT && !text.contains(deceives) {
        return text;
    }
    let mut clean = String::with_capacity(text.len().min(TEXT_LIMIT) + "...".len());
    for char in text.chars() {
        let before = clean.len();
        match char {
            '\n' => clean.push_str("\n  "),
            char => push_escaped(&mut clean, char),
        }
        if clean.len() > TEXT_LIMIT {
            clean.truncate(before);
            clean.push_str("...");
            break;
        }
    }
    clean
}

/// The first of the names that a file brings, as many as a person would read, and how many more there are.
pub(super) fn few(mut names: Vec<String>) -> Vec<String> {
    let mut room = TEXT_LIMIT;
    let mut fits = |name: &String| {
        room = room.saturating_sub(name.len());
        room > 0
    };
    let kept = names.iter().take_while(|name| fits(name)).count();
    let more = names.len() - kept;
    names.truncate(kept);
    names.extend((more > 0).then(|| format!("and {more} more")));
    names
}

/// Bytes for people: `64 MiB`.
struct Size(u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(bytes) = *self;
        let unit =
            [(30, "GiB"), (20, "MiB"), (10, "KiB")].into_iter().find(|(bits, _)| bytes > 0 && bytes % (1 << bits) == 0);
        match unit {
            Some((bits, unit)) => write!(f, "{} {unit}", bytes >> bits),
            None => write!(f, "{bytes} bytes"),
        }
    }
}
