//! Whatever is killed or cut, and when: no record is lost, and with `effectively_once` none is there twice.

use danube_wasm_tests::{
    process::Signal,
    rig::{Connector, Message, Rig},
    until,
};

use super::{
    Release, Server,
    proxy::{Cut, Proxy},
    server::Database,
};
use crate::lifecycle::run;

const KILLS: usize = 10;
/// Published around each kill, and never more than the broker keeps for a subscription that falls behind.
const EACH: usize = 60;

fn once(connector: Connector) -> Connector {
    connector.set("settings.effectively_once", true).set("settings.create", true)
}

fn columns(connector: Connector) -> Connector {
    connector
        .set("settings.create", true)
        .set("settings.columns.n.from", "n")
        .set("settings.columns.n.type", "bigint")
        .set("settings.columns.o", "@offset")
}

fn messages(first: usize, count: usize) -> impl Iterator<Item = Message> {
    (first..first + count).map(|n| Message::from(format!(r#"{{"n":{n}}}"#)).key(&format!("k{}", n % 7)))
}

/// Waits until so many different numbers stand in the table.
async fn until_distinct(database: &Database<'_>, count: usize) {
    database.until("SELECT count(DISTINCT n) FROM loaded", &count.to_string()).await;
}

async fn doubled(database: &Database<'_>) -> String {
    database.query("SELECT count(*) - count(DISTINCT n) FROM loaded").await
}

#[tokio::test]
async fn a_cut_at_any_point_of_a_transaction_leaves_each_record_once() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database, proxy) = (rig.topic().await, server.database().await, Proxy::to(server.port()).await);
    // Whoever waits for an answer of a connection that is gone waits longer than this test.
    let connector = once(columns(database.sink_at(&rig, &topic, "loaded", proxy.port)))
        .set("settings.statement_timeout_ms", 600_000)
        .set("limits.call_timeout", "10m")
        .set("broker.ack_timeout", "1h");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    let points = [
        Cut::Request(b"BEGIN"),
        Cut::Answer(b"BEGIN"),
        Cut::Request(b"FOR UPDATE"),
        // A row in `COPY`, the answer to it, the note of the offsets.
        Cut::Request(b"\t"),
        Cut::Answer(b"COPY "),
        Cut::Request(b"range_agg"),
        Cut::Request(b"COMMIT"),
        // It is committed, and the sink does not know.
        Cut::Answer(b"COMMIT"),
        Cut::Session(b"FOR UPDATE"),
        Cut::Session(b"COMMIT"),
    ];
    for (round, cut) in points.into_iter().enumerate() {
        proxy.arm(cut);
        rig.publish_unseen(&topic, messages(round * 5, 5)).await;
        until_distinct(&database, round * 5 + 5).await;
        until(&format!("{cut:?}"), || proxy.has_cut()).await;
    }
    host.until_acknowledged(&connector, (points.len() * 5) as u32).await;
    assert_eq!(doubled(&database).await, "0");
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_session_that_is_ended_while_it_is_opened_is_opened_again() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V18).await);
    let (topic, database, proxy) = (rig.topic().await, server.database().await, Proxy::to(server.port()).await);
    let connector = once(columns(database.sink_at(&rig, &topic, "loaded", proxy.port)));
    let points: [&[u8]; 5] =
        [b"SET statement_timeout", b"pg_catalog.pg_class", b"format_type($1", b"CREATE TABLE", b"server_version_num"];
    for point in points {
        database.query("DROP TABLE IF EXISTS loaded").await;
        proxy.arm(Cut::Session(point));
        let host = rig.run(std::slice::from_ref(&connector)).await;
        assert!(proxy.has_cut(), "{}", String::from_utf8_lossy(point));
        assert_eq!(host.stop().await.failed(), 0);
    }
}

#[tokio::test]
async fn a_backend_that_is_ended_between_and_in_batches_is_replaced() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V18).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let connector = once(columns(database.sink(&rig, &topic, "loaded")));
    let host = rig.run(std::slice::from_ref(&connector)).await;
    for round in 0..5 {
        rig.publish_unseen(&topic, messages(round * 10, 10)).await;
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()";
        database.query(end).await;
    }
    until_distinct(&database, 50).await;
    host.until_acknowledged(&connector, 50).await;
    assert_eq!(doubled(&database).await, "0");
}

/// A load during which the server is killed and restarted. Returns how many rows are there beyond one for each record.
async fn server_killed(mode: impl Fn(Connector) -> Connector, kind: &str) -> String {
    let rig = Rig::start().await;
    let (topic, mut server) = (rig.topic().await, Server::start(Release::V15, &[]).await);
    let name = server.database().await.name;
    let sink = Database { server: &server, name: name.clone() }.sink(&rig, &topic, "loaded");
    let connector = mode(columns(sink)).mapping("subscription_type", kind).mapping("batch_size", 20);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    for kill in 0..KILLS {
        rig.publish_unseen(&topic, messages(kill * EACH, EACH)).await;
        // In the middle of it, as a rule.
        let some = format!("SELECT count(*) > {} FROM loaded", kill * EACH + kill * 3);
        Database { server: &server, name: name.clone() }.until(&some, "t").await;
        server.kill().await;
        server.restart().await;
        until_distinct(&Database { server: &server, name: name.clone() }, (kill + 1) * EACH).await;
    }
    host.until_acknowledged(&connector, (KILLS * EACH) as u32).await;
    assert_eq!(host.stop().await.failed(), 0);
    let doubled = doubled(&Database { server: &server, name }).await;
    println!("{kind}: {} records, {KILLS} kills of the server, {doubled} rows doubled", KILLS * EACH);
    doubled
}

#[tokio::test]
async fn no_record_is_lost_when_the_server_is_killed_again_and_again() {
    server_killed(|connector| connector, "Key-Shared").await;
}

#[tokio::test]
async fn every_record_is_there_once_when_the_server_is_killed_again_and_again() {
    assert_eq!(server_killed(once, "Shared").await, "0");
}

#[tokio::test]
async fn every_record_is_there_once_when_the_host_is_killed_again_and_again() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let connector = once(columns(database.sink(&rig, &topic, "loaded"))).mapping("batch_size", 4);
    let each = 40;
    for life in 0..KILLS {
        let process = run(&rig, &[&connector]);
        process.until_ready().await;
        if life > 0 {
            until_distinct(&database, life * each).await;
        }
        rig.publish_unseen(&topic, messages(life * each, each)).await;
        database.until(&format!("SELECT count(*) > {} FROM loaded", life * each + each / 4), "t").await;
        process.signal(Signal::Kill).await;
        assert_eq!(process.end().await.code, None);
    }
    let last = run(&rig, &[&connector]);
    last.until_ready().await;
    until_distinct(&database, KILLS * each).await;
    last.signal(Signal::Term).await;
    assert_eq!(last.end().await.code, Some(0));
    assert_eq!(doubled(&database).await, "0");
}
