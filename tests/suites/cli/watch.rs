//! `danube-wasm dev --watch`: a change of a source builds the project and starts the connector anew.

use std::{fs, path::Path};

use danube_wasm_tests::{
    guests,
    process::{Process, Signal},
    until,
};
use tempfile::TempDir;

use crate::COMMAND;

const CONFIG: &str = r#"connector_name = "watched"
danube_service_url = "http://127.0.0.1:6650"
component = { path = "sink.wasm" }
capabilities = { http = ["${env:DANUBE_DEV_RECEIVER}"] }
processing = { on_reject = "skip" }

[settings]
url = "${env:DANUBE_DEV_RECEIVER}"

[[settings.topic_mappings]]
topic = "/default/orders"
subscription = "watched"
flush_interval_ms = 50
"#;

/// A build that works as long as its source says so.
const BUILD: &str =
    "set -eu\ngrep -q right source.txt || { echo 'source.txt:1: it is wrong' >&2; exit 1; }\ncp made.bin sink.wasm\n";

fn times(process: &Process, text: &str) -> usize {
    process.stdout().matches(text).count()
}

async fn until_times(process: &Process, text: &str, count: usize) {
    let what = format!("`{text}` {count} times");
    until(&what, || times(process, text) >= count).await;
}

#[tokio::test]
async fn a_change_builds_and_starts_anew_and_a_failing_build_leaves_the_old_one() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::copy(Path::new(guests::SINK_HTTP), folder.path().join("made.bin")).unwrap();
    write("build.sh", BUILD);
    write("watched.toml", CONFIG);
    write("source.txt", "right");
    let args = ["dev", "watched.toml", "--watch", "--receiver", "127.0.0.1:0", "--count", "20"];
    let process = Process::start(COMMAND, folder.path(), &args);
    until_times(&process, "watching ", 1).await;
    assert_eq!(times(&process, "ok: every record"), 1, "{} {}", process.stdout(), process.stderr());

    write("source.txt", "wrong");
    until_times(&process, "watching ", 2).await;
    let stderr = process.stderr();
    assert!(stderr.contains("source.txt:1: it is wrong") && stderr.contains("goes on as it is"), "{stderr}");
    assert_eq!(times(&process, "ok: every record"), 1);

    write("source.txt", "right again");
    until_times(&process, "ok: every record", 2).await;
    assert!(process.stdout().contains("changed    ./source.txt"), "{}", process.stdout());
    until_times(&process, "watching ", 3).await;
    process.signal(Signal::Int).await;
    let ended = process.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn without_something_to_build_it_says_so() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("watched.toml"), CONFIG).unwrap();
    let ended = Process::start(COMMAND, folder.path(), &["dev", "watched.toml", "--watch"]).end().await;
    assert!(ended.code == Some(2) && ended.stderr.contains("--build"), "{ended:?}");
}
