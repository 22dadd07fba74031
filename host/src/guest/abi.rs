//! The versions of the contract, one module each. Generated types stay in those modules; what leaves them are records,
//! verdicts and errors. A new version is a new module, a new variant of [`Contract`], and the arms that follow from it.

use std::{fmt, time::Duration};

use wasmtime::{
    Store,
    component::{Instance, InstancePre, Linker, types},
};

use super::{ConsumerConfig, Error, state::State};
use crate::record::{Batch, Verdict};

mod v0_1;

/// The outer error is a crash, the inner one an answer.
pub(super) type Outcome<T> = wasmtime::Result<Result<T, Error>>;

/// A version of the contract that this host can call a guest by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contract {
    /// `danube:sink@0.1.x`
    V0_1,
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1 => "danube:sink@0.1",
        })
    }
}

impl Contract {
    pub(super) const NEWEST_FIRST: [Self; 1] = [Self::V0_1];

    /// The interface that a guest must export.
    pub(super) fn sink(self) -> &'static str {
        match self {
            Self::V0_1 => v0_1::SINK,
        }
    }

    /// The interface that a guest may export.
    pub(super) fn lifecycle(self) -> &'static str {
        match self {
            Self::V0_1 => v0_1::LIFECYCLE,
        }
    }

    /// Whether the exported interfaces have the functions of the contract, with its types; if not, what is wrong.
    pub(super) fn check(
        self,
        engine: &wasmtime::Engine,
        component: &types::Component,
        sink: &types::ComponentInstance,
        lifecycle: Option<&types::ComponentInstance>,
    ) -> Result<(), String> {
        match self {
            Self::V0_1 => v0_1::check(engine, component, sink, lifecycle),
        }
    }
}

/// Adds the imports of every version.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    v0_1::add_to_linker(linker)
}

/// Where a component keeps the functions of the contract.
pub(super) enum Exports {
    V0_1(v0_1::Exports),
}

impl Exports {
    pub(super) fn new(contract: Contract, pre: &InstancePre<State>, has_lifecycle: bool) -> wasmtime::Result<Self> {
        match contract {
            Contract::V0_1 => v0_1::Exports::new(pre, has_lifecycle).map(Self::V0_1),
        }
    }

    pub(super) fn has_lifecycle(&self) -> bool {
        match self {
            Self::V0_1(exports) => exports.has_lifecycle(),
        }
    }

    pub(super) fn load(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Guest> {
        match self {
            Self::V0_1(exports) => exports.load(store, instance).map(Guest::V0_1),
        }
    }
}

/// The functions of one instance.
pub(super) enum Guest {
    V0_1(v0_1::Guest),
}

impl Guest {
    pub(super) async fn initialize(
        &self,
        store: &mut Store<State>,
        connector_name: &str,
        instance: u32,
        settings: &str,
    ) -> Outcome<()> {
        match self {
            Self::V0_1(guest) => guest.initialize(store, connector_name, instance, settings).await,
        }
    }

    pub(super) async fn consumer_configs(&self, store: &mut Store<State>) -> Outcome<Vec<ConsumerConfig>> {
        match self {
            Self::V0_1(guest) => guest.consumer_configs(store).await,
        }
    }

    pub(super) async fn process_batch(
        &self,
        store: &mut Store<State>,
        batch: &Batch,
        limit: Duration,
    ) -> Outcome<Vec<Verdict>> {
        match self {
            Self::V0_1(guest) => guest.process_batch(store, batch, limit).await,
        }
    }

    pub(super) async fn health_check(&self, store: &mut Store<State>) -> Outcome<()> {
        match self {
            Self::V0_1(guest) => guest.health_check(store).await,
        }
    }

    pub(super) async fn shutdown(&self, store: &mut Store<State>) -> Outcome<()> {
        match self {
            Self::V0_1(guest) => guest.shutdown(store).await,
        }
    }
}
