//! Granted folders: the ways out of them, the ways around what they are granted for, and the ways to fill the disk or the
//! host's memory through them.

use std::{fs, os::unix::fs::symlink, os::unix::net::UnixListener, path::Path, process::Command};

use danube_wasm_tests::rig::{Connector, Rig, Topic};
use serde_json::{Value, json};

use super::{Bystander, Row, attempt, probe};

const NO: &str = "PermissionDenied: ";
const NOWHERE: &str = "NotFound: ";
const ELSEWHERE: &str = "CrossesDevices: ";
const FULL: &str = "QuotaExceeded: ";

/// `/spool` may be written to, up to a mebibyte, `/in` may be read.
fn granting(connector: Connector) -> Connector {
    let dirs = [
        "host = 'outside/spool'\nguest = '/spool'\nmode = 'rw'\nquota = '1MiB'",
        "host = 'outside/in'\nguest = '/in'\nmode = 'ro'",
    ];
    let dirs: Vec<_> = dirs.iter().map(|dir| dir.parse::<toml::Table>().unwrap()).collect();
    connector.set("capabilities.dirs", dirs)
}

/// The two folders, and beside them what is nobody's business. Somebody has left links in them.
fn furnish(outside: &Path) -> UnixListener {
    for folder in ["spool/sub", "in/sub"] {
        fs::create_dir_all(outside.join(folder)).unwrap();
    }
    fs::write(outside.join("secret"), "not for guests").unwrap();
    fs::write(outside.join("in/plain"), "hello").unwrap();
    fs::write(outside.join("spool/plain"), "hello").unwrap();
    for folder in ["in", "spool"] {
        let folder = outside.join(folder);
        symlink("../secret", folder.join("relative")).unwrap();
        symlink(outside.join("secret"), folder.join("absolute")).unwrap();
        symlink("..", folder.join("up")).unwrap();
        symlink("/proc/self/environ", folder.join("environ")).unwrap();
        symlink("loop", folder.join("loop")).unwrap();
        symlink("plain", folder.join("inner")).unwrap();
        // Harmless where it is, and a way out one level higher.
        symlink("../plain", folder.join("sub/link")).unwrap();
        symlink("../secret", folder.join("sub/deeper")).unwrap();
        // What blocks whoever opens it.
        assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    }
    UnixListener::bind(outside.join("in/socket")).unwrap()
}

