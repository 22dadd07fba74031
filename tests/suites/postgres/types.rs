//! What is written is what was published, in every type.

use danube_wasm_tests::rig::{Message, Rig};
use serde_json::json;

use super::{Release, Server};

const DIGITS: &str = "-123456789012345678901234567890.000000000000000000000000000000001230";

/// A name and a value as nobody would choose them.
const HOSTILE: &str = "a\"b'; DROP TABLE types; --\\ \t\n\r\u{1}ü\u{1f600}$1 %s {}";

/// A row with a value for each type: the column's type, the JSON, and how `psql` shows it.
const TYPES: [(&str, &str, &str); 26] = [
    ("boolean", "true", "t"),
    ("smallint", "-32768", "-32768"),
    ("bigint", "9223372036854775807", "9223372036854775807"),
    ("numeric", DIGITS, DIGITS),
    ("numeric", "1e-40", "0.0000000000000000000000000000000000000001"),
    ("numeric(6, 2)", "\"1234.50\"", "1234.50"),
    ("real", "0.1", "0.1"),
    ("double precision", "1.7976931348623157e308", "1.7976931348623157e+308"),
    ("text", r#""a\tb\\N\"""#, "a\tb\\N\""),
    ("text", "{\"a\": [1.50]}", "{\"a\": [1.50]}"),
    ("varchar(3)", "\"abc\"", "abc"),
    ("uuid", "\"F81D4FAE-7dec-11d0-a765-00a0c91e6bf6\"", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    ("bytea", "\"AP8Q\"", "\\x00ff10"),
    ("date", "\"2024-02-29\"", "2024-02-29"),
    ("timestamp", "\"2024-02-29T12:00:00.007\"", "2024-02-29 12:00:00.007"),
    ("timestamptz", "\"1969-12-31T23:59:59.999999Z\"", "1969-12-31 23:59:59.999999+00"),
    ("timestamptz", "1700000000000001", "2023-11-14 22:13:20.000001+00"),
    ("interval", "\"P1M2DT3.004S\"", "1 mon 2 days 00:00:03.004"),
    ("inet", "\"10.0.0.1/8\"", "10.0.0.1/8"),
    ("json", "{\"b\": 1.10, \"a\":  null}", "{\"b\": 1.10, \"a\":  null}"),
    ("jsonb", "{\"b\": 1.10, \"a\":  \"x\\ny\"}", "{\"a\": \"x\\ny\", \"b\": 1.10}"),
    ("integer[]", "[[1, 2], [3, null]]", "{{1,2},{3,NULL}}"),
    ("text[]", r#"["a,b", "\"c\\", "NULL", ""]"#, r#"{"a,b","\"c\\","NULL",""}"#),
    ("jsonb[]", r#"[{"a": 1}, [2]]"#, r#"{"{\"a\": 1}",[2]}"#),
    ("int4range", "\"[1,5)\"", "[1,5)"),
    ("mood", "\"happy\"", "happy"),
];

fn table() -> String {
    let columns = TYPES.iter().enumerate().map(|(index, (data_type, _, _))| format!("c{index} {data_type}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE TABLE types (id int PRIMARY KEY, {columns})")
}

fn record(id: u32) -> String {
    let fields = TYPES.iter().enumerate().map(|(index, (_, value, _))| format!("\"c{index}\": {value}"));
    format!("{{\"id\": {id}, {}}}", fields.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn every_type_is_read_back_as_it_was_published() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    for mode in ["append", "upsert"] {
        let (topic, database) = (rig.topic().await, server.database().await);
        database.query(&table()).await;
        let connector = database.sink(&rig, &topic, "types").set("settings.mode", mode);
        let connector = if mode == "upsert" { connector.set("settings.key", vec!["id"]) } else { connector };
        let host = rig.run(&[connector]).await;
        rig.publish_unseen(&topic, [record(1), r#"{"id": 2}"#.to_owned()]).await;
        database.until("SELECT count(*) FROM types", "2").await;
        for (index, (data_type, _, shown)) in TYPES.iter().enumerate() {
            let column = format!("c{index}");
            let others = format!("(SELECT {column} FROM types WHERE id = 2) IS NULL");
            let query = format!("SET timezone = 'UTC'; SELECT {column}, {others} FROM types WHERE id = 1");
            assert_eq!(database.query(&query).await, format!("{shown}|t"), "{mode}: {data_type}");
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn vectors_are_arrays_of_numbers() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V18).await);
    for mode in ["append", "upsert"] {
        let (topic, database) = (rig.topic().await, server.database().await);
        database
            .query("CREATE EXTENSION vector; CREATE TABLE items (id int PRIMARY KEY, v vector(3), h halfvec(2), s sparsevec(5)); CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
            .await;
        let dead = rig.dead_letters().await;
        let connector =
            database.sink(&rig, &topic, "items").set("settings.mode", mode).set("dead_letter.topic", dead.topic());
        let connector = if mode == "upsert" { connector.set("settings.key", vec!["id"]) } else { connector };
        let _host = rig.run(&[connector]).await;
        let mut dead = dead;
        let rows = [
            r#"{"id": 1, "v": [0.5, -1, 3], "h": [0.25, 2], "s": "{1:0.5}/5"}"#,
            r#"{"id": 2, "v": [1, 2]}"#,
            r#"{"id": 3, "v": [1, 2, 3.5]}"#,
        ];
        rig.publish_unseen(&topic, rows).await;
        database
            .until("SELECT id, v, h, s FROM items ORDER BY id", "1|[0.5,-1,3]|[0.25,2]|{1:0.5}/5\n3|[1,2,3.5]||")
            .await;
        let nearest = database.query("SELECT id FROM items ORDER BY v <-> '[1,2,3]' LIMIT 1").await;
        assert_eq!(nearest, "3");
        let letter = dead.next().await;
        assert_eq!(letter.payload, rows[1].as_bytes());
        let reason = &letter.attributes["x-failure-reason"];
        assert!(reason.contains("SQLSTATE 22000: expected 3 dimensions, not 2"), "{reason}");
    }
}

#[tokio::test]
async fn hostile_names_and_values_are_only_names_and_values() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let schema = "s\"c'h; --";
    let (table, column) = ("t\"a.b'\\; DROP", "c\"o'l\\ $1");
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    for (mode, key) in [("append", None), ("upsert", Some(vec![column]))] {
        let (topic, database) = (rig.topic().await, server.database().await);
        let place = format!("{}.{}", quoted(schema), quoted(table));
        database
            .query(&format!(
                "CREATE SCHEMA {}; CREATE TABLE types (a int); CREATE TABLE {place} ({} text PRIMARY KEY, n int)",
                quoted(schema),
                quoted(column)
            ))
            .await;
        let connector = database
            .sink(&rig, &topic, table)
            .set("settings.schema", schema)
            .set("settings.mode", mode)
            .set("settings.effectively_once", true)
            .set("settings.create", true)
            .set("settings.offsets_table", "o\"ff'; --");
        let connector = key.into_iter().fold(connector, |connector, key| connector.set("settings.key", key));
        let host = rig.run(std::slice::from_ref(&connector)).await;
        let document = json!({ column: HOSTILE, "n": 1 }).to_string();
        rig.publish_unseen(&topic, [Message::from(document)]).await;
        host.until_acknowledged(&connector, 1).await;
        let hex = hex::encode(HOSTILE);
        let got = database
            .query(&format!("SELECT encode(convert_to({}, 'UTF8'), 'hex'), n FROM {place}", quoted(column)))
            .await;
        assert_eq!(got, format!("{hex}|1"), "{mode}");
        assert_eq!(database.query("SELECT count(*) FROM types").await, "0");
    }
}
