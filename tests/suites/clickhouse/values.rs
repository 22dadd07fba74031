//! What arrives, read back with ClickHouse's own tools.

use danube_wasm_tests::rig::{Message, Rig};
use toml::{Table, Value};

use super::{BOTH, Kind, Server, wide};
use crate::numbered;

fn columns(columns: &[(&str, &str, &str)]) -> Value {
    let column = |(name, from, data_type): &(&str, &str, &str)| {
        let mut column = Table::new();
        column.insert("from".to_owned(), (*from).into());
        if !data_type.is_empty() {
            column.insert("type".to_owned(), (*data_type).into());
        }
        ((*name).to_owned(), column.into())
    };
    Value::Table(columns.iter().map(column).collect())
}

/// Text that would end a quote, a row or a query if anything were pasted together.
const HOSTILE: &str = r#"\"},{\"a\":1}\n\\'`\u0000\t\u0001'); DROP TABLE t; --é😀\ud83d\ude00"#;

#[tokio::test]
async fn hostile_values_and_metadata_arrive_as_they_were() {
    for kind in BOTH {
        let (rig, server) = (Rig::start().await, Server::start(kind).await);
        let topic = rig.topic().await;
        let columns = columns(&[
            ("t`ext", "text", "String"),
            ("big", "/n/big", "UInt64"),
            ("small", "n.small", "Int64"),
            ("exact", "exact", "Decimal(38, 20)"),
            ("list", "list", "Array(Nullable(Int32))"),
            ("nothing", "nothing", "Nullable(String)"),
            ("absent", "absent", "String"),
            ("whole", "@payload", ""),
            ("topic", "@topic", ""),
            ("part", "@partition", ""),
            ("pos", "@offset", ""),
            ("at", "@publish_time", ""),
            ("region", "@attribute:region", ""),
            ("key", "@key", ""),
        ]);
        let connector = server.sink(&rig, &topic).set("settings.create", true).set("settings.database", "new");
        let host = rig.run(&[connector.mapping("columns", columns)]).await;
        let payload = format!(
            r#"{{"text":"{HOSTILE}","n":{{"big":18446744073709551615,"small":-9223372036854775808}},
               "exact":123456789012345678.12345678901234567890,"list":[1,null,-3],"nothing":null}}"#
        );
        rig.publish_unseen(&topic, [Message::from(payload.clone()).key("k'1").attribute("region", "e\"u")]).await;
        server.until("SELECT count() FROM new.t", "1").await;
        let expected: serde_json::Value = serde_json::from_str(&payload).unwrap();
        let hex: String = expected["text"].as_str().unwrap().bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(
            server.query("SELECT hex(`t``ext`) FROM new.t".replace("``", "\\`").as_str()).await,
            hex,
            "{kind:?}"
        );
        let numbers = server.query("SELECT big, small, exact, list, nothing, absent FROM new.t").await;
        let exact = match kind {
            Kind::Old => "123456789012345678.12345678901234567890",
            Kind::Modern => "123456789012345678.1234567890123456789",
        };
        assert_eq!(numbers, format!("18446744073709551615\t-9223372036854775808\t{exact}\t[1,NULL,-3]\t\\N\t"));
        let whole: String = payload.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(server.query("SELECT hex(whole) FROM new.t").await, whole);
        let metadata = server.query("SELECT topic, part, pos, region, key FROM new.t").await;
        assert_eq!(metadata, format!("{}\t\\N\t0\te\"u\tk\\'1", topic.name()));
        assert_eq!(
            server
                .query("SELECT abs(toInt64(toUInt32(now())) - toInt64(toUInt32(toDateTime(at)))) < 600 FROM new.t")
                .await,
            "1"
        );
        host.stop().await;
    }
}

#[tokio::test]
async fn fields_go_into_the_columns_of_their_names() {
    for kind in BOTH {
        let (Some(rig), server) = (wide().await, Server::start(kind).await) else { return };
        let topic = rig.topic().await;
        server.query("CREATE TABLE t (n UInt32, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY n").await;
        let connector = server.sink(&rig, &topic).mapping("batch_size", 50).mapping("unknown_fields", "skip");
        let host = rig.run(&[connector]).await;
        rig.publish_unseen(&topic, numbered(500)).await;
        rig.publish_unseen(&topic, [r#"{"n":500,"s":"é","x":[1]}"#]).await;
        server.until("SELECT count(), uniqExact(n), max(n) FROM t", "501\t501\t500").await;
        assert_eq!(server.query("SELECT s FROM t WHERE n = 500").await, "é");
        host.stop().await;
    }
}

#[tokio::test]
async fn bytes_and_large_values_arrive() {
    let (rig, server) = (Rig::start().await, Server::start(Kind::Old).await);
    let topic = rig.topic().await;
    let connector = server.sink(&rig, &topic).set("settings.create", true);
    let host =
        rig.run(&[connector.mapping("columns", columns(&[("b", "@payload", ""), ("pos", "@offset", "")]))]).await;
    rig.publish_unseen(&topic, [vec![0xff, 0x00, b'"', b'\\', b'\n', 0xfe]]).await;
    rig.publish_unseen(&topic, [format!("\"{}\"", "ü".repeat(500_000))]).await;
    server.until("SELECT count() FROM t", "2").await;
    assert_eq!(server.query("SELECT hex(b) FROM t WHERE pos = 0").await, "FF00225C0AFE");
    assert_eq!(
        server
            .query(
                "SELECT length(b), countSubstrings(b, 'ü') FROM t WHERE pos = 1"
                    .replace("countSubstrings(b, 'ü')", "lengthUTF8(b)")
                    .as_str()
            )
            .await,
        "1000000\t500000"
    );
    host.stop().await;
}

#[tokio::test]
async fn types_of_today_take_what_fits_them() {
    let (rig, server) = (Rig::start().await, Server::start(Kind::Modern).await);
    let topic = rig.topic().await;
    server
        .query(
            "CREATE TABLE t (i Int256, m Map(String, UInt8), j JSON, b Bool, at DateTime64(6, 'UTC'), u UUID, \
             l LowCardinality(Nullable(String)), v Array(Float32)) ENGINE = MergeTree ORDER BY i",
        )
        .await;
    let host = rig.run(&[server.sink(&rig, &topic)]).await;
    let record = r#"{"i":-57896044618658097711785492504343953926634992332820282019728792003956564819968,"m":{"a'":255},
        "j":{"x":[1,{"y":null}]},"b":true,"at":"2024-01-31T12:00:00.123456Z","u":"61f0c404-5cb3-11e7-907b-a6006ad3dba0",
        "l":null,"v":[0.5,-1]}"#;
    rig.publish_unseen(&topic, [record]).await;
    server.until("SELECT count() FROM t", "1").await;
    let expected = "-57896044618658097711785492504343953926634992332820282019728792003956564819968\t{'a\\'':255}\ttrue\t\
                    2024-01-31 12:00:00.123456\t61f0c404-5cb3-11e7-907b-a6006ad3dba0\t\\N\t[0.5,-1]";
    assert_eq!(server.query("SELECT i, m, b, at, u, l, v FROM t").await, expected);
    host.stop().await;
}
