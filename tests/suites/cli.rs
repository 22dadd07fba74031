//! What the command says, to the letter: `UPDATE_EXPECT=1 cargo test -p danube-wasm-tests cli` accepts new texts.
//! And what `dev` does.

mod bench;
mod dev;
mod doctor;
mod explain;
mod inspect;
mod new;
mod policy;
mod test;
mod watch;

use std::path::Path;

use danube_wasm_tests::{
    guests,
    process::{Ended, Process},
};
use expect_test::{ExpectFile, expect_file};
use tempfile::TempDir;

use crate::COMMAND;

/// A folder with the components of both sinks.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, component) in [("http.wasm", guests::SINK_HTTP), ("stdout.wasm", guests::SINK_STDOUT)] {
        std::fs::copy(component, folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("module.wasm"), b"\0asm\x01\0\0\0").unwrap();
    std::fs::write(folder.path().join("empty.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    folder
}

/// A connector's file of a golden test.
fn connector(component: &str, rest: &str) -> String {
    format!(
        r#"connector_name = "orders"
danube_service_url = "http://127.0.0.1:6650"

[component]
path = "{component}"

[processing]
on_reject = "skip"
{rest}
[settings]
url = "https://example.com/in"

[[settings.topic_mappings]]
topic = "/default/orders"
subscription = "orders"
"#
    )
}

/// Runs the command in a folder and compares all that it says and how it ends.
async fn says(folder: &Path, args: &[&str], expected: ExpectFile) {
    let ended = Process::start(COMMAND, folder, args).end().await;
    expected.assert_eq(&transcript(args, &ended, folder));
}

/// The text of a golden file: what differs from machine to machine and from build to build is left out.
fn transcript(args: &[&str], ended: &Ended, folder: &Path) -> String {
    let said = format!(
        "$ danube-wasm {}\n{}{}exit code {}\n",
        args.join(" "),
        marked("", &ended.stdout),
        marked("! ", &ended.stderr),
        ended.code.expect("ended by a signal")
    );
    let said = said.replace("danube-wasm-under-test", "danube-wasm").replace(folder.to_str().unwrap(), "<folder>");
    let lines = said.lines().map(|line| match line.trim_start().starts_with("size ") {
        true => "  size      <number> bytes\n".to_owned(),
        false => format!("{}\n", without_digests(line).trim_end()),
    });
    lines.collect()
}

fn marked(mark: &str, text: &str) -> String {
    text.lines().map(|line| format!("{mark}{line}\n")).collect()
}

fn without_digests(line: &str) -> String {
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let mut line = line.to_owned();
    while let Some(digest) = line.split(|c| !is_hex(c)).find(|word| word.len() == 64) {
        line = line.replace(&digest.to_owned(), "<sha256>");
    }
    line
}

#[tokio::test]
async fn help() {
    let folder = folder();
    says(folder.path(), &["--help"], expect_file!["../golden/help.txt"]).await;
    says(folder.path(), &["run", "--help"], expect_file!["../golden/help_run.txt"]).await;
    says(folder.path(), &["check", "--help"], expect_file!["../golden/help_check.txt"]).await;
    says(folder.path(), &["inspect", "--help"], expect_file!["../golden/help_inspect.txt"]).await;
    says(folder.path(), &["explain", "--help"], expect_file!["../golden/help_explain.txt"]).await;
    says(folder.path(), &["dev", "--help"], expect_file!["../golden/help_dev.txt"]).await;
    says(folder.path(), &["new", "--help"], expect_file!["../golden/help_new.txt"]).await;
    says(folder.path(), &["test", "--help"], expect_file!["../golden/help_test.txt"]).await;
    says(folder.path(), &["doctor", "--help"], expect_file!["../golden/help_doctor.txt"]).await;
    says(folder.path(), &["dlq", "--help"], expect_file!["../golden/help_dlq.txt"]).await;
    says(folder.path(), &["dlq", "list", "--help"], expect_file!["../golden/help_dlq_list.txt"]).await;
    says(folder.path(), &["dlq", "replay", "--help"], expect_file!["../golden/help_dlq_replay.txt"]).await;
}

#[tokio::test]
async fn check_of_what_is_right() {
    let folder = folder();
    let granted = "[capabilities]\nhttp = [\"https://example.com\"]\n";
    std::fs::write(folder.path().join("orders.toml"), connector("http.wasm", granted)).unwrap();
    says(folder.path(), &["check", "orders.toml"], expect_file!["../golden/check_ok.txt"]).await;
    std::fs::write(folder.path().join("sealed.toml"), connector("http.wasm", "")).unwrap();
    says(folder.path(), &["check", "sealed.toml"], expect_file!["../golden/check_no_grant.txt"]).await;
    std::fs::write(folder.path().join("useless.toml"), connector("stdout.wasm", granted)).unwrap();
    says(folder.path(), &["check", "useless.toml"], expect_file!["../golden/check_useless_grant.txt"]).await;
}

#[tokio::test]
async fn check_of_what_is_wrong() {
    let folder = folder();
    let text = connector("http.wasm", "batch_sise = 5\n");
    std::fs::write(folder.path().join("typo.toml"), text).unwrap();
    says(folder.path(), &["check", "typo.toml"], expect_file!["../golden/check_typo.txt"]).await;
    for (file, component) in [("module.toml", "module.wasm"), ("world.toml", "empty.wasm"), ("none.toml", "no.wasm")] {
        std::fs::write(folder.path().join(file), connector(component, "")).unwrap();
    }
    says(folder.path(), &["check", "module.toml"], expect_file!["../golden/check_module.txt"]).await;
    says(folder.path(), &["check", "world.toml"], expect_file!["../golden/check_other_world.txt"]).await;
    says(folder.path(), &["check", "none.toml"], expect_file!["../golden/check_no_component.txt"]).await;
    says(folder.path(), &["check", "missing.toml"], expect_file!["../golden/check_missing.txt"]).await;
    let digest = format!("sha256 = \"{}\"\n", "0".repeat(64));
    let text = connector("http.wasm", "").replace("path = \"http.wasm\"\n", &format!("path = \"http.wasm\"\n{digest}"));
    std::fs::write(folder.path().join("digest.toml"), text).unwrap();
    says(folder.path(), &["check", "digest.toml"], expect_file!["../golden/check_digest.txt"]).await;
}

#[tokio::test]
async fn check_reads_the_files_that_grants_name() {
    let folder = folder();
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    std::fs::write(folder.path().join("bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    let granted = r#"[capabilities]
http = [
    { url = "https://a.example", ca_cert = "none.pem" },
    { url = "https://b.example", ca_cert = "bad.pem" },
    { url = "https://c.example", client_cert = "bad.pem", client_key = "empty.pem" },
]
sockets = [{ url = "tcp://d.example:5432", ca_cert = "empty.pem" }]
"#;
    std::fs::write(folder.path().join("pem.toml"), connector("http.wasm", granted)).unwrap();
    says(folder.path(), &["check", "pem.toml"], expect_file!["../golden/check_pem.txt"]).await;
}

#[tokio::test]
async fn dlq_says_what_is_missing() {
    let folder = folder();
    std::fs::write(folder.path().join("orders.toml"), connector("http.wasm", "")).unwrap();
    let expected = expect_file!["../golden/dlq_without_a_topic.txt"];
    says(folder.path(), &["dlq", "list", "orders.toml"], expected).await;
    let expected = expect_file!["../golden/dlq_without_a_broker.txt"];
    says(folder.path(), &["dlq", "list", "--topic", "/default/dlq"], expected).await;
    let expected = expect_file!["../golden/dlq_without_certificates.txt"];
    let args = ["dlq", "list", "--topic", "/default/dlq", "--broker", "https://broker:6650"];
    says(folder.path(), &args, expected).await;
}

/// What a machine reads is parsed, not compared: its order and spacing are nobody's promise.
async fn json(folder: &Path, args: &[&str]) -> serde_json::Value {
    let ended = Process::start(COMMAND, folder, args).end().await;
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[tokio::test]
async fn machines_can_read_check_and_inspect() {
    let folder = folder();
    let granted = "[capabilities]\nhttp = [\"https://example.com\"]\n";
    std::fs::write(folder.path().join("orders.toml"), connector("http.wasm", granted)).unwrap();
    std::fs::write(folder.path().join("typo.toml"), connector("http.wasm", "batch_sise = 5\n")).unwrap();

    let checked = json(folder.path(), &["check", "--json", "orders.toml", "typo.toml"]).await;
    assert_eq!(checked["ok"], false, "{checked}");
    assert_eq!((&checked["files"][0]["ok"], &checked["files"][0]["connector"]), (&true.into(), &"orders".into()));
    let mistake = checked["files"][1]["error"].as_str().unwrap();
    assert!(mistake.contains("batch_sise") && mistake.contains("typo.toml:9"), "{mistake}");

    let inspected = json(folder.path(), &["inspect", "--json", "http.wasm"]).await;
    assert_eq!(inspected["sha256"], checked["files"][0]["sha256"], "{inspected}");
    assert_eq!(inspected["imports"]["HTTP out"][0], "danube:sink/http@0.1.0", "{inspected}");
}

#[tokio::test]
async fn the_config_is_printed_as_it_is_understood() {
    let folder = folder();
    std::fs::write(folder.path().join("orders.toml"), connector("http.wasm", "")).unwrap();
    let ended = Process::start(COMMAND, folder.path(), &["check", "--print-config", "orders.toml"]).end().await;
    let printed = &ended.stdout;
    assert!(printed.contains("on_reject = \"skip\"") && printed.contains("max_retries = 3"), "{ended:?}");
}
