//! What `inspect` tells about a component, and the file that it writes for it.

use danube_wasm_tests::{guests, process::Process};
use expect_test::expect_file;

use super::{connector, folder, json, says};
use crate::COMMAND;

#[tokio::test]
async fn a_component_is_described_without_running_it() {
    let folder = folder();
    says(folder.path(), &["inspect", "http.wasm"], expect_file!["../../golden/inspect_http.txt"]).await;
    says(folder.path(), &["inspect", "stdout.wasm"], expect_file!["../../golden/inspect_stdout.txt"]).await;
    says(folder.path(), &["inspect", "module.wasm"], expect_file!["../../golden/inspect_module.txt"]).await;
    says(folder.path(), &["inspect", "empty.wasm"], expect_file!["../../golden/inspect_other_world.txt"]).await;
    says(folder.path(), &["inspect", "missing.wasm"], expect_file!["../../golden/inspect_missing.txt"]).await;
}

#[tokio::test]
async fn each_import_is_held_against_a_file() {
    let folder = folder();
    let granted = "[capabilities]\nhttp = [\"https://example.com\"]\nenv = { TZ = \"UTC\" }\n\
                   http_headers = [{ url = \"https://example.com/in/\", header = \"X-Team\", value = \"not-shown\" }]\n";
    std::fs::write(folder.path().join("granted.toml"), connector("http.wasm", granted)).unwrap();
    std::fs::write(folder.path().join("sealed.toml"), connector("http.wasm", "")).unwrap();
    let args = ["inspect", "http.wasm", "--config", "granted.toml"];
    says(folder.path(), &args, expect_file!["../../golden/inspect_granted.txt"]).await;
    let inspected = json(folder.path(), &["inspect", "--json", "http.wasm", "--config", "sealed.toml"]).await;
    assert_eq!(inspected["usable"]["HTTP out"]["usable"], false, "{inspected}");
    assert_eq!(inspected["usable"]["clocks"]["usable"], true, "{inspected}");
    let ended = Process::start(COMMAND, folder.path(), &["inspect", "http.wasm", "--config", "no.toml"]).end().await;
    assert!(ended.code == Some(2) && ended.stderr.contains("cannot read `no.toml`"), "{ended:?}");
}

#[tokio::test]
async fn sockets_are_told_in_plain_words() {
    let folder = folder();
    std::fs::copy(guests::GUEST_SCRIPTED, folder.path().join("scripted.wasm")).unwrap();
    let inspected = json(folder.path(), &["inspect", "--json", "scripted.wasm"]).await;
    assert_eq!(inspected["sockets"], "TCP sockets, UDP sockets, name lookup", "{inspected}");
    let least: toml::Table = inspected["least_config"].as_str().unwrap().parse().unwrap();
    let sockets = ["tcp://HOST.example:5432", "udp://HOST.example:514"].map(toml::Value::from);
    assert_eq!(least["capabilities"]["sockets"], toml::Value::from(sockets.to_vec()));
    let ended = Process::start(COMMAND, folder.path(), &["inspect", "scripted.wasm"]).end().await;
    assert!(ended.stdout.contains("    TCP sockets, UDP sockets, name lookup\n      wasi:sockets/"), "{ended:?}");
}

#[tokio::test]
async fn the_least_file_loads_as_it_is_written() {
    let folder = folder();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for (component, file) in
        [("http.wasm", "least.toml"), ("stdout.wasm", "least-stdout.toml"), ("http.wasm", "elsewhere/least.toml")]
    {
        let args = ["inspect", component, "--write-config", file];
        let ended = Process::start(COMMAND, folder.path(), &args).end().await;
        assert!(ended.code == Some(0) && ended.stdout.contains(file), "{ended:?}");
        let checked = Process::start(COMMAND, folder.path(), &["check", file]).end().await;
        assert!(checked.code == Some(0) && checked.stderr.is_empty(), "{checked:?}");
        // It does not write over what somebody has filled in.
        let again = Process::start(COMMAND, folder.path(), &args).end().await;
        assert!(again.code == Some(2) && again.stderr.contains("is there already"), "{again:?}");
    }
    let inspected = json(folder.path(), &["inspect", "--json", "http.wasm"]).await;
    let written = std::fs::read_to_string(folder.path().join("least.toml")).unwrap();
    assert_eq!(inspected["least_config"], written);
}
