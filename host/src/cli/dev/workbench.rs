//! The connector that `dev` runs: the one from a file, or the bundled `http` one with a file made for it.

use std::path::Path;

use danube_dev_broker::DevBroker;
use tempfile::TempDir;

use super::{Stop, receiver::Receiver};
use crate::{
    cli::one_config,
    config::{Config, Environment, Policy},
};

/// The `http` guest, built together with the host.
pub(in crate::cli) const BUNDLED: &[u8] = include_bytes!(env!("BUNDLED_HTTP_GUEST"));

/// A connector's resolved config, wherever it came from.
pub(super) struct Workbench {
    pub(super) config: Config,
    /// What to tell the user about where it comes from.
    pub(super) origin: String,
    _folder: Option<TempDir>,
}

impl Workbench {
    pub(super) fn new(
        file: Option<&Path>,
        environment: &Environment,
        policy: &Policy,
        broker: &DevBroker,
        receiver: &Receiver,
    ) -> Result<Self, Stop> {
        let environment = environment
            .clone()
            .with("DANUBE_SERVICE_URL", broker.url())
            .with("DANUBE_DEV_RECEIVER", &format!("http://{}", receiver.addr));
        let Some(file) = file else { return Self::bundled(&environment, policy) };
        Ok(Self { config: load(file, &environment, policy)?, origin: file.display().to_string(), _folder: None })
    }

    fn bundled(environment: &Environment, policy: &Policy) -> Result<Self, Stop> {
        let folder = TempDir::new()?;
        std::fs::write(folder.path().join("http.wasm"), BUNDLED)?;
        let file = folder.path().join("http.toml");
        std::fs::write(&file, include_str!("bundled.toml"))?;
        let config = load(&file, environment, policy)?;
        Ok(Self { config, origin: "bundled".to_owned(), _folder: Some(folder) })
    }

    /// The topic to publish to if the user names none.
    pub(super) fn first_topic(&self) -> Result<String, Stop> {
        let first = self.config.mappings.first().map(|mapping| mapping.topic.clone());
        first.ok_or_else(|| {
            Stop::Usage("error: the file maps no topic; name the one to publish to with --topic".to_owned())
        })
    }
}

fn load(file: &Path, environment: &Environment, policy: &Policy) -> Result<Config, Stop> {
    one_config(file, environment, policy)?.map_err(|error| Stop::Usage(error.to_string()))
}
