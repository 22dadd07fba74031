//! Every guest of the workspace has a test here that carries its name, in which it writes one record. A guest without
//! one does not compile.

use danube_wasm_tests::{for_each_guest, guests, rig::Rig};

use crate::{clickhouse, postgres, postgres::Release};

macro_rules! has_a_test {
    ($guest:ident) => {
        const _: fn() = $guest;
    };
}
for_each_guest!(has_a_test);

#[tokio::test]
async fn sink_clickhouse() {
    let (rig, server) = (Rig::start().await, clickhouse::Server::any().await);
    let topic = rig.topic().await;
    server.query("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n").await;
    let connector = server.sink(&rig, &topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
    host.until_acknowledged(&connector, 1).await;
    assert_eq!(server.query("SELECT n FROM t").await, "1");
}

#[tokio::test]
async fn sink_http() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.http(&topic)]).await;
    rig.publish(&topic, [r#"{"n":1}"#]).await;
    assert_eq!(rig.endpoint.until_records(1).await[0]["n"], 1);
}

#[tokio::test]
async fn sink_null() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.connector(guests::SINK_NULL).consume(&topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
    host.until_acknowledged(&connector, 1).await;
}

#[tokio::test]
async fn sink_postgres() {
    let (rig, server) = (Rig::start().await, postgres::Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query("CREATE TABLE numbers (n integer)").await;
    let _host = rig.run(&[database.sink(&rig, &topic, "numbers")]).await;
    rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
    database.until("SELECT n FROM numbers", "1").await;
}

#[tokio::test]
async fn sink_stdout() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.connector(guests::SINK_STDOUT).consume(&topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, [r#"{"n":1}"#]).await;
    host.until_acknowledged(&connector, 1).await;
}

#[tokio::test]
async fn guest_scripted() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let _host = rig.run(&[rig.scripted(&topic)]).await;
    rig.publish(&topic, [r#"{"n":1}"#]).await;
    let records = rig.endpoint.until_records(1).await;
    assert_eq!((&records[0]["payload"]["n"], &records[0]["topic"]), (&1.into(), &topic.name().into()));
}

#[tokio::test]
async fn guest_probe() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector =
        rig.connector(guests::GUEST_PROBE).consume(&topic).set("capabilities.http", vec![rig.endpoint.url()]);
    let _host = rig.run(&[connector.set("settings.report", rig.endpoint.url())]).await;
    rig.publish(&topic, [r#"[{"name":"a line","try":{"log":"here"}}]"#]).await;
    let records = rig.endpoint.until_records(1).await;
    assert_eq!((&records[0]["name"], &records[0]["got"]), (&"a line".into(), &"logged".into()));
}
