//! What the host tells an instance about itself.

use std::fmt;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{ConsumerConfig, Error, Result, TopicMappings, bindings::exports::danube::sink::sink, settings};

/// What the host tells an instance about itself.
pub struct Context {
    raw: sink::Context,
}

impl Context {
    pub(crate) fn new(raw: sink::Context) -> Self {
        Self { raw }
    }

    /// `connector_name` of the connector's file.
    pub fn connector_name(&self) -> &str {
        &self.raw.connector_name
    }

    /// Which of the connector's instances this is, from 0. Stays the same when an instance is made anew.
    pub fn instance(&self) -> u32 {
        self.raw.instance
    }

    /// The settings as JSON text. Secrets that the file refers to stand in it in clear text: do not log it.
    pub fn settings_json(&self) -> &str {
        &self.raw.settings
    }

    /// The settings as a `T`.
    ///
    /// # Errors
    ///
    /// `Fatal` when they don't fit; the reason names the key.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        let settings = serde_json::from_str(self.settings_json()).map_err(|error| error.to_string());
        settings.and_then(settings::read).map_err(|error| Error::fatal(format!("settings: {error}")))
    }

    /// What the host shall consume according to the settings' `topic_mappings`.
    ///
    /// # Errors
    ///
    /// `Fatal` when a mapping is incomplete, or when there is none.
    pub fn consumer_configs(&self) -> Result<Vec<ConsumerConfig>> {
        #[derive(Deserialize)]
        struct Settings {
            #[serde(default)]
            topic_mappings: TopicMappings,
        }

        let Settings { topic_mappings } = self.settings()?;
        if topic_mappings.is_empty() {
            return Err(Error::fatal(
                "settings: no topic to consume\nhelp: add an entry to `topic_mappings` with `topic` and `subscription`",
            ));
        }
        Ok(topic_mappings.consumer_configs())
    }
}

/// Leaves out the settings, which hold secrets.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, instance) = (self.connector_name(), self.instance());
        f.debug_struct("Context").field("connector_name", &name).field("instance", &instance).finish_non_exhaustive()
    }
}
