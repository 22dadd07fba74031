//! A hostile sink for tests. Its settings say what each exported function does to harm the host (`act`); a record is an
//! attempt to reach something (`attempt`), and what came of it is posted as JSON to an endpoint that is granted. It uses
//! no SDK: what an SDK would never send is the point.

#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "exports are made of it, and so are handles and texts that safe code can't make")]

mod act;
mod attempt;
mod bindings;

use std::{collections::BTreeMap, sync::OnceLock};

use serde::{Deserialize, Serialize};

use act::Act;
use attempt::{Attempt, Request, http};
use bindings::{
    danube::sink::records::{
        Batch, ConsumerConfig, Payload, PayloadFormat, RecordFailure, SinkError, SubscriptionType,
    },
    exports::danube::sink::{lifecycle, sink},
};

/// What to do when.
#[derive(Deserialize)]
struct Settings {
    /// Where outcomes are posted.
    report: Option<String>,
    /// What the exported functions do, by name.
    #[serde(default)]
    at: BTreeMap<Export, Act>,
    topic_mappings: Vec<Mapping>,
    /// All of it.
    #[serde(skip)]
    as_written: String,
}

#[derive(Deserialize)]
struct Mapping {
    topic: String,
    subscription: String,
}

/// The functions that the host calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Export {
    Initialize,
    ConsumerConfigs,
    ProcessBatch,
    HealthCheck,
    Shutdown,
}

/// One of those that a record holds.
#[derive(Deserialize)]
struct Command {
    name: String,
    #[serde(rename = "try")]
    attempt: Attempt,
}

/// What came of it.
#[derive(Clone, Serialize)]
struct Outcome {
    name: String,
    got: String,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

#[expect(clippy::needless_pass_by_value, reason = "as `or_else` calls it")]
fn fatal<T>(reason: impl ToString) -> Result<T, SinkError> {
    Err(SinkError::Fatal(reason.to_string()))
}

fn settings() -> Result<&'static Settings, SinkError> {
    SETTINGS.get().map_or_else(|| fatal("not initialized"), Ok)
}

/// Does what the settings say for this function.
fn act(export: Export) -> Result<(), SinkError> {
    settings()?.at.get(&export).map_or(Ok(()), Act::perform)
}

struct Probe;

impl sink::Guest for Probe {
    fn initialize(context: sink::Context) -> Result<(), SinkError> {
        let settings: Settings = serde_json::from_str(&context.settings).or_else(fatal)?;
        // An instance is initialized once.
        let _ = SETTINGS.set(Settings { as_written: context.settings, ..settings });
        act(Export::Initialize)
    }

    fn consumer_configs() -> Result<Vec<ConsumerConfig>, SinkError> {
        let settings = settings()?;
        match settings.at.get(&Export::ConsumerConfigs) {
            Some(Act::Ask { topic, subscription, count }) => {
                return Ok((0..*count).map(|n| consumer(&numbered(topic, n), subscription)).collect());
            }
            Some(act) => act.perform()?,
            None => {}
        }
        let mappings = settings.topic_mappings.iter();
        Ok(mappings.map(|Mapping { topic, subscription }| consumer(topic, subscription)).collect())
    }

    fn process_batch(batch: Batch) -> Result<Vec<RecordFailure>, SinkError> {
        match settings()?.at.get(&Export::ProcessBatch) {
            Some(Act::Fail { indexes, count, reason }) => return Ok(act::failures(indexes, *count, reason)),
            Some(act) => act.perform()?,
            None => {}
        }
        let outcomes: Result<Vec<_>, _> = batch.records.iter().map(|record| attempted(&record.payload)).collect();
        report(&outcomes?.concat()).map(|()| Vec::new())
    }
}

impl lifecycle::Guest for Probe {
    fn health_check() -> Result<(), SinkError> {
        act(Export::HealthCheck)
    }

    fn shutdown() -> Result<(), SinkError> {
        act(Export::Shutdown)
    }
}

/// With more than one the topics are told apart by a number.
fn numbered(topic: &str, n: u32) -> String {
    if n == 0 { topic.to_owned() } else { format!("{topic}-{n}") }
}

fn consumer(topic: &str, subscription: &str) -> ConsumerConfig {
    ConsumerConfig {
        topic: topic.to_owned(),
        subscription: subscription.to_owned(),
        consumer_name: None,
        subscription_type: SubscriptionType::Shared,
        key_filters: Vec::new(),
        expected_schema_subject: None,
        batch_size: None,
        batch_bytes: None,
        flush_interval_ms: None,
        payload_format: PayloadFormat::Decoded,
    }
}

fn attempted(payload: &Payload) -> Result<Vec<Outcome>, SinkError> {
    let text = match payload {
        Payload::Json(text) | Payload::Text(text) => text.as_bytes(),
        Payload::Binary(bytes) => bytes,
    };
    let commands: Vec<Command> = serde_json::from_slice(text).or_else(fatal)?;
    Ok(commands.into_iter().map(|Command { name, attempt }| Outcome { name, got: attempt.perform() }).collect())
}

/// A sink that can't say what it saw is of no use.
fn report(outcomes: &[Outcome]) -> Result<(), SinkError> {
    let Some(url) = &settings()?.report else { return Ok(()) };
    let outcomes = serde_json::to_string(outcomes).or_else(fatal)?;
    let got = http::send(&Request::post(url, format!(r#"{{"records":{outcomes}}}"#)));
    if got == "200" { Ok(()) } else { fatal(format!("the report did not get through: {got}")) }
}

bindings::export!(Probe with_types_in bindings);
