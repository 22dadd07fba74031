//! Runs sink connectors for the Danube message broker as sandboxed WebAssembly components.

pub mod broker;
pub mod capability;
pub mod cli;
pub mod codec;
pub mod config;
mod connector;
pub mod guest;
pub mod host;
pub mod metrics;
mod pipeline;
pub mod record;
pub mod schema;
mod server;
pub mod shutdown;
pub mod status;
pub mod telemetry;
