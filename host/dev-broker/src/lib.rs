//! An in-memory broker that speaks Danube's real gRPC API, for quick starts and tests.

mod broker;
mod catalog;
mod config;
mod connections;
mod error;
mod faults;
mod handle;
mod log;
mod outbox;
mod policy;
mod record;
mod schema;
mod server;
mod stats;
mod subscription;
mod topic;

pub use self::{
    config::{DevBrokerConfig, TlsConfig},
    error::Error,
    faults::{Call, Faults, Times},
    handle::DevBroker,
    policy::{Backoff, FailurePolicy, Poison},
    stats::{ConsumerStats, SubscriptionStats, TopicStats},
    subscription::SubscriptionType,
};

#[cfg(test)]
mod tests;
