//! Runs sink connectors for the Danube message broker as sandboxed WebAssembly components.

pub mod broker;
pub mod capability;
pub mod codec;
pub mod config;
pub mod guest;
pub mod metrics;
mod pipeline;
pub mod record;
pub mod schema;
pub mod shutdown;
