//! `explain` gives the answers that the running connector would get.

use danube_wasm_tests::process::{Ended, Process};
use expect_test::expect_file;
use tempfile::TempDir;

use super::{connector, folder, json, says};
use crate::COMMAND;

const GRANTS: &str = r#"[capabilities]
topics = ["/events/*"]
http = [
    "https://search.example.com",
    { url = "http://10.0.0.5:9200", methods = ["POST"], path = "/orders/" },
    { url = "http://warehouse.internal", addresses = ["10.0.0.0/8"] },
    "http://localhost:8080",
]
env = { TZ = "UTC" }
sockets = [
    { url = "tcp://db.example.com:5432", addresses = ["10.0.0.0/8"] },
    "tcp://10.0.0.5:6379",
    "udp://10.1.0.0/16:514",
    "tcp://localhost:5433",
]
dirs = [
    { host = "/var/spool/orders", guest = "/spool", mode = "rw", quota = "1GiB" },
    { host = "/srv/maps", guest = "/maps", mode = "ro" },
]

[[capabilities.http_headers]]
url = "https://search.example.com"
header = "X-Team"
value = "not-shown"
"#;

fn granted() -> TempDir {
    let folder = folder();
    std::fs::write(folder.path().join("orders.toml"), connector("http.wasm", GRANTS)).unwrap();
    folder
}

async fn explain(folder: &TempDir, args: &[&str]) -> Ended {
    let args = [&["explain", "orders.toml"], args].concat();
    Process::start(COMMAND, folder.path(), &args).end().await
}

#[tokio::test]
async fn what_is_allowed_names_the_line_that_allows_it() {
    let folder = granted();
    let args = ["explain", "orders.toml", "https://search.example.com/_bulk", "-X", "POST"];
    says(folder.path(), &args, expect_file!["../../golden/explain_allow.txt"]).await;
    let args = ["explain", "orders.toml", "/default/orders"];
    says(folder.path(), &args, expect_file!["../../golden/explain_topic.txt"]).await;
}

#[tokio::test]
async fn what_is_denied_says_what_would_allow_it() {
    let folder = granted();
    let args = ["explain", "orders.toml", "http://10.0.0.5:9200/admin", "-X", "POST"];
    says(folder.path(), &args, expect_file!["../../golden/explain_deny.txt"]).await;
    let args = ["explain", "orders.toml", "/default/payments", "orders"];
    says(folder.path(), &args, expect_file!["../../golden/explain_topic_deny.txt"]).await;
    says(folder.path(), &["explain", "orders.toml", "orders"], expect_file!["../../golden/explain_usage.txt"]).await;
}

