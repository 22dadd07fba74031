//! Guests: [`Engine`] compiles a file to a [`Component`], which names its contract and what it imports; an [`Instance`]
//! of it is called with batches. One caller at a time, each call within a deadline that covers what the host does for
//! the guest. After a trap or a missed deadline an instance is gone; a new one costs about a millisecond.

mod abi;
mod cache;
mod clock;
mod compile;
mod component;
mod consumer;
mod engine;
mod error;
mod instance;
mod limit;
mod state;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use self::{
    abi::Contract,
    cache::{CacheError, CodeCache},
    compile::{CompileLimits, Compiler},
    component::{Area, Component, Import},
    consumer::ConsumerConfig,
    engine::{Engine, EngineOptions},
    error::Error,
    instance::{Instance, InstanceOptions},
    limit::InstanceLimits,
};
pub(crate) use compile::{WorkerArgs, serve as serve_compiler};
