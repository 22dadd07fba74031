//! Why a file can't be made a component. Each text goes on from the file's name.

/// Why a file can't be made a component.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It is no WebAssembly, or damaged.
    #[error("is not a WebAssembly module: {what}\nhelp: give it the .wasm file that the compiler wrote")]
    NotWasm {
        /// What its reader says.
        what: String,
    },
    /// There is nothing to do.
    #[error("is a component already\nhelp: use it as it is; `danube-wasm inspect` shows what it needs")]
    Component,
    /// The module has a world, and another one is asked for.
    #[error("carries a world already, and `{asked}` is asked for\nhelp: leave out --world")]
    TwoWorlds {
        /// The one asked for.
        asked: &'static str,
    },
    /// The module is for something else.
    #[error(
        "is built for another world, which exports no danube:sink/sink but:{}\nhelp: build it for the world danube:sink/sink-connector; with an SDK, register the sink with its function",
        listed(exports)
    )]
    OtherWorld {
        /// What it exports.
        exports: Vec<String>,
    },
    /// A function that the host calls is not there.
    #[error("lacks exports of the world `{world}`:{}\nhelp: {help}", listed(missing))]
    Exports {
        /// The world.
        world: String,
        /// Their names.
        missing: Vec<String>,
        /// What to do.
        help: &'static str,
    },
    /// A function that nobody would give to the module.
    #[error("imports what nothing gives it:{}\nhelp: {help}", listed(unknown))]
    Imports {
        /// Module and name of each.
        unknown: Vec<String>,
        /// What to do.
        help: &'static str,
    },
    /// Names are right, types or something else is not.
    #[error(
        "cannot be made a component: {what}\nhelp: build it anew with the bindings of the SDK that comes with this command"
    )]
    Encode {
        /// What the encoder says.
        what: String,
    },
}

impl Error {
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(super) fn internal(error: anyhow::Error) -> Self {
        Self::Encode { what: format!("{error:#}") }
    }
}

/// One a line, and not too many.
fn listed(names: &[String]) -> String {
    const FEW: usize = 10;
    let mut text: String = names.iter().take(FEW).map(|name| format!("\n  {name}")).collect();
    if names.len() > FEW {
        text.push_str(&format!("\n  and {} more", names.len() - FEW));
    }
    text
}
