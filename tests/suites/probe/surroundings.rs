//! Environment, arguments, standard input, and files where none are granted: what a guest finds around itself.

use danube_wasm_tests::rig::Rig;
use serde_json::json;

use super::{Bystander, Row, attempt, probe};

#[tokio::test]
async fn are_empty_but_for_what_is_granted() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let secret = rig.file("secret", "not for guests");
    let connector = probe(&rig, &topic).set("capabilities.env.TZ", "UTC");
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let paths = [
        "/",
        ".",
        "..",
        "",
        "/etc/passwd",
        "etc/passwd",
        "../../../../etc/passwd",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/dev/stdin",
        "/tmp",
        "//etc/passwd",
        secret.to_str().unwrap(),
    ];
    let mut rows = Vec::new();
    for path in paths {
        // Without a folder there is nothing that a path could start from.
        for verb in ["read", "write", "list", "inspect", "remove", "make_folder", "follow"] {
            rows.push(Row::new(format!("{verb} {path:?}"), json!({ verb: path }), NOWHERE));
        }
    }
    rows.push(Row::new("folders", json!("folders"), "[]"));
    rows.push(Row::new("environment", json!("environment"), r#"[("TZ", "UTC")]"#));
    rows.push(Row::new("arguments", json!("arguments"), "[]"));
    rows.push(Row::new("stdin", json!("stdin"), r#"read """#));
    rows.push(Row::new("all of stdin", json!("greedy_stdin"), "closed"));
    attempt(&rig, &topic, &rows).await;
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "not for guests");
    bystander.goes_on(&rig, &host).await;
}

const NOWHERE: &str = "NotFound";

#[tokio::test]
async fn settings_are_open_to_the_component() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[probe(&rig, &topic).set("settings.api_key", "for the component")]).await;
    attempt(&rig, &topic, &[Row::new("settings", json!("settings"), r#"{"api_key":"for the component""#)]).await;
}

#[tokio::test]
async fn clocks_are_exact() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[probe(&rig, &topic)]).await;
    attempt(&rig, &topic, &[Row::new("clock", json!("clock"), "1 ns")]).await;
}