fn attempts(outside: &str) -> Vec<(Value, &'static str)> {
    vec![
        // What is granted, to see that it is.
        (json!("folders"), r#"["/spool", "/in"]"#),
        (json!({ "read": "/in/plain" }), "read \"hello\""),
        (json!({ "read": "/in/inner" }), "read \"hello\""),
        (json!({ "read": "/in/sub/link" }), "read \"hello\""),
        (json!({ "read": "/in/sub/../plain" }), "read \"hello\""),
        (json!({ "write": "/spool/new" }), "written"),
        (json!({ "rename": ["/spool/new", "/spool/newer"] }), "moved"),
        (json!({ "make_folder": "/spool/made" }), "made"),
        // Links and dots that lead out.
        (json!({ "read": "/in/relative" }), NO),
        (json!({ "read": "/in/absolute" }), NO),
        (json!({ "read": "/in/up/secret" }), NO),
        (json!({ "read": "/in/environ" }), NO),
        (json!({ "read": "/in/loop" }), "FilesystemLoop: "),
        (json!({ "read": "/in/../secret" }), NO),
        (json!({ "read": "/in/./../../secret" }), NO),
        (json!({ "read": "/in/sub/../../secret" }), NO),
        (json!({ "read": "/in/../in/plain" }), NO),
        (json!({ "read": "/spool/../in/plain" }), NO),
        (json!({ "read": format!("{outside}/secret") }), NOWHERE),
        (json!({ "read": "/in//etc/passwd" }), NOWHERE),
        (json!({ "inspect": "/in/relative" }), NO),
        (json!({ "inspect": "/in/.." }), NO),
        (json!({ "list": "/in/.." }), NO),
        (json!({ "list": "/in/up" }), NO),
        (json!({ "list": "/" }), NOWHERE),
        (json!({ "follow": "/in/absolute" }), NO),
        // Links that come to lead out.
        (json!({ "rename": ["/spool/sub/link", "/spool/link"] }), "moved"),
        (json!({ "read": "/spool/link" }), NO),
        (json!({ "rename": ["/spool/up", "/spool/down"] }), "moved"),
        (json!({ "read": "/spool/down/secret" }), NO),
        (json!({ "write": "/spool/down/new" }), NO),
        (json!({ "write": "/spool/relative" }), NO),
        (json!({ "write": "/spool/absolute" }), NO),
        (json!({ "fill": ["/spool/relative", 1] }), NO),
        (json!({ "stretch": ["/spool/relative", 1] }), NO),
        (json!({ "make_folder": "/spool/down/made" }), NO),
        (json!({ "remove": "/spool/down/secret" }), NO),
        (json!({ "rename": ["/spool/newer", "/spool/../newer"] }), NO),
        (json!({ "rename": ["/spool/newer", "/spool/down/newer"] }), NO),
        (json!({ "rename": ["/spool/down/secret", "/spool/secret"] }), NO),
        // Links of its own.
        (json!({ "symlink": [outside, "mine"] }), "not-permitted"),
        (json!({ "symlink": ["..", "mine"] }), "not-permitted"),
        (json!({ "symlink": ["plain", "mine"] }), "not-permitted"),
        (json!({ "read": "/spool/mine" }), NOWHERE),
        (json!({ "hard_link": ["/spool/plain", "/spool/mine"] }), NO),
        (json!({ "hard_link": ["/in/plain", "/spool/mine"] }), NO),
        (json!({ "hard_link": ["/spool/relative", "/spool/mine"] }), NO),
        // What blocks, or is somebody else's way in.
        (json!({ "read": "/in/pipe" }), NO),
        (json!({ "read": "/spool/pipe" }), NO),
        (json!({ "write": "/spool/pipe" }), NO),
        (json!({ "read": "/in/socket" }), NO),
        // Changes where only reading is granted.
        (json!({ "write": "/in/new" }), NO),
        (json!({ "write": "/in/plain" }), NO),
        (json!({ "fill": ["/in/plain", 1] }), NO),
        (json!({ "write": "/in/relative" }), NO),
        (json!({ "make_folder": "/in/made" }), NO),
        (json!({ "remove": "/in/plain" }), NO),
        (json!({ "stretch": ["/in/plain", 9] }), NO),
        (json!({ "rename": ["/in/plain", "/in/other"] }), NO),
        // From one to the other.
        (json!({ "rename": ["/in/plain", "/spool/taken"] }), ELSEWHERE),
        (json!({ "rename": ["/spool/newer", "/in/newer"] }), ELSEWHERE),
        (json!({ "rename": ["/spool/made", "/in/made"] }), ELSEWHERE),
        (json!({ "rename": ["/spool/newer", "/in/plain"] }), ELSEWHERE),
    ]
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

async fn with_folders(rig: &Rig, topic: &Topic) -> Connector {
    granting(probe(rig, topic))
}

fn rows(attempts: impl IntoIterator<Item = (Value, &'static str)>) -> Vec<Row> {
    attempts.into_iter().map(|(attempt, expected)| Row::new(attempt.to_string(), attempt, expected)).collect()
}

#[tokio::test]
async fn are_not_left_nor_changed_where_they_are_for_reading() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let outside = rig.folder().join("outside");
    let _socket = furnish(&outside);
    let before = names(&outside.join("in"));
    let host = rig.run(&[with_folders(&rig, &topic).await, bystander.connector.clone()]).await;
    attempt(&rig, &topic, &rows(attempts(outside.to_str().unwrap()))).await;
    assert_eq!(names(&outside), ["in", "secret", "spool"]);
    assert_eq!(names(&outside.join("in")), before);
    for (name, content) in [("secret", "not for guests"), ("in/plain", "hello"), ("spool/plain", "hello")] {
        assert_eq!(fs::read_to_string(outside.join(name)).unwrap(), content);
    }
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn take_what_their_quota_allows() {
    let rig = Rig::start().await;
    let (topic, bystander) = (rig.topic().await, Bystander::new(&rig).await);
    let outside = rig.folder().join("outside");
    let _socket = furnish(&outside);
    for n in 0..1498 {
        fs::write(outside.join(format!("in/sub/{n}")), "").unwrap();
    }
    let connector = with_folders(&rig, &topic).await;
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;
    let attempts = [
        (json!({ "stretch": ["/spool/plain", 1_u64 << 40] }), FULL),
        (json!({ "stretch": ["/spool/plain", u64::MAX] }), ""),
        (json!({ "fill": ["/spool/large", 4 << 20] }), "Uncategorized: I/O error"),
        (json!({ "remove": "/spool/large" }), "removed"),
        (json!({ "litter": ["/spool/sub", 10_000] }), FULL),
        (json!({ "make_folder": "/spool/one-more" }), FULL),
        (json!({ "remove": "/spool/sub/0" }), "removed"),
        (json!({ "make_folder": "/spool/another" }), "made"),
        (json!({ "dig": ["/spool/another", 100] }), "0 deep, then QuotaExceeded"),
        // 1500 names each: there is room for 100,000 in open lists.
        (json!({ "list_all": { "path": "/in/sub", "count": 250 } }), "66 x open; 184 x OutOfMemory"),
        // Few names, but each takes a descriptor of the host's: with those above, which are still open, there are 100.
        (json!({ "list_all": { "path": "/spool/another", "count": 250 } }), "34 x open; 216 x OutOfMemory"),
    ];
    attempt(&rig, &topic, &rows(attempts)).await;
    let size = |path: &Path| fs::symlink_metadata(path).unwrap().len();
    assert_eq!(size(&outside.join("spool/plain")), 5);
    let littered = names(&outside.join("spool/sub")).len();
    assert!(littered < 256, "{littered} files of 4 KiB in 1 MiB");
    let labels = format!(r#"connector="{}",limit="dir_quota""#, connector.name());
    assert!(host.count("danube_wasm_limit_hits_total", &labels) >= 3.0);
    bystander.goes_on(&rig, &host).await;
    assert_eq!(super::status(&host, &connector).await["phase"], "running");
}

#[tokio::test]
async fn are_no_deeper_than_can_be_counted() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let outside = rig.folder().join("outside");
    let _socket = furnish(&outside);
    let connector = with_folders(&rig, &topic).await;
    let host = rig.run(std::slice::from_ref(&connector)).await;
    let long = format!("/spool/{}", "n".repeat(300));
    let attempts = [
        (json!({ "make_folder": "/spool/one" }), "made"),
        (json!({ "dig": ["/spool/one", 100] }), "62 deep, then "),
        (json!({ "write": long }), "InvalidFilename: "),
        (json!({ "read": format!("/spool/{}", "sub/../".repeat(2000)) }), ""),
        (json!({ "write": "/spool/still" }), "written"),
    ];
    attempt(&rig, &topic, &rows(attempts)).await;
    assert_eq!(super::status(&host, &connector).await["phase"], "running");
}
