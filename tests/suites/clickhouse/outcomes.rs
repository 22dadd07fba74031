//! What becomes of records that ClickHouse does not take, and of a connector that it does not let in.

use danube_wasm_tests::rig::Rig;
use toml::{Table, Value};

use super::{BOTH, Kind, Server, server::PASSWORD, wide};
use crate::numbered;

const TABLE: &str = "CREATE TABLE t (n UInt8, d Date, u UUID, e Enum8('' = 0, 'x' = 1)) ENGINE = MergeTree ORDER BY n";

#[tokio::test]
async fn bad_rows_are_found_and_rejected_alone() {
    for kind in BOTH {
        let (Some(rig), server) = (wide().await, Server::start(kind).await) else { return };
        let (topic, mut dead_letters) = (rig.topic().await, rig.dead_letters().await);
        server.query(TABLE).await;
        let connector = server.sink(&rig, &topic).set("dead_letter.topic", dead_letters.topic());
        let connector = connector.mapping("batch_size", 100).mapping("flush_interval_ms", 2000);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        let mut records = numbered(100);
        // The sink knows that the first does not fit; the others only the server.
        for (bad, record) in [
            (5, r#"{"n":300}"#),
            (20, r#"{"n":20,"d":"no date"}"#),
            (21, r#"{"n":21,"u":"no uuid"}"#),
            (22, r#"{"n":22,"e":"no element"}"#),
            (99, r#"{"n":99,"d":"2024-13-99x"}"#),
        ] {
            records[bad] = record.to_owned();
        }
        rig.publish_unseen(&topic, records).await;
        let mut reasons = Vec::new();
        for _ in 0..5 {
            let letter = dead_letters.next().await;
            reasons.push((
                letter.attributes["x-original-topic-offset"].clone(),
                letter.attributes["x-failure-reason"].clone(),
            ));
        }
        reasons.sort_by_key(|(offset, _)| offset.parse::<u64>().unwrap());
        let offsets: Vec<_> = reasons.iter().map(|(offset, _)| offset.as_str()).collect();
        assert_eq!(offsets, ["5", "20", "21", "22", "99"], "{kind:?}: {reasons:?}");
        assert!(reasons[0].1.contains("the value for column `n`: it is out of the range of UInt8"), "{reasons:?}");
        assert!(reasons[1..].iter().all(|(_, reason)| reason.contains("ClickHouse error ")), "{reasons:?}");
        assert!(
            !reasons.iter().any(|(_, reason)| reason.contains("no date") || reason.contains("no uuid")),
            "{reasons:?}"
        );
        host.until_acknowledged(&connector, 100).await;
        assert_eq!(server.query("SELECT count(), uniqExact(n) FROM t").await, "95\t95", "{kind:?}");
        host.stop().await;
    }
}

#[tokio::test]
async fn a_table_that_does_not_fit_stops_the_connector_with_what_helps() {
    for kind in BOTH {
        let (rig, server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        let missing = server.sink(&rig, &topic);
        let host = rig.start_host(std::slice::from_ref(&missing)).await;
        let cause = host.until_failed(&missing).await;
        assert!(cause.contains("there is no table `default`.`t`") && cause.contains("create = true"), "{cause}");
        host.stop().await;

        server.query(TABLE).await;
        let columns: Table =
            [("n", "@topic"), ("x", "a.b")].map(|(name, from)| (name.to_owned(), from.into())).into_iter().collect();
        let wrong = server.sink(&rig, &topic).mapping("columns", Value::Table(columns));
        let host = rig.start_host(std::slice::from_ref(&wrong)).await;
        let cause = host.until_failed(&wrong).await;
        for line in [
            "`n` (from `@topic`): UInt8 in the table, and `@topic` is text",
            "`x` (from `a.b`): not in the table",
            "help: ALTER TABLE `default`.`t` ADD COLUMN `x` TYPE",
        ] {
            assert!(cause.contains(line), "{kind:?}: {cause}");
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn a_table_that_is_dropped_meanwhile_stops_the_connector() {
    for kind in BOTH {
        let (rig, server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        server.query(TABLE).await;
        let connector = server.sink(&rig, &topic);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        server.query("DROP TABLE t").await;
        rig.publish_unseen(&topic, numbered(1)).await;
        let cause = host.until_failed(&connector).await;
        assert!(cause.contains("ClickHouse error 60"), "{kind:?}: {cause}");
        assert_eq!(host.count("danube_wasm_messages_acknowledged_total", connector.name()), 0.0);
        host.stop().await;
    }
}

#[tokio::test]
async fn credentials_that_are_wrong_or_expire_stop_the_connector() {
    for kind in BOTH {
        let (rig, mut server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        server.query(TABLE).await;
        let wrong = server.sink(&rig, &topic).set("settings.password", "wr0ng");
        let host = rig.start_host(std::slice::from_ref(&wrong)).await;
        let cause = host.until_failed(&wrong).await;
        let code = match kind {
            Kind::Old => "ClickHouse error 193",
            Kind::Modern => "ClickHouse error 516",
        };
        assert!(cause.contains(code) && !cause.contains("wr0ng"), "{cause}");
        host.stop().await;

        let connector = server.sink(&rig, &topic);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        rig.publish_unseen(&topic, numbered(1)).await;
        server.until("SELECT count() FROM t", "1").await;
        server.set_password("an0ther");
        server.kill().await;
        server.come_back().await;
        rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
        let cause = host.until_failed(&connector).await;
        assert!(cause.contains(code) && !cause.contains(PASSWORD), "{cause}");
        host.stop().await;

        // What was not written comes once the file is right.
        let host = rig.run(&[server.sink(&rig, &topic).set("settings.password", "an0ther")]).await;
        server.until("SELECT count() FROM t", "2").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn credentials_may_be_the_hosts_alone() {
    for kind in BOTH {
        let (rig, server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        server.query(TABLE).await;
        let header = |header: &str, value: &str| {
            let keys = [("url", server.url()), ("header", header.to_owned()), ("value", value.to_owned())];
            Value::Table(keys.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect())
        };
        let connector = rig
            .connector(danube_wasm_tests::guests::SINK_CLICKHOUSE)
            .set("capabilities.http", vec![server.url()])
            .set(
                "capabilities.http_headers",
                vec![header("X-ClickHouse-User", "danube"), header("X-ClickHouse-Key", PASSWORD)],
            )
            .set("settings.url", server.url())
            .consume(&topic)
            .mapping("table", "t");
        let host = rig.run(&[connector]).await;
        rig.publish_unseen(&topic, numbered(3)).await;
        server.until("SELECT count() FROM t", "3").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn too_few_rights_and_unknown_settings_stop_the_connector() {
    let (rig, server) = (Rig::start().await, Server::start(Kind::Old).await);
    let topic = rig.topic().await;
    server.query(TABLE).await;
    let sink = || server.sink(&rig, &topic);
    let settings = |name: &str, value: i64| Value::Table([(name.to_owned(), value.into())].into_iter().collect());
    for (connector, expected) in [
        (sink().set("settings.username", "reader"), "ClickHouse error 164"),
        (sink().set("settings.query_settings", settings("no_such_setting", 1)), "ClickHouse error 115"),
    ] {
        let host = rig.run(std::slice::from_ref(&connector)).await;
        rig.publish_unseen(&topic, numbered(1)).await;
        let cause = host.until_failed(&connector).await;
        assert!(cause.contains(expected), "{cause}");
        host.stop().await;
    }
    let connector = sink().set("settings.async_insert", true);
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("`async_insert`: this ClickHouse has no asynchronous inserts"), "{cause}");
    host.stop().await;
}

#[tokio::test]
async fn a_server_that_is_short_of_memory_is_asked_again() {
    for kind in BOTH {
        let (rig, server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        server.query(TABLE).await;
        let mut short = toml::toml! { max_memory_usage = 1 };
        if kind == Kind::Modern {
            // Today's engine counts in steps of 4 MiB unless it is told to be exact.
            short.insert("max_untracked_memory".to_owned(), 1.into());
        }
        let connector = server.sink(&rig, &topic).set("settings.query_settings", short);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        rig.publish_unseen(&topic, numbered(1)).await;
        host.until_reported(&connector, "ClickHouse error 241").await;
        assert_eq!(host.count("danube_wasm_messages_acknowledged_total", connector.name()), 0.0, "{kind:?}");
        host.stop().await;
    }
}

#[tokio::test]
async fn a_table_of_too_many_parts_is_waited_for() {
    for kind in BOTH {
        let (rig, server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        let few = "ENGINE = MergeTree ORDER BY n SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1";
        server.query(&format!("CREATE TABLE t (n UInt8) {few}")).await;
        let connector = server.sink(&rig, &topic);
        let host = rig.run(std::slice::from_ref(&connector)).await;
        rig.publish_unseen(&topic, numbered(1)).await;
        server.until("SELECT count() FROM t", "1").await;
        rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
        host.until_reported(&connector, "ClickHouse error 252").await;
        server.query("TRUNCATE TABLE t").await;
        server.until("SELECT n FROM t", "1").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn rows_of_too_many_partitions_go_in_several_inserts() {
    let (Some(rig), server) = (wide().await, Server::start(Kind::Modern).await) else { return };
    let topic = rig.topic().await;
    server.query("CREATE TABLE t (n UInt8) ENGINE = MergeTree PARTITION BY n ORDER BY n").await;
    let few = Value::Table([("max_partitions_per_insert_block".to_owned(), 3.into())].into_iter().collect());
    let connector = server.sink(&rig, &topic).set("settings.query_settings", few).mapping("batch_size", 20);
    let host = rig.run(&[connector]).await;
    rig.publish_unseen(&topic, numbered(20)).await;
    server.until("SELECT count(), uniqExact(n) FROM t", "20\t20").await;
    host.stop().await;
}
