//! A ClickHouse that is killed while it is written to, that has no space left, or that gets the same rows twice.

use std::time::Duration;

use danube_wasm_tests::{
    process::{Process, Signal},
    rig::{CACHE, Rig, Topic},
    until,
};

use super::{BOTH, Kind, Server, wide};
use crate::{COMMAND, lifecycle::run, numbered};

/// How often the server is killed, and how many records are published meanwhile.
const KILLS: usize = 10;
const RECORDS: usize = 2000;

/// Publishes as fast as records are acknowledged.
async fn publish(rig: &Rig, topic: &Topic, records: Vec<String>) {
    for (published, record) in records.into_iter().enumerate() {
        let acknowledged = || rig.subscription(topic.name()).acked;
        until("records to be acknowledged", || published < 200 + usize::try_from(acknowledged()).unwrap()).await;
        rig.publish_unseen(topic, [record]).await;
    }
}

#[tokio::test]
async fn no_row_is_lost_when_the_server_is_killed_ten_times_and_none_doubled_where_rows_replace_themselves() {
    for kind in BOTH {
        let (Some(rig), mut server) = (wide().await, Server::start(kind).await) else { return };
        let topic = rig.topic().await;
        server.query("CREATE TABLE t (id String, n UInt32) ENGINE = ReplacingMergeTree ORDER BY id").await;
        let columns = [("id", "@id"), ("n", "n")].map(|(name, from)| (name.to_owned(), from.into()));
        let connector = server.sink(&rig, &topic).mapping("columns", toml::Value::Table(columns.into_iter().collect()));
        let connector =
            connector.mapping("batch_size", 20).set("retry.max_retries", 100).set("retry.max_backoff_ms", 1000);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        let kill = async {
            for kill in 0..KILLS {
                let due = RECORDS * kill / KILLS;
                until("records to be written", || rig.subscription(topic.name()).acked as usize >= due).await;
                server.kill().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                server.come_back().await;
            }
        };
        tokio::join!(publish(&rig, &topic, numbered(RECORDS)), kill);
        rig.until_at_rest(&topic).await;
        let plain = server.query("SELECT count(), uniqExact(n) FROM t").await;
        println!("{kind:?}: killed {KILLS} times during {RECORDS} records: rows and distinct ones {plain}");
        assert_eq!(plain.split_once('\t').unwrap().1, RECORDS.to_string(), "{kind:?}: lost");
        let once = server.query("SELECT count() FROM t FINAL").await;
        assert_eq!(once, RECORDS.to_string(), "{kind:?}: doubled");
        host.stop().await;
    }
}

