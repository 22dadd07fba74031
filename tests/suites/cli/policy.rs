//! An operator's file bounds what connector files get, wherever they are loaded.

use danube_wasm_tests::process::Process;
use expect_test::expect_file;

use super::{connector, folder, json, says};
use crate::COMMAND;

const POLICY: &str = "[policy]\ntopics = [\"/default/*\"]\n\n[policy.limits]\nmemory = \"128MiB\"\n";

#[tokio::test]
async fn a_file_that_asks_for_more_is_refused_with_both_lines() {
    let folder = folder();
    std::fs::write(folder.path().join("host.toml"), POLICY).unwrap();
    let greedy = connector("http.wasm", "[limits]\nmemory = \"1GiB\"\n");
    std::fs::write(folder.path().join("greedy.toml"), greedy).unwrap();
    std::fs::write(folder.path().join("modest.toml"), connector("stdout.wasm", "")).unwrap();
    let args = ["check", "--host-config", "host.toml", "greedy.toml", "modest.toml"];
    says(folder.path(), &args, expect_file!["../../golden/check_beyond_policy.txt"]).await;
    let ended = Process::start(COMMAND, folder.path(), &["run", "--host-config", "host.toml", "greedy.toml"]).end();
    let ended = ended.await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("greedy.toml:10:10") && ended.stderr.contains("host.toml:5:10"), "{ended:?}");
    let ended = Process::start(
        COMMAND,
        folder.path(),
        &["dev", "--receiver", "127.0.0.1:0", "--host-config", "host.toml", "greedy.toml"],
    )
    .end();
    assert_eq!(ended.await.code, Some(2));
}

#[tokio::test]
async fn the_environment_names_the_operators_file() {
    let folder = folder();
    std::fs::write(folder.path().join("host.toml"), POLICY).unwrap();
    let greedy = connector("http.wasm", "[limits]\nmemory = \"1GiB\"\n");
    std::fs::write(folder.path().join("greedy.toml"), greedy).unwrap();
    let variables = [("DANUBE_WASM_HOST_CONFIG", "host.toml")];
    let ended = Process::start_with(COMMAND, folder.path(), &["check", "greedy.toml"], &variables, "").end().await;
    assert!(ended.code == Some(2) && ended.stderr.contains("the operator allows 128MiB"), "{ended:?}");
}

#[tokio::test]
async fn nothing_runs_under_a_broken_policy() {
    let folder = folder();
    std::fs::write(folder.path().join("host.toml"), "[policy]\ntopic = []\n").unwrap();
    std::fs::write(folder.path().join("modest.toml"), connector("stdout.wasm", "")).unwrap();
    for command in ["check", "run", "dev"] {
        let args = [command, "--host-config", "host.toml", "modest.toml"];
        let ended = Process::start(COMMAND, folder.path(), &args).end().await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("host.toml:2:1") && ended.stdout.is_empty(), "{ended:?}");
    }
    let ended = Process::start(COMMAND, folder.path(), &["check", "--host-config", "no.toml", "modest.toml"]).end();
    let ended = ended.await;
    assert!(ended.code == Some(2) && ended.stderr.contains("cannot read `no.toml`"), "{ended:?}");
}

#[tokio::test]
async fn an_operators_file_among_connectors_is_neither_run_nor_applied_by_itself() {
    let folder = folder();
    let files = folder.path().join("config");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("host.toml"), POLICY).unwrap();
    std::fs::write(files.join("modest.toml"), connector("../stdout.wasm", "")).unwrap();
    says(folder.path(), &["check", "config"], expect_file!["../../golden/check_idle_policy.txt"]).await;
    let checked = json(folder.path(), &["check", "--json", "--host-config", "config/host.toml", "config"]).await;
    assert_eq!((&checked["ok"], checked["files"].as_array().map(Vec::len)), (&true.into(), Some(1)), "{checked}");
}
