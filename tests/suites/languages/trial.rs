//! A guest under `danube-wasm test`: records in, replies of the target as scripted, and what came of each.

use std::{fmt::Write, fs};

use danube_wasm_tests::{
    process::{Ended, Process},
    rig::CACHE,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Language;
use crate::COMMAND;

pub(super) const URL: &str = "http://127.0.0.1:9/in";

/// What a run of the command takes.
pub(super) struct Trial {
    component: String,
    /// Settings besides the topic mappings.
    settings: String,
    memory: &'static str,
    batch_size: u32,
    records: String,
    replies: Vec<Value>,
}

/// What it said.
pub(super) struct Report {
    pub(super) happened: Value,
    /// The log, that of the guest included.
    pub(super) log: String,
}

impl Trial {
    pub(super) async fn new(language: Language) -> Self {
        Self::of(language.component().await).settings(&format!("url = {URL:?}\n"))
    }

    /// Of any component.
    pub(super) fn of(component: String) -> Self {
        let (settings, records) = (String::new(), String::new());
        Self { component, settings, memory: "256MiB", batch_size: 100, records, replies: Vec::new() }
    }

    /// How much memory an instance may have, in place of the default.
    pub(super) fn memory(self, memory: &'static str) -> Self {
        Self { memory, ..self }
    }

    /// The guest's own settings, as lines of TOML.
    pub(super) fn settings(self, settings: &str) -> Self {
        Self { settings: settings.to_owned(), ..self }
    }

    pub(super) fn batch_size(self, batch_size: u32) -> Self {
        Self { batch_size, ..self }
    }

    pub(super) fn records(mut self, records: impl IntoIterator<Item = impl std::fmt::Display>) -> Self {
        for record in records {
            writeln!(self.records, "{record}").unwrap();
        }
        self
    }

    /// What the target answers to the next request. Behind the last one it answers an empty 200.
    pub(super) fn reply(mut self, reply: &Value) -> Self {
        self.replies.push(json!({ "reply": reply }));
        self
    }

    /// Runs the command, which has to come to an end whatever the guest does.
    pub(super) async fn run(self) -> Report {
        let ended = self.ended().await;
        let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        Report { happened: report["happened"].clone(), log: ended.stderr }
    }

    async fn ended(mut self) -> Ended {
        let folder = TempDir::new().unwrap();
        let Self { settings, memory, batch_size, .. } = &self;
        let config = format!(
            r#"connector_name = "trial"
danube_service_url = "http://127.0.0.1:6650"
component = {{ path = "sink.wasm" }}
capabilities = {{ http = ["http://127.0.0.1:9"] }}
processing = {{ on_reject = "skip" }}
limits = {{ memory = "{memory}", compile_timeout = "5m", start_timeout = "2m" }}

[settings]
{settings}
[[settings.topic_mappings]]
topic = "/default/trial"
subscription = "trial"
batch_size = {batch_size}
"#
        );
        self.replies.push(json!({ "reply": {}, "times": "any" }));
        let expected = json!({ "http": self.replies });
        for (name, text) in
            [("sink.toml", config), ("records.ndjson", self.records), ("expected.json", expected.to_string())]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let args = ["test", &*self.component, "--config", "sink.toml", "--records", "records.ndjson", "--json"];
        let args = [&args[..], &["--expect", "expected.json", "--cache-dir", CACHE]].concat();
        Process::start(COMMAND, folder.path(), &args).end().await
    }
}

impl Report {
    /// The outcome of each record, by its name alone.
    pub(super) fn outcomes(&self) -> Vec<&str> {
        let records = self.happened["records"].as_array().unwrap();
        records.iter().map(|record| record.as_str().or(record["outcome"].as_str()).unwrap()).collect()
    }

    /// Why a record ended as it did.
    pub(super) fn reason(&self, record: usize) -> &str {
        self.happened["records"][record]["reason"].as_str().unwrap_or_default()
    }

    pub(super) fn retries(&self, record: usize) -> Vec<Value> {
        self.happened["records"][record]["retries"].as_array().cloned().unwrap_or_default()
    }

    /// Why the connector stopped, if it did.
    pub(super) fn stopped(&self) -> &str {
        self.happened["stopped"].as_str().unwrap_or_default()
    }

    /// Why the lane parked, if it did.
    pub(super) fn parked(&self) -> &str {
        self.happened["parked"].as_str().unwrap_or_default()
    }
}
