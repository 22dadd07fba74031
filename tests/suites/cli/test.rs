//! `danube-wasm test`, as a connector's author meets it: with the `http` sink in place of a component of one's own.

use std::{fs, path::Path};

use danube_wasm_tests::{
    guests,
    process::{Ended, Process},
};
use expect_test::expect_file;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::says;
use crate::COMMAND;

const CONFIG: &str = r#"connector_name = "orders"
danube_service_url = "http://127.0.0.1:6650"
component = { path = "http.wasm" }
processing = { on_reject = "skip" }

[[capabilities.http_headers]]
url = "https://shop.example"
header = "Authorization"
value = "Bearer secret-of-the-host"

[capabilities]
http = ["https://shop.example"]

[settings]
url = "https://shop.example/in"

[[settings.topic_mappings]]
topic = "/default/orders"
subscription = "orders"
batch_size = 2
"#;

fn folder(expected: Option<&Value>) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::copy(guests::SINK_HTTP, folder.path().join("http.wasm")).unwrap();
    fs::write(folder.path().join("http.toml"), CONFIG).unwrap();
    fs::write(folder.path().join("records.ndjson"), "{\"n\":1}\n{\"n\":2}\n{\"n\":12345678901234567890.10}\n").unwrap();
    if let Some(expected) = expected {
        fs::write(folder.path().join("expected.json"), expected.to_string()).unwrap();
    }
    folder
}

async fn test(folder: &Path, args: &[&str]) -> Ended {
    let args = [&["test", "http.wasm", "--records", "records.ndjson"], args].concat();
    Process::start(COMMAND, folder, &args).end().await
}

#[tokio::test]
async fn what_happens_is_written_and_then_expected() {
    let folder = folder(None);
    let written = test(folder.path(), &["--expect", "expected.json", "--write"]).await;
    assert_eq!(written.code, Some(0), "{written:?}");
    let text = fs::read_to_string(folder.path().join("expected.json")).unwrap();
    assert!(text.contains("12345678901234567890.10"), "every digit: {text}");
    assert!(!text.contains("secret-of-the-host"), "{text}");
    let expected: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(expected["records"], json!(["written", "written", "written"]));
    assert_eq!(expected["http"].as_array().unwrap().len(), 2, "{expected}");
    let again = test(folder.path(), &["--expect", "expected.json"]).await;
    assert!(again.code == Some(0) && again.stdout.contains("ok: all is as expected.json says"), "{again:?}");
}

#[tokio::test]
async fn differences_are_shown_where_they_are() {
    let url = "https://shop.example/in";
    let expected = json!({
        "http": [
            { "request": { "url": url, "headers": { "authorization": "of the host", "x-shop": "1" }, "body": [{ "n": 1 }, { "n": 3 }] } },
            { "request": { "method": "PUT", "url": url } },
        ],
        "records": ["written", { "outcome": "rejected" }, "written"],
        "parked": "never",
    });
    let folder = folder(Some(&expected));
    let args = ["test", "http.wasm", "--records", "records.ndjson", "--expect", "expected.json", "--log-level", "warn"];
    says(folder.path(), &args, expect_file!["../../golden/test_differences.txt"]).await;
    let ended = test(folder.path(), &["--expect", "expected.json", "--json"]).await;
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &report["ok"]), (Some(1), &json!(false)), "{report}");
    assert_eq!(report["differences"].as_array().unwrap().len(), 6, "{report}");
    assert_eq!(report["calls"][0]["offsets"], json!([0, 1]), "{report}");
}

