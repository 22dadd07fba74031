//! Records with a schema, from the producer through the registry to the endpoint. What is not JSON was written by other
//! libraries.

use danube_client::SchemaType;
use danube_dev_broker::{Call, Times};
use danube_wasm_tests::rig::{Rig, Topic};
use serde_json::{Value, json};

/// Of the record below; written with fastavro 1.13.1 and equal to what avro 1.12.2 writes.
const DATUM: &str = "047431020000000000803540020278000400ff0404ceeabcc185b8fb8606";
/// The same in Avro's JSON encoding, by fastavro as well.
const ENCODED: &str = r#"{"sensor": "t1", "value": {"double": 21.5}, "tags": ["x"], "raw": "\u0000\u00ff", "price": "\u0004\u00ce", "at": 1704164645678901}"#;
/// What becomes of both.
const READ: &str =
    r#"{"sensor":"t1","value":21.5,"tags":["x"],"raw":"AP8=","price":"12.30","at":"2024-01-02T03:04:05.678901Z"}"#;
const READING: &str = r#"{
    "type": "record", "name": "Reading", "namespace": "lab", "fields": [
        { "name": "sensor", "type": "string" },
        { "name": "value", "type": ["null", "double", "string"] },
        { "name": "tags", "type": { "type": "array", "items": "string" }, "default": [] },
        { "name": "raw", "type": "bytes" },
        { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 } },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-micros" } }
    ]
}"#;

/// Written with protobuf 7.36.2 for Python: the largest `uint64`, the least `int64`, a time with nine digits.
const MESSAGE: &str = "08ffffffffffffffffff0110808080808080808080011a0b08c0e381af0610959aef3a";
const MESSAGES: &str = r#"
    syntax = "proto3";
    import "google/protobuf/timestamp.proto";
    message Item { string sku = 1; }
    message Order { uint64 id = 1; int64 least = 2; google.protobuf.Timestamp paid_at = 3; repeated Item items = 4; }
"#;

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// What the endpoint gets for one payload, as text.
async fn arrives(rig: &Rig, topic: &Topic, payload: Vec<u8>) -> String {
    let host = rig.run(&[rig.http(topic).set("settings.format", "single")]).await;
    rig.publish(topic, [payload]).await;
    rig.endpoint.until_requests(1).await;
    let request = rig.endpoint.requests().remove(0);
    host.stop().await;
    assert_eq!(request.headers["content-type"], "application/json");
    String::from_utf8(request.body.to_vec()).unwrap()
}

#[tokio::test]
async fn avro_arrives_as_json_whether_it_was_binary_or_not() {
    for payload in [bytes(DATUM), ENCODED.as_bytes().to_vec()] {
        let rig = Rig::start().await;
        let topic = rig.topic_with_schema(SchemaType::Avro, READING).await;
        assert_eq!(arrives(&rig, &topic, payload).await, READ);
    }
}

#[tokio::test]
async fn protobuf_arrives_as_its_own_json() {
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::Protobuf, MESSAGES).await;
    let arrived = arrives(&rig, &topic, bytes(MESSAGE)).await;
    let expected = r#"{"id":"18446744073709551615","least":"-9223372036854775808","paidAt":"2024-02-29T12:00:00.123456789Z","items":[]}"#;
    assert_eq!(arrived, expected);
}

#[tokio::test]
async fn each_record_of_a_batch_is_read_by_the_version_that_it_was_written_with() {
    let rig = Rig::start().await;
    let first = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#;
    let second = r#"{"type":"record","name":"Order","fields":[
        {"name":"note","type":["null","string"],"default":null},{"name":"id","type":"long"}]}"#;
    let old = rig.topic_with_schema(SchemaType::Avro, first).await;
    let connector = rig.scripted(&old).mapping("batch_size", 4).mapping("flush_interval_ms", 60_000);
    let _host = rig.run(&[connector]).await;
    let new = rig.next_version(&old, SchemaType::Avro, second).await;
    for _ in 0..2 {
        rig.publish(&old, [bytes("feffffffffffffffff01")]).await;
        rig.publish(&new, [bytes("020278ffffffffffffffffff01")]).await;
    }
    let records = rig.endpoint.until_records(4).await;
    assert_eq!(rig.endpoint.requests().len(), 1, "all in one batch");
    let seen = |record: &Value| (record["schema"]["version"].clone(), record["payload"].clone());
    let v1 = (json!(1), json!({ "id": i64::MAX }));
    let v2 = (json!(2), json!({ "note": "x", "id": i64::MIN }));
    assert_eq!(records.iter().map(seen).collect::<Vec<_>>(), [v1.clone(), v2.clone(), v1, v2]);
}