#[tokio::test]
async fn sockets_are_decided_on_as_while_it_runs() {
    let folder = granted();
    let args = ["explain", "orders.toml", "tcp://db.example.com:5432"];
    says(folder.path(), &args, expect_file!["../../golden/explain_socket.txt"]).await;
    let args = ["explain", "orders.toml", "tcp://db.example.com:5433"];
    says(folder.path(), &args, expect_file!["../../golden/explain_socket_deny.txt"]).await;
    let args = ["explain", "orders.toml", "tcp://10.9.9.9:5432"];
    says(folder.path(), &args, expect_file!["../../golden/explain_socket_deny_address.txt"]).await;
    // `localhost` needs no network to be resolved.
    let ended = explain(&folder, &["tcp://localhost:5433", "--resolve"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("127.0.0.1 (loopback): allowed"), "{ended:?}");
    let explained = json(folder.path(), &["explain", "--json", "orders.toml", "udp://10.1.2.3:514"]).await;
    assert_eq!(explained["allowed"], true, "{explained}");
    assert_eq!(explained["reasons"][1]["text"], "10.1.2.3 (private): allowed", "{explained}");
    std::fs::write(folder.path().join("host.toml"), "[policy]\nsockets = [\"tcp://0.0.0.0/0:1-65535\"]\n").unwrap();
    let text = connector("http.wasm", "");
    std::fs::write(folder.path().join("orders.toml"), text).unwrap();
    let ended = explain(&folder, &["tcp://10.0.0.5:5432", "--host-config", "host.toml"]).await;
    assert!(ended.code == Some(1) && ended.stdout.contains("the operator does not allow to grant it"), "{ended:?}");
}

#[tokio::test]
async fn files_lie_in_the_folder_that_is_granted() {
    let folder = granted();
    let args = ["explain", "orders.toml", "file:/spool/in/1.json"];
    says(folder.path(), &args, expect_file!["../../golden/explain_file.txt"]).await;
    let args = ["explain", "orders.toml", "file:/etc/passwd"];
    says(folder.path(), &args, expect_file!["../../golden/explain_file_deny.txt"]).await;
    let ended = explain(&folder, &["file:/maps"]).await;
    assert!(ended.code == Some(0) && ended.stdout.contains("`ro`: it may be read, and not changed"), "{ended:?}");
}

#[tokio::test]
async fn the_exit_code_says_it_to_scripts() {
    let folder = granted();
    for (code, args) in [
        (0, &["https://search.example.com/"][..]),
        (0, &["http://10.0.0.5:9200/orders/1", "-X", "POST"]),
        (0, &["http://warehouse.internal/x"]),
        (0, &["/events/clicks", "orders-clicks"]),
        (0, &["/default/orders", "orders"]),
        (0, &["env:TZ"]),
        (0, &["tcp://10.0.0.5:6379"]),
        (1, &["tcp://10.0.0.5:6380"]),
        (1, &["udp://10.0.0.5:6379"]),
        (1, &["tcp://other.example.com:5432"]),
        (1, &["tcp://169.254.169.254:514"]),
        (1, &["udp://10.2.0.1:514"]),
        (0, &["file:/spool"]),
        (1, &["file:/spools"]),
        (2, &["file:/spool/../etc"]),
        (2, &["file:spool"]),
        (2, &["tcp://10.0.0.5"]),
        (2, &["tcp://*.example.com:5432"]),
        (1, &["http://10.0.0.5:9200/orders/1"]),
        (1, &["http://10.0.0.5:9200/orders/%2e%2e/admin", "-X", "POST"]),
        (1, &["https://search.example.com.evil.example/"]),
        (1, &["https://user:pw@search.example.com/"]),
        (1, &["https://169.254.169.254/"]),
        (1, &["ftp://search.example.com/"]),
        (1, &["/events/clicks", "group"]),
        (1, &["/default/orders", "group"]),
        (1, &["env:HOME"]),
        (2, &["search.example.com"]),
    ] {
        let ended = explain(&folder, args).await;
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
    }
    let ended = Process::start(COMMAND, folder.path(), &["explain", "no.toml", "https://x.example"]).end().await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[tokio::test]
async fn addresses_are_decided_on_when_they_are_known() {
    let folder = granted();
    // `localhost` needs no network to be resolved.
    let ended = explain(&folder, &["http://localhost:8080/in", "--resolve"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("127.0.0.1 (loopback): allowed"), "{ended:?}");
    let text =
        connector("http.wasm", "[capabilities]\nhttp = [\"http://*.localhost.test\", \"http://localhost.test\"]\n");
    std::fs::write(folder.path().join("orders.toml"), text).unwrap();
    let ended = explain(&folder, &["http://localhost.test/", "--resolve"]).await;
    assert!(ended.code == Some(1) && ended.stdout.contains("nothing to connect to"), "{ended:?}");
    let explained = json(folder.path(), &["explain", "--json", "orders.toml", "http://a.localhost.test/"]).await;
    assert_eq!(explained["allowed"], true, "{explained}");
    assert_eq!(explained["reasons"][0]["rule"], "grant", "{explained}");
}

#[tokio::test]
async fn what_the_operator_refuses_is_denied_altogether() {
    let folder = granted();
    std::fs::write(folder.path().join("host.toml"), "[policy]\nenv = []\n").unwrap();
    let ended = explain(&folder, &["https://search.example.com/", "--host-config", "host.toml"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("host.toml:2"), "{ended:?}");

    let policy = "[policy]\nhttp = [\"https://*.example.com\", \"http://10.0.0.5:9200\", \
                  { url = \"http://warehouse.internal\", addresses = [\"10.0.0.0/8\"] }, \"http://localhost:8080\"]\n";
    std::fs::write(folder.path().join("host.toml"), policy).unwrap();
    let args = ["explain", "orders.toml", "https://evil.example/", "--host-config", "host.toml"];
    says(folder.path(), &args, expect_file!["../../golden/explain_deny_policy.txt"]).await;
    let ended = explain(&folder, &["https://other.example.com/", "--host-config", "host.toml"]).await;
    assert!(ended.code == Some(1) && ended.stdout.contains("the operator allows to grant it"), "{ended:?}");
}

#[tokio::test]
async fn observing_is_part_of_the_answer() {
    let folder = granted();
    let observing = GRANTS.replace("[capabilities]\n", "[capabilities]\nmode = \"observe\"\n");
    std::fs::write(folder.path().join("orders.toml"), connector("http.wasm", &observing)).unwrap();
    let args = ["explain", "orders.toml", "https://elsewhere.example/"];
    says(folder.path(), &args, expect_file!["../../golden/explain_observed.txt"]).await;
    for (code, target) in [
        (1, "http://10.0.0.6/"),
        (0, "tcp://elsewhere.example:5432"),
        (0, "udp://1.1.1.1:53"),
        (1, "tcp://10.0.0.6:5432"),
        (1, "tcp://169.254.169.254:80"),
    ] {
        let ended = explain(&folder, &[target]).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
}