#[tokio::test]
async fn replies_go_by_method_and_url_and_failures_are_real() {
    let expected = json!({
        "http": [
            { "request": { "method": "DELETE" }, "reply": { "status": 500 } },
            { "reply": { "failure": "truncated", "body": "half a" } },
            { "reply": { "status": 429, "headers": { "retry-after": "3" }, "delay_ms": 1 } },
            { "request": { "method": "POST", "url": "https://SHOP.example:443/in" }, "times": "any" },
        ],
        "records": [
            { "outcome": "written", "retries": [{}, { "after_ms": 3000 }] },
            { "outcome": "written", "retries": [{}, { "after_ms": 3000 }] },
            "written",
        ],
    });
    let folder = folder(Some(&expected));
    let ended = test(folder.path(), &["--expect", "expected.json", "--json"]).await;
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    // Nobody sends a DELETE.
    assert_eq!(
        report["differences"],
        json!([{ "at": "http[0]", "expected": "1 request", "found": "0 requests" }]),
        "{report}"
    );
    let reasons = &report["happened"]["records"][0]["retries"];
    assert!(reasons[0]["reason"].as_str().unwrap().contains("broke off"), "{reasons}");
}

#[tokio::test]
async fn grants_are_enforced() {
    let folder = folder(None);
    let config = CONFIG.replace(
        "http = [\"https://shop.example\"]",
        "http = [{ url = \"https://shop.example\", methods = [\"PUT\"] }]",
    );
    fs::write(folder.path().join("http.toml"), config).unwrap();
    let ended = test(folder.path(), &[]).await;
    assert!(ended.stdout.contains("stopped: ") && ended.stderr.contains("https://shop.example"), "{ended:?}");
}

#[tokio::test]
async fn records_say_more_than_their_payload() {
    let folder = folder(None);
    let records = [
        json!({ "$record": { "text": "a", "key": "k", "attributes": { "x": "ü" }, "offset": 7 } }),
        json!({ "$record": { "base64": "/w==" } }),
        json!({ "$record": { "payload": { "n": 1 }, "schema": { "subject": "s", "type": "json_schema", "version": 3 } } }),
        json!({ "$record": { "text": "no json", "schema": { "subject": "s", "type": "json_schema" } } }),
    ];
    fs::write(folder.path().join("records.ndjson"), records.map(|record| record.to_string()).join("\n")).unwrap();
    let ended = test(folder.path(), &["--json"]).await;
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let records = &report["happened"]["records"];
    assert_eq!((&records[0], &records[2]), (&json!("written"), &json!("written")), "{report}");
    assert_eq!((&records[3]["outcome"], &records[3]["stage"]), (&json!("rejected"), &json!("decode")), "{report}");
}

#[tokio::test]
async fn mistakes_in_files_are_shown_with_their_line() {
    let folder = folder(None);
    let expect = ["test", "http.wasm", "--records", "records.ndjson", "--expect", "expected.json"];
    fs::write(folder.path().join("expected.json"), "{\n  \"http\": [{ \"reply\": { \"statsu\": 503 } }]\n}\n").unwrap();
    says(folder.path(), &expect, expect_file!["../../golden/test_unknown_key.txt"]).await;
    fs::write(folder.path().join("expected.json"), "{ \"http\": [{ \"reply\": { \"status\": 100 } }] }").unwrap();
    says(folder.path(), &expect, expect_file!["../../golden/test_bad_status.txt"]).await;
    fs::write(folder.path().join("records.ndjson"), "{}\n{\"$record\":{\"payload\":{},\"topick\":\"/a/b\"}}\n")
        .unwrap();
    says(folder.path(), &expect[..4], expect_file!["../../golden/test_bad_record.txt"]).await;
    fs::write(folder.path().join("records.ndjson"), "{\"$record\":{\"payload\":{},\"topic\":\"/a/b\"}}\n").unwrap();
    let quiet = [&expect[..4], &["--log-level", "warn"]].concat();
    says(folder.path(), &quiet, expect_file!["../../golden/test_unknown_topic.txt"]).await;
    fs::remove_file(folder.path().join("http.toml")).unwrap();
    says(folder.path(), &expect[..4], expect_file!["../../golden/test_no_config.txt"]).await;
}
