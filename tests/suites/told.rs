//! A real component that does what it is told, and says how that went: by the reasons of its dead letters.

use danube_wasm::broker::header;
use danube_wasm_tests::rig::{Connector, DeadLetters, Rig, Topic};
use toml::Value;

/// A connector that is given commands, and what it says about them.
pub(crate) struct Told {
    pub(crate) rig: Rig,
    pub(crate) topic: Topic,
    said: DeadLetters,
    pub(crate) connector: Connector,
}

impl Told {
    pub(crate) async fn new() -> Self {
        let rig = Rig::start().await;
        let (topic, said) = (rig.topic().await, rig.dead_letters().await);
        let connector = rig.scripted(&topic).set("dead_letter.topic", said.topic());
        Self { rig, topic, said, connector }
    }

    /// With these values of this key of `[capabilities]`.
    pub(crate) fn granting(mut self, key: &str, granted: impl IntoIterator<Item = Value>) -> Self {
        let granted: Vec<Value> = granted.into_iter().collect();
        self.connector = self.connector.set(&format!("capabilities.{key}"), granted);
        self
    }

    /// What it says to a command that it rejects.
    pub(crate) async fn answers(&mut self, command: serde_json::Value) -> String {
        self.rig.publish_unseen(&self.topic, [command.to_string()]).await;
        self.said.next().await.attributes[header::REASON].clone()
    }
}
