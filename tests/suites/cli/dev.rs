//! `danube-wasm dev`: the whole path in one process, as a newcomer meets it.

use std::path::Path;

use danube_wasm_tests::{
    guests,
    process::{Ended, Process},
};
use tempfile::TempDir;

use crate::COMMAND;

const ORDERS: &str = "{\"id\":1,\"total\":12345678901234567890.10}\n{\"id\":2}\n\"three\"\n";

async fn dev(folder: &Path, args: &[&str], input: &str) -> Ended {
    let args = [&["dev"], args].concat();
    Process::start_with(COMMAND, folder, &args, &[], input).end().await
}

fn succeeded(ended: &Ended, records: usize) {
    let arrived = format!("arrived    {records} of {records} records");
    let ok = ended.stdout.contains("ok: every record of");
    assert!(ended.code == Some(0) && ok && ended.stdout.contains(&arrived), "{ended:?}");
}

/// One of the files under `config/`, with the component and the receiver of this test.
fn shipped(folder: &Path, name: &str, component: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let path = text.lines().find(|line| line.starts_with("path = ")).unwrap();
    let text = text.replace(path, &format!("path = {component:?}"));
    let text = text.replace("http://127.0.0.1:8080", "${env:DANUBE_DEV_RECEIVER}");
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn without_arguments_made_up_records_arrive() {
    let folder = TempDir::new().unwrap();
    succeeded(&dev(folder.path(), &[], "").await, 1000);
}

#[tokio::test]
async fn records_of_a_file_arrive_digit_by_digit() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("orders.ndjson"), ORDERS).unwrap();
    let ended = dev(folder.path(), &["--records", "orders.ndjson"], "").await;
    succeeded(&ended, 3);
    assert!(ended.stdout.contains("12345678901234567890.10"), "{ended:?}");
}

#[tokio::test]
async fn records_of_standard_input_arrive() {
    let folder = TempDir::new().unwrap();
    succeeded(&dev(folder.path(), &["--records", "-"], ORDERS).await, 3);
}

#[tokio::test]
async fn the_shipped_http_file_works() {
    let folder = TempDir::new().unwrap();
    shipped(folder.path(), "http.toml", guests::SINK_HTTP);
    succeeded(&dev(folder.path(), &["http.toml", "--receiver", "127.0.0.1:0", "--count", "50"], "").await, 50);
}

#[tokio::test]
async fn the_shipped_stdout_file_works() {
    let folder = TempDir::new().unwrap();
    shipped(folder.path(), "stdout.toml", guests::SINK_STDOUT);
    let args = ["stdout.toml", "--receiver", "127.0.0.1:0", "--count", "50", "--expect", "acks"];
    let ended = dev(folder.path(), &args, "").await;
    assert!(
        ended.code == Some(0) && ended.stdout.contains("ok: every record of /default/events was written"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains(r#""offset":0,"#), "what the guest prints is shown: {ended:?}");
}

#[tokio::test]
async fn a_record_that_does_not_arrive_is_a_failure() {
    let folder = TempDir::new().unwrap();
    shipped(folder.path(), "stdout.toml", guests::SINK_STDOUT);
    let ended = dev(folder.path(), &["stdout.toml", "--receiver", "127.0.0.1:0", "--count", "5"], "").await;
    assert!(ended.code == Some(1) && ended.stderr.contains("error: 5 records did not arrive"), "{ended:?}");
    assert!(ended.stderr.contains("--expect acks"), "{ended:?}");
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let folder = TempDir::new().unwrap();
    for args in [&["--count", "0"][..], &["missing.toml"], &["--records", "-", "--count", "5"]] {
        let ended = dev(folder.path(), args, "").await;
        assert!(ended.code == Some(2) && !ended.stderr.is_empty(), "{args:?}: {ended:?}");
    }
}
