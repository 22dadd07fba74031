//! The components that are measured, built together with the host, and files for them.

use std::path::Path;

use tempfile::TempDir;

use super::Stop;
use crate::{
    cli::dev::BUNDLED,
    config::{Config, Environment},
};

/// Takes records and does nothing with them.
pub(super) const NULL: &[u8] = include_bytes!(env!("BUNDLED_NULL_GUEST"));
const CLICKHOUSE: &[u8] = include_bytes!(env!("BUNDLED_CLICKHOUSE_GUEST"));
const POSTGRES: &[u8] = include_bytes!(env!("BUNDLED_POSTGRES_GUEST"));

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
        for (name, component) in [("null", NULL), ("http", BUNDLED), ("clickhouse", CLICKHOUSE), ("postgres", POSTGRES)]
        {
            std::fs::write(folder.path().join(name).with_extension("wasm"), component)?;
        }
        Ok(folder)
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn config(&self, sink: &Sink<'_>) -> Result<Config, Stop> {
        self.parse(sink.name, &sink.text())
    }

    /// A connector whose file would be this text.
    pub(super) fn parse(&self, name: &str, text: &str) -> Result<Config, Stop> {
        let file = self.folder().join(name).with_extension("toml");
        Config::parse(&file, text, &Environment::default()).map_err(|error| Stop::Usage(error.to_string()))
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
