//! Looks at a file from the outside: is it a component at all, and does it export a sink that this host can call?

use wasmtime::component::types::{ComponentInstance, ComponentItem};

use super::{Shape, is_compatible, split_version};
use crate::guest::{Contract, Error, error::few};

const MAGIC: &[u8] = b"\0asm";
const MODULE: &[u8] = &[1, 0, 0, 0];
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// Whether the bytes look like a whole component; if not, what they are and what to do.
pub(super) fn is_component(bytes: &[u8]) -> Result<(), String> {
    let wrong = |what: &str| Err(what.to_owned());
    match (bytes.get(..4), bytes.get(4..8)) {
        _ if bytes.is_empty() => wrong("the file is empty; build or copy it again"),
        (Some(MAGIC), Some(MODULE)) if has_section(&bytes[8..], "component-type") => wrong(
            "this is a core module that knows its world, and the step that makes it a component is missing; run `danube-wasm componentize` on it",
        ),
        (Some(MAGIC), Some(MODULE)) => wrong(
            "this is a core module, not a component; build for wasm32-wasip2, or make it one with `danube-wasm componentize`",
        ),
        (Some(MAGIC), Some(COMPONENT)) if is_cut(&bytes[8..]) => wrong("the file is truncated; build or copy it again"),
        (Some(MAGIC), Some(COMPONENT)) => Ok(()),
        (Some(MAGIC), Some(version)) => Err(format!(
            "its binary format is {version:02x?}, where components have {COMPONENT:02x?}; build it with a current toolchain"
        )),
        (Some(MAGIC), None) => wrong("the file is truncated; build or copy it again"),
        (Some(b"(com" | b"(mod"), _) => wrong("this is WebAssembly text; compile it with `wasm-tools parse`"),
        (Some(_) | None, _) => {
            wrong("the file is not WebAssembly at all; `path` under [component] is for the .wasm file")
        }
    }
}

/// Whether the last section ends behind the end of the file.
fn is_cut(mut sections: &[u8]) -> bool {
    while let [_, rest @ ..] = sections {
        let next = length(rest).and_then(|(length, body)| body.get(length..));
        let Some(next) = next else { return true };
        sections = next;
    }
    false
}

/// Whether there is a custom section whose name begins like this.
fn has_section(mut sections: &[u8], name: &str) -> bool {
    while let [id, rest @ ..] = sections {
        let Some((size, body)) = length(rest) else { return false };
        let (Some(section), Some(next)) = (body.get(..size), body.get(size..)) else { return false };
        let is_named = |section| length(section).is_some_and(|(_, text)| text.starts_with(name.as_bytes()));
        if *id == 0 && is_named(section) {
            return true;
        }
        sections = next;
    }
    false
}

/// A section's length (LEB128), and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(length).ok()?, &bytes[at + 1..]));
        }
    }
    None
}

/// Why no contract fits.
#[derive(Debug)]
pub(super) struct Wrong {
    what: String,
    found: Vec<String>,
    help: &'static str,
}

impl Wrong {
    pub(super) fn into_error(self, path: String) -> Error {
        let Self { what, found, help } = self;
        let found = if found.is_empty() { "nothing".to_owned() } else { few(found).join(", ") };
        let supported: Vec<_> = Contract::NEWEST_FIRST.iter().map(|contract| contract.sink()).collect();
        Error::World { path, what, found, supported: supported.join(", "), help: help.to_owned() }
    }
}

/// The newest contract that the component's exports fit.
pub(super) fn contract(engine: &wasmtime::Engine, shape: &Shape) -> Result<Contract, Wrong> {
    let found: Vec<_> = shape.exports(engine).map(|(name, _)| name.to_owned()).collect();
    for contract in Contract::NEWEST_FIRST {
        let Some(sink) = exported(engine, shape, contract.sink()) else { continue };
        let lifecycle = exported(engine, shape, contract.lifecycle());
        let wrong = contract.check(engine, shape, &sink, lifecycle.as_ref());
        return match wrong {
            Ok(()) => Ok(contract),
            Err(what) => Err(Wrong { what, found, help: "build it against the contract's own WIT files, unchanged" }),
        };
    }
    let is = |package: &str| found.iter().any(|name| name.starts_with(package));
    let sinks = found.iter().filter(|name| name.starts_with("danube:sink/sink@"));
    let offered = sinks.filter_map(|name| split_version(name).1).max();
    let newest = Contract::NEWEST_FIRST.iter().filter_map(|contract| split_version(contract.sink()).1).max();
    let (what, help) = if let Some(offered) = offered {
        if Some(offered) > newest {
            (
                "its version of the contract is newer than this host",
                "run it with a newer host, or build it against the contract of this one: an SDK of this host's version",
            )
        } else {
            (
                "its version of the contract is older than what this host still runs",
                "build it again with an SDK of this host's version",
            )
        }
    } else if is("danube:sink/sink") {
        ("its contract has no version", "build it against the contract's own WIT files, unchanged")
    } else if is("wasi:cli/run") {
        (
            "it is a program with a main function",
            "a sink is a library (in Rust: crate-type = [\"cdylib\"]) that exports the interface danube:sink/sink",
        )
    } else if is("wasi:http/incoming-handler") || is("wasi:http/handler") {
        (
            "it is a server that answers HTTP requests",
            "a sink is called with batches of records: build it for the world danube:sink/sink-connector; `danube-wasm new` writes one to start from",
        )
    } else if is("danube:sink/lifecycle") {
        (
            "it exports danube:sink/lifecycle alone",
            "build it for the world danube:sink/sink-connector-with-lifecycle, which has danube:sink/sink as well",
        )
    } else {
        (
            "it exports no danube:sink/sink",
            "build it for the world danube:sink/sink-connector; with an SDK, register the sink with its macro or function; `danube-wasm new` writes one to start from",
        )
    };
    Err(Wrong { what: what.to_owned(), found, help })
}

/// The exported interface of this name, in this version or a compatible one.
pub(super) fn exported(engine: &wasmtime::Engine, shape: &Shape, wanted: &str) -> Option<ComponentInstance> {
    let (interface, version) = split_version(wanted);
    let version = version?;
    shape.exports(engine).find_map(|(name, item)| match (split_version(name), item.ty) {
        ((found, Some(offered)), ComponentItem::ComponentInstance(instance))
            if found == interface && is_compatible(&version, &offered) =>
        {
            Some(instance)
        }
        _ => None,
    })
}
