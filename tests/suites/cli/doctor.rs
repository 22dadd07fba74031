//! `danube-wasm doctor`: what is missing, and how to install it.

use danube_wasm_tests::process::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::COMMAND;

#[tokio::test]
async fn what_builds_these_tests_is_found() {
    let folder = TempDir::new().unwrap();
    let ended = Process::start(COMMAND, folder.path(), &["doctor", "--lang", "rust"]).end().await;
    assert!(ended.code == Some(0) && ended.stdout.contains("ok       the target wasm32-wasip2"), "{ended:?}");
}

#[tokio::test]
async fn what_is_missing_comes_with_the_command_that_installs_it() {
    let folder = TempDir::new().unwrap();
    let nowhere = [("PATH", folder.path().to_str().unwrap())];
    let ended = Process::start_with(COMMAND, folder.path(), &["doctor", "--json"], &nowhere, "").end().await;
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &report["ok"]), (Some(1), &false.into()), "{report}");
    let needs = report["needs"].as_array().unwrap();
    let mut languages: Vec<_> = needs.iter().map(|need| need["language"].as_str().unwrap()).collect();
    languages.dedup();
    assert_eq!(languages, ["rust", "js", "ts", "python", "go", "c"]);
    for need in needs {
        assert!(need["state"] == "missing" && !need["install"].as_str().unwrap().is_empty(), "{need}");
    }
    let ended = Process::start_with(COMMAND, folder.path(), &["doctor", "--lang", "go"], &nowhere, "").end().await;
    assert!(ended.code == Some(1) && ended.stdout.contains("install: ") && !ended.stdout.contains("Rust"), "{ended:?}");
}