#[tokio::test]
async fn no_row_is_lost_when_the_host_is_killed_and_none_doubled_where_rows_replace_themselves() {
    const LIVES: usize = 5;
    const EACH: usize = 40;
    let (rig, server) = (Rig::start().await, Server::start(Kind::Old).await);
    let topic = rig.topic().await;
    server.query("CREATE TABLE t (id String, n UInt32) ENGINE = ReplacingMergeTree ORDER BY id").await;
    let columns = toml::toml! { id = "@id"
    n = "n" };
    let connector = server.sink(&rig, &topic).mapping("columns", columns).mapping("batch_size", 4);
    let file = rig.write(&connector);
    let args = ["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE, file.to_str().unwrap()];
    for life in 0..LIVES {
        let process = Process::start(COMMAND, rig.folder(), &args);
        process.until_ready().await;
        rig.publish_unseen(&topic, numbered((life + 1) * EACH).split_off(life * EACH)).await;
        server.until_at_least("SELECT uniqExact(n) FROM t", life * EACH + EACH / 2).await;
        process.signal(Signal::Kill).await;
        process.end().await;
    }
    let _last = Process::start(COMMAND, rig.folder(), &args);
    server.until("SELECT uniqExact(n) FROM t", &(LIVES * EACH).to_string()).await;
    println!("the host killed {LIVES} times: {} rows", server.query("SELECT count() FROM t").await);
    assert_eq!(server.query("SELECT count() FROM t FINAL").await, (LIVES * EACH).to_string());
}

#[tokio::test]
async fn the_same_insert_counts_once_where_the_server_remembers() {
    let (Some(rig), server) = (wide().await, Server::start(Kind::Modern).await) else { return };
    for deduplicate in [true, false] {
        let topic = rig.topic().await;
        server.query("DROP TABLE IF EXISTS t").await;
        let remembers = if deduplicate { "SETTINGS non_replicated_deduplication_window = 1000" } else { "" };
        server.query(&format!("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n {remembers}")).await;
        // Two subscriptions of the same topic get the same records, and so the same batches.
        let sink = |subscription: &str| {
            server
                .sink(&rig, &topic)
                .set("settings.deduplicate", deduplicate)
                .mapping("subscription", subscription)
                .mapping("batch_size", 1)
        };
        let connectors = [sink("one"), sink("two")];
        let host = rig.run(&connectors).await;
        rig.publish_unseen(&topic, numbered(40)).await;
        for connector in &connectors {
            host.until_acknowledged(connector, 40).await;
        }
        let rows: usize = server.query("SELECT count() FROM t").await.parse().unwrap();
        // Without a token each subscription writes all of them, and an insert that had no answer in time once more.
        assert!(if deduplicate { rows == 40 } else { rows >= 80 }, "{deduplicate}: {rows}");
        assert_eq!(server.query("SELECT uniqExact(n) FROM t").await, "40");
        host.stop().await;
    }
}

#[tokio::test]
async fn a_table_that_takes_a_retry_for_a_duplicate_is_warned_of() {
    let (Some(rig), server) = (wide().await, Server::start(Kind::Modern).await) else { return };
    let topic = rig.topic().await;
    let table = "TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window";
    for (window, is_warned_of) in [(0, false), (1000, true)] {
        server.query(&format!("CREATE OR REPLACE {table} = {window}")).await;
        let process = run(&rig, &[&server.sink(&rig, &topic)]);
        process.until_ready().await;
        let warning = "table `default`.`t`: `non_replicated_deduplication_window` may lose rows";
        assert_eq!(process.stderr().contains(warning), is_warned_of, "{window}: {}", process.stderr());
    }
}

#[tokio::test]
async fn asynchronous_inserts_are_waited_for() {
    let (Some(rig), server) = (wide().await, Server::start(Kind::Modern).await) else { return };
    let topic = rig.topic().await;
    server.query("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n").await;
    let connector = server.sink(&rig, &topic).set("settings.async_insert", true);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, numbered(30)).await;
    host.until_acknowledged(&connector, 30).await;
    assert_eq!(server.query("SELECT count(), uniqExact(n) FROM t").await, "30\t30");
    host.stop().await;
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let (Some(rig), server) = (wide().await, Server::with_disk(16 << 20).await) else { return };
    let topic = rig.topic().await;
    server.query("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n").await;
    let connector = server.sink(&rig, &topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, numbered(10)).await;
    server.until("SELECT count() FROM t", "10").await;
    let filler = server.disk().join("filler");
    let _ = std::fs::write(&filler, vec![0; 16 << 20]);
    rig.publish_unseen(&topic, numbered(50).split_off(10)).await;
    host.until_reported(&connector, "parked").await;
    println!("on a full disk: {}", host.report(connector.name()));
    std::fs::remove_file(&filler).unwrap();
    server.until("SELECT uniqExact(n) FROM t", "50").await;
    rig.until_at_rest(&topic).await;
    host.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_at_the_start_is_waited_for() {
    let (rig, mut server) = (Rig::start().await, Server::start(Kind::Old).await);
    let topic = rig.topic().await;
    server.query("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n").await;
    server.kill().await;
    let connector = server.sink(&rig, &topic);
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    host.until_reported(&connector, "cannot connect").await;
    server.come_back().await;
    host.until_ready().await;
    rig.publish_unseen(&topic, numbered(3)).await;
    server.until("SELECT count() FROM t", "3").await;
    host.stop().await;
}
