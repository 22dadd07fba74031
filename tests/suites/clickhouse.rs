//! The ClickHouse sink against ClickHouse: Debian's server of 2018, and today's engine. What is the same on both runs on both.

mod faults;
mod outcomes;
mod server;
mod values;

use danube_dev_broker::DevBrokerConfig;
use danube_wasm_tests::rig::{Rig, quick};

use self::server::Kind;
pub(crate) use self::server::Server;

const BOTH: [Kind; 2] = [Kind::Old, Kind::Modern];

/// A broker that hands out more than a few records at a time.
async fn wide() -> Option<Rig> {
    let config = DevBrokerConfig { max_unacked_messages: 200, ..quick() };
    Rig::in_memory_with("it needs a wide window", config).await
}
