//! A compiled component: what it is, what it imports in plain words, and whether this host can run it. All of it is known
//! before the first instance.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Weak},
};

use semver::Version;
use sha2::{Digest, Sha256};
use wasmtime::{
    Store,
    component::{InstancePre, Linker, types},
};

use super::{
    Contract, Error, abi,
    clock::Clock,
    error::{clip, few},
    state::State,
};

mod imports;
mod probe;

pub use imports::{Area, Import};

/// A compiled component, ready to be instantiated. Clones share everything.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

/// A component as long as somebody else uses it.
pub(super) struct WeakComponent(Weak<Inner>);

impl WeakComponent {
    pub(super) fn upgrade(&self) -> Option<Component> {
        self.0.upgrade().map(Component)
    }
}

struct Inner {
    name: String,
    sha256: String,
    contract: Contract,
    imports: Vec<Import>,
    exports: Vec<String>,
    weight: u64,
    pre: InstancePre<State>,
    indices: abi::Exports,
    clock: Arc<Clock>,
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { name, sha256, contract, .. } = &*self.0;
        f.debug_struct("Component")
            .field("name", name)
            .field("sha256", sha256)
            .field("contract", contract)
            .finish_non_exhaustive()
    }
}

impl Component {
    /// The file, as messages name it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The digest of the file, in hex.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// The version of the contract that it is called by.
    pub fn contract(&self) -> Contract {
        self.0.contract
    }

    /// What it imports, in the component's order.
    pub fn imports(&self) -> &[Import] {
        &self.0.imports
    }

    /// What it imports, by what that is good for.
    pub fn areas(&self) -> BTreeMap<Area, Vec<&str>> {
        let mut areas = BTreeMap::<_, Vec<_>>::new();
        for import in &self.0.imports {
            areas.entry(import.area).or_default().push(import.interface.as_str());
        }
        areas
    }

    /// What it exports, in the component's order.
    pub fn exports(&self) -> &[String] {
        &self.0.exports
    }

    /// Whether it exports `health-check` and `shutdown`.
    pub fn has_lifecycle(&self) -> bool {
        self.0.indices.has_lifecycle()
    }

    /// What the host keeps for each instance besides its memories and tables, in bytes.
    pub(super) fn weight(&self) -> u64 {
        self.0.weight
    }

    #[cfg(test)]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakComponent {
        WeakComponent(Arc::downgrade(&self.0))
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        self.0.pre.engine()
    }

    /// What makes its instances yield.
    pub(super) fn clock(&self) -> &Arc<Clock> {
        &self.0.clock
    }

    pub(super) async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<abi::Guest> {
        let instance = self.0.pre.instantiate_async(&mut *store).await?;
        self.0.indices.load(store, &instance)
    }
}

/// The digest of `bytes`, in hex, if they are what is expected and look like a component.
pub(super) fn identify(name: &str, bytes: &[u8], expected: Option<[u8; 32]>) -> Result<String, Error> {
    let path = || name.to_owned();
    let sha256 =
        digest(bytes, expected).map_err(|(expected, found)| Error::Digest { expected, found, path: path() })?;
    probe::is_component(bytes).map_err(|what| Error::NotAComponent { path: path(), what })?;
    Ok(sha256)
}

/// Makes a component of its compiled code: finds its contract and links its imports. Blocks for some milliseconds.
pub(super) fn build(
    linker: &Linker<State>,
    clock: &Arc<Clock>,
    name: &str,
    sha256: String,
    compiled: &wasmtime::component::Component,
    weight: u64,
) -> Result<Component, Error> {
    let path = || name.to_owned();
    let (engine, shape) = (compiled.engine(), compiled.component_type());
    let contract = probe::contract(engine, &shape).map_err(|wrong| wrong.into_error(path()))?;
    let imports = imports::resolve(shape.imports(engine).map(|(name, _)| name));
    let imports = imports.map_err(|missing| Error::Link { path: path(), missing: few(missing) })?;
    let exports = shape.exports(engine).map(|(name, _)| name.to_owned()).collect();
    let unlinked = |error: wasmtime::Error| Error::Link { path: path(), missing: vec![clip(format!("{error:#}"))] };
    let pre = linker.instantiate_pre(compiled).map_err(unlinked)?;
    let has_lifecycle = probe::exported(engine, &shape, contract.lifecycle()).is_some();
    let indices = abi::Exports::new(contract, &pre, has_lifecycle).map_err(unlinked)?;
    let (name, clock) = (name.to_owned(), Arc::clone(clock));
    Ok(Component(Arc::new(Inner { name, sha256, contract, imports, exports, weight, pre, indices, clock })))
}

fn digest(bytes: &[u8], expected: Option<[u8; 32]>) -> Result<String, (String, String)> {
    let found: [u8; 32] = Sha256::digest(bytes).into();
    match expected {
        Some(expected) if expected != found => Err((hex(&expected), hex(&found))),
        Some(_) | None => Ok(hex(&found)),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `a:b/c@1.2.3` as `a:b/c` and the version.
fn split_version(name: &str) -> (&str, Option<Version>) {
    match name.split_once('@') {
        Some((interface, version)) => (interface, Version::parse(version).ok()),
        None => (name, None),
    }
}

/// Whether code written for `wanted` can be given `offered`: the versions differ only in what semver calls compatible.
fn is_compatible(wanted: &Version, offered: &Version) -> bool {
    let line = |version: &Version| match (version.major, version.minor, version.patch) {
        (0, 0, patch) => (0, 0, patch),
        (0, minor, _) => (0, minor, 0),
        (major, _, _) => (major, 0, 0),
    };
    wanted.pre == offered.pre && line(wanted) == line(offered)
}

type Shape = types::Component;
