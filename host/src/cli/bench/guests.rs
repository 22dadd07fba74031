//! The components that are measured, built together with the host, and files for them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Stop;
use crate::{
    cli::dev::BUNDLED,
    config::{Config, Environment},
};

/// Takes records and does nothing with them.
pub(super) const NULL: &[u8] = include_bytes!(env!("BUNDLED_NULL_GUEST"));

/// A folder with the components in it.
pub(super) struct Guests(TempDir);

/// A sink with one topic.
pub(super) struct Sink<'a> {
    pub(super) name: &'a str,
    pub(super) broker: &'a str,
    pub(super) topic: &'a str,
    /// Where the records are posted to; none: nowhere.
    pub(super) endpoint: Option<&'a str>,
    pub(super) batch_size: usize,
    pub(super) flush_interval_ms: u64,
}

impl Guests {
    pub(super) fn new() -> Result<Self, Stop> {
        Ok(Self(Self::folder_of_its_own()?))
    }

    /// Another folder with them, for files.
    pub(super) fn folder_of_its_own() -> Result<TempDir, Stop> {
        let folder = TempDir::new()?;
        std::fs::write(folder.path().join("null.wasm"), NULL)?;
        std::fs::write(folder.path().join("http.wasm"), BUNDLED)?;
        Ok(folder)
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Where the file of a connector would stand.
    pub(super) fn file(&self, sink: &Sink<'_>) -> PathBuf {
        self.folder().join(sink.name).with_extension("toml")
    }

    pub(super) fn config(&self, sink: &Sink<'_>) -> Result<Config, Stop> {
        let file = self.file(sink);
        Config::parse(&file, &sink.text(), &Environment::default()).map_err(|error| Stop::Usage(error.to_string()))
    }
}

impl Sink<'_> {
    /// The connector's file.
    pub(super) fn text(&self) -> String {
        let Self { name, broker, topic, endpoint, batch_size, flush_interval_ms } = self;
        let (kind, url, grants) = match endpoint {
            Some(endpoint) => ("http", format!("url = \"{endpoint}/ingest\"\n"), format!("http = [\"{endpoint}\"]\n")),
            None => ("null", String::new(), String::new()),
        };
        format!(
            r#"
connector_name = "{name}"
danube_service_url = "{broker}"

[component]
path = "{kind}.wasm"
settings = "sink"

[capabilities]
{grants}
[sink]
{url}
[[sink.topic_mappings]]
topic = "{topic}"
subscription = "bench"
subscription_type = "Shared"
batch_size = {batch_size}
flush_interval_ms = {flush_interval_ms}
"#
        )
    }
}
