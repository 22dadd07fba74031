//! The SDKs for languages that are compiled to core modules, Go and C: their own unit tests, and 100,000 records through one
//! instance of a sink in each, which must not grow.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use danube_wasm::{
    capability::{
        destination::Grant,
        files::Folders,
        http::{Gate, GateOptions},
        logging::LogOptions,
        sockets::{SocketOptions, Sockets},
    },
    guest::{CompileLimits, Compiler, Engine, EngineOptions, Instance, InstanceLimits, InstanceOptions},
    record::{Batch, Order, Payload, Record, Verdict},
};
use danube_wasm_tests::endpoint::{Answer, Endpoint};

use crate::COMMAND;

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const BATCHES: u64 = 100;
const RECORDS: u64 = 1000;
/// How much of an instance's memory may be a matter of when it collects garbage.
const SLACK: u64 = 2 << 20;

/// What `tests/install` has put there.
fn tool(name: &str, path: &str) -> PathBuf {
    let file = Path::new(ROOT).join("target/tools").join(path);
    assert!(file.exists(), "{} is missing: run `tests/install {name}`", file.display());
    file
}

fn succeeds(command: &mut Command) {
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{command:?}: {}\n{out}\n{err}", ended.status);
}

#[test]
fn go_unit_tests() {
    let go = tool("go", "go/bin/go");
    // The generated code is not held to what `vet` says of it.
    for args in [["vet", ".", "./http"], ["test", ".", "./http"]] {
        let folder = Path::new(ROOT).join("guest-sdk/go/danubesink");
        let offline = [("GOPROXY", "off"), ("GOTOOLCHAIN", "local"), ("GOWORK", "off")];
        succeeds(Command::new(&go).args(args).current_dir(folder).envs(offline));
    }
}

#[test]
fn c_unit_tests() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sdk_test");
    let parts = ["result.c", "json.c", "fields.c", "buffer.c", "outcomes.c", "status.c"];
    succeeds(
        Command::new("cc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g"])
            .args(["-fsanitize=address,undefined", "-fno-sanitize-recover", "-Idanube_sink", "tests/sdk_test.c"])
            .args(parts.map(|part| format!("danube_sink/{part}")))
            .arg("-o")
            .arg(&program)
            .current_dir(Path::new(ROOT).join("guest-sdk/c")),
    );
    succeeds(&mut Command::new(program));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_in_go_does_not_grow() {
    tool("go", "go/bin/go");
    does_not_grow("echo-http-go").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_in_c_does_not_grow() {
    tool("c", "c/bin/python-zig");
    does_not_grow("echo-http-c").await;
}

/// Within a quarter of the default memory, records of some 500 bytes with a key and an attribute go through one instance.
async fn does_not_grow(guest: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sink.wasm");
    let build = Path::new(ROOT).join("tests/guests").join(guest).join("build.sh");
    let tools = Path::new(ROOT).canonicalize().unwrap().join("target/tools");
    succeeds(Command::new("sh").arg(build).arg(&file).env("DANUBE_WASM", COMMAND).env("TOOLS", tools));
    let engine = Engine::new(EngineOptions { cache: None, compiler: Compiler::ThisProcess }).unwrap();
    let component = engine.compile_file(&file, None, &CompileLimits::default()).await.unwrap();

    let endpoint = Endpoint::start().await;
    endpoint.answer_always(Answer::status(200));
    let mut instance = Instance::start(&component, &options(&endpoint.url())).await.unwrap();
    let mut settled = 0;
    for number in 0..BATCHES {
        let verdicts = instance.process_batch(&batch(number), None).await.unwrap();
        assert!(
            verdicts.iter().all(|verdict| matches!(verdict, Verdict::Written)),
            "batch {number}: {:?}",
            verdicts[0]
        );
        if number == BATCHES / 5 {
            settled = instance.memory_bytes();
        }
    }
    let grown = instance.memory_bytes();
    assert!(grown <= settled + SLACK, "{settled} bytes after {} batches, {grown} after {BATCHES}", BATCHES / 5);
    let offsets: Vec<_> =
        endpoint.requests().last().unwrap().records().iter().map(|record| record["offset"].as_u64()).collect();
    let expected: Vec<_> = ((BATCHES - 1) * RECORDS..BATCHES * RECORDS).map(Some).collect();
    assert_eq!(offsets, expected);
}

fn options(url: &str) -> InstanceOptions {
    InstanceOptions {
        connector_name: "echo".into(),
        instance: 0,
        settings: serde_json::json!({ "url": url, "topic_mappings": [] }).to_string().into(),
        env: vec![],
        limits: InstanceLimits { memory: 64 << 20, ..InstanceLimits::default() },
        call_timeout: Duration::from_secs(120),
        start_timeout: Duration::from_secs(120),
        gate: Arc::new(Gate::new(GateOptions::new("echo", "echo.toml", vec![Grant::parse(url).unwrap()])).unwrap()),
        sockets: Arc::new(Sockets::new(SocketOptions::new("echo", "echo.toml", vec![])).unwrap()),
        folders: Folders::default(),
        log: LogOptions::default(),
    }
}

fn batch(number: u64) -> Batch {
    let record = |n: u64| Record {
        offset: number * RECORDS + n,
        publish_time: 1_700_000_000_000_000,
        producer: "shop".into(),
        partition: Some(0),
        routing_key: Some(format!("customer-{n}")),
        attributes: vec![("region".into(), "eu".into())],
        schema: None,
        payload: Payload::Json(format!(r#"{{"n":{n},"text":"{}"}}"#, "x".repeat(460)).into()),
    };
    let records = (0..RECORDS).map(record).collect();
    Batch { topic: "/default/orders".into(), attempt: 1, order: Order::ByKey, records }
}
