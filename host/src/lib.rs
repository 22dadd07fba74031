//! Runs sink connectors for the Danube message broker as sandboxed WebAssembly components.

pub mod capability;
pub mod config;
pub mod guest;
pub mod record;
