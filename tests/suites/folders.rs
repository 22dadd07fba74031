//! What a real component sees of the machine: the folders that its file grants, within their quotas, and nothing else.

use std::{fs, os::unix::fs::symlink};

use serde_json::json;
use toml::{Table, Value};

use crate::told::Told;

fn dirs(granted: &[&str]) -> Vec<Value> {
    granted.iter().map(|dir| Value::Table(dir.parse().unwrap())).collect()
}

fn append(path: &str, bytes: usize) -> serde_json::Value {
    json!({ "do": "append", "path": path, "bytes": bytes })
}

fn read(path: &str) -> serde_json::Value {
    json!({ "do": "read", "path": path })
}

#[tokio::test]
async fn a_component_writes_within_its_quota_and_reads_what_it_may() {
    let told = Told::new().await;
    let folder = told.rig.folder().to_owned();
    for name in ["spool", "in"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    fs::write(folder.join("secret"), "the secret").unwrap();
    fs::write(folder.join("in/plain"), "hello").unwrap();
    symlink(folder.join("secret"), folder.join("in/absolute")).unwrap();
    symlink("../secret", folder.join("in/relative")).unwrap();
    let granted = dirs(&[
        "host = 'spool'\nguest = '/spool'\nmode = 'rw'\nquota = '1MiB'",
        "host = 'in'\nguest = '/in'\nmode = 'ro'",
    ]);
    let mut told = told.granting("dirs", granted);
    let host = told.rig.run(std::slice::from_ref(&told.connector)).await;

    assert_eq!(told.answers(read("/in/plain")).await, "hello");
    for way in ["/in/absolute", "/in/relative", "/in/../secret", "/secret", "/etc/passwd", "secret"] {
        let answer = told.answers(read(way)).await;
        assert!(
            answer.contains(": ") && !answer.contains("the secret") && !answer.contains("root:"),
            "{way}: {answer}"
        );
    }
    let answer = told.answers(append("/in/new", 1)).await;
    assert!(answer.starts_with("PermissionDenied") || answer.contains("os error"), "{answer}");
    assert!(!folder.join("in/new").exists());

    told.rig.publish_unseen(&told.topic, [append("/spool/file", 500_000).to_string()]).await;
    let answer = told.answers(append("/spool/file", 600_000)).await;
    // Its C library knows no better word for a stream that failed.
    assert!(answer.contains("I/O error"), "{answer}");
    let there = fs::metadata(folder.join("spool/file")).unwrap().len();
    assert!((500_000..1 << 20).contains(&there), "{there}");
    // Filled to the last byte: the entry itself costs 4 KiB.
    let rest = usize::try_from((1 << 20) - 4096 - there).unwrap();
    told.rig.publish_unseen(&told.topic, [append("/spool/file", rest).to_string()]).await;
    let answer = told.answers(append("/spool/another", 0)).await;
    assert!(answer.starts_with("QuotaExceeded"), "{answer}");
    assert_eq!(fs::metadata(folder.join("spool/file")).unwrap().len(), (1 << 20) - 4096);
    assert!(host.count("danube_wasm_limit_hits_total", "limit=\"dir_quota\"") > 1.0);
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_component_sees_nothing_else_of_the_machine() {
    let mut told = Told::new().await;
    told.connector = told.connector.set("capabilities.env.GRANTED", "yes");
    let host = told.rig.run(std::slice::from_ref(&told.connector)).await;
    assert_eq!(
        told.answers(json!({ "do": "look_around" })).await,
        r#"environment [("GRANTED", "yes")], arguments [], stdin Ok(0) [], root Err(NotFound)"#
    );
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_folder_that_is_not_there_or_not_to_be_written_fails_the_start() {
    let told = Told::new().await;
    let files = told.rig.folder().display().to_string();
    for (dir, reason) in [
        ("host = 'missing'\nguest = '/spool'\nmode = 'ro'".to_owned(), "missing` for `/spool`"),
        (format!("host = '{files}'\nguest = '/spool'\nmode = 'rw'\nquota = '1GiB'"), "it holds the connector's file"),
    ] {
        let connector = told.connector.clone().set("capabilities.dirs", vec![dir.parse::<Table>().unwrap()]);
        let host = told.rig.start_host(std::slice::from_ref(&connector)).await;
        let cause = host.until_failed(&connector).await;
        assert!(cause.contains(reason) && cause.contains("`dirs` under [capabilities]"), "{cause}");
        assert_eq!(host.stop().await.failed(), 1);
    }
}