#[tokio::test]
async fn what_does_not_fit_its_schema_is_a_dead_letter_that_says_why() {
    let table = [
        (SchemaType::Avro, READING, "04743102", "`value`: the data ends within it"),
        (SchemaType::Avro, READING, "7b7d", "it is JSON that does not fit the schema: `sensor`: it is missing"),
        (SchemaType::Protobuf, MESSAGES, "0aff", "a Protobuf message of its schema: `Order`"),
        (SchemaType::Protobuf, "message { }", "", "the registered Protobuf definition can't be used: schema.proto:1:9"),
    ];
    for (schema_type, definition, payload, reason) in table {
        let rig = Rig::start().await;
        let topic = rig.topic_with_schema(schema_type, definition).await;
        let mut dead_letters = rig.dead_letters().await;
        let host = rig.run(&[rig.scripted(&topic).set("dead_letter.topic", dead_letters.topic())]).await;
        rig.publish(&topic, [bytes(payload)]).await;
        let letter = dead_letters.next().await;
        assert_eq!((letter.payload.to_vec(), letter.attributes["x-stage"].as_str()), (bytes(payload), "decode"));
        assert!(letter.attributes["x-failure-reason"].contains(reason), "{:?}", letter.attributes);
        assert!(letter.schema_id.is_some());
        host.stop().await;
    }
}

#[tokio::test]
async fn a_record_without_a_schema_is_not_the_expected_one() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let mut dead_letters = rig.dead_letters().await;
    let connector = rig.scripted(&topic).mapping("expected_schema_subject", "orders");
    let to_letters = connector.clone().set("dead_letter.topic", dead_letters.topic());
    let host = rig.run(&[to_letters.set("processing.on_mismatch", "dead_letter")]).await;
    rig.publish(&topic, ["{}"]).await;
    let letter = dead_letters.next().await;
    let reason = letter.attributes["x-failure-reason"].as_str();
    assert_eq!(
        (letter.attributes["x-stage"].as_str(), reason),
        ("schema", "the record has no schema, expected subject `orders`")
    );
    host.stop().await;

    let skipping = connector.clone().set("processing.on_mismatch", "skip").set("processing.on_reject", "stop");
    let host = rig.run(std::slice::from_ref(&skipping)).await;
    rig.publish(&topic, ["{}", "{}"]).await;
    host.until_acknowledged(&skipping, 2).await;
    assert_eq!(host.count("danube_wasm_messages_skipped_total", skipping.name()), 2.0);
    host.stop().await;

    let stopping = connector.set("processing.on_mismatch", "stop").set("processing.on_reject", "skip");
    let host = rig.run(std::slice::from_ref(&stopping)).await;
    rig.publish(&topic, ["{}"]).await;
    assert!(host.until_failed(&stopping).await.contains("the record has no schema, expected subject `orders`"));
    assert_eq!(host.count("danube_wasm_messages_acknowledged_total", stopping.name()), 0.0);
    assert!(rig.endpoint.requests().is_empty());
}

#[tokio::test]
async fn a_registry_that_is_down_delays_records_and_rejects_none() {
    let Some(rig) = Rig::in_memory("the registry is switched off").await else { return };
    let topic = rig.topic_with_schema(SchemaType::Avro, READING).await;
    let connector = rig.scripted(&topic).set("processing.on_reject", "stop");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.dev().faults().refuse(Call::Registry, tonic::Status::unavailable("down"), Times::Next(3));
    rig.publish(&topic, [bytes(DATUM), bytes(DATUM)]).await;
    let records = rig.endpoint.until_records(2).await;
    assert_eq!(records[0]["payload"], serde_json::from_str::<Value>(READ).unwrap());
    host.until_acknowledged(&connector, 2).await;
    assert_eq!(rig.dev().schema_lookups(), 1);
}
