//! End-to-end suites over real gRPC, with real components and a real HTTP endpoint. With `DANUBE_SERVICE_URL` set they run
//! against that broker, but for the tests that switch on faults or look inside; those say that they are skipped.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking, as tests do")]

mod bindings;
mod cli;
mod compile;
mod delivery;
mod dlq;
mod errors;
mod folders;
mod guests;
mod isolation;
mod languages;
mod lifecycle;
mod model;
mod native_sdks;
mod order;
mod outage;
mod probe;
mod schema;
mod scripts;
mod secrets;
mod sockets;
mod told;

/// The command under test.
const COMMAND: &str = env!("CARGO_BIN_EXE_danube-wasm-under-test");

/// Held by tests that take all of the machine, and by the one whose times are so short that it needs most of it.
static MACHINE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// So many numbered records: `{"n": 0}` and so on.
fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!(r#"{{"n":{n}}}"#)).collect()
}

/// The number of each record, whether it came alone or with its metadata.
fn numbers(records: &[serde_json::Value]) -> Vec<u64> {
    records.iter().map(|record| record["n"].as_u64().or(record["payload"]["n"].as_u64()).expect("no number")).collect()
}

/// The same without repeats, rising.
fn distinct_numbers(records: &[serde_json::Value]) -> Vec<u64> {
    std::collections::BTreeSet::from_iter(numbers(records)).into_iter().collect()
}
