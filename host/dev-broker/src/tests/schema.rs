//! The schema registry through danube-client: what producers stamp on records, what consumers look up.

use danube_client::{CompatibilityMode, SchemaType, SubType};

use super::{connect, consumer, next, quick, soon, start, text};

const TOPIC: &str = "/default/orders";

async fn register(client: &danube_client::DanubeClient, definition: &str) -> u64 {
    let schema = client.schema();
    let builder = schema.register_schema("orders").with_type(SchemaType::JsonSchema);
    soon(builder.with_schema_data(definition.as_bytes().to_vec()).execute()).await.unwrap()
}

#[tokio::test]
async fn records_carry_the_id_and_version_that_the_producer_resolved() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    let id = register(&client, r#"{"type":"object"}"#).await;
    assert_eq!(register(&client, r#"{"type":"object","title":"x"}"#).await, id);
    let produce = async |name: &str, version: Option<u32>| {
        let builder = client.new_producer().with_topic(TOPIC).with_name(name).with_reliable_dispatch();
        let builder = match version {
            Some(version) => builder.with_schema_version("orders", version),
            None => builder.with_schema_subject("orders"),
        };
        let mut producer = builder.build().unwrap();
        soon(producer.create()).await.unwrap();
        producer
    };
    let pinned = produce("pinned", Some(1)).await;
    let latest = produce("latest", None).await;
    let (_consumer, mut records) = consumer(&client, TOPIC, "c", SubType::Shared).await;
    soon(pinned.send(b"{}".to_vec(), None)).await.unwrap();
    soon(latest.send(b"{}".to_vec(), None)).await.unwrap();
    for version in [1, 2] {
        let record = next(&mut records).await;
        assert_eq!((record.schema_id, record.schema_version), (Some(id), Some(version)));
        let info = soon(client.schema().get_schema_version(id, Some(version))).await.unwrap();
        assert_eq!(
            (info.subject.as_str(), info.version, info.schema_type.as_str()),
            ("orders", version, "json_schema")
        );
        let definition: serde_json::Value = serde_json::from_slice(&info.schema_definition).unwrap();
        assert!(definition["JsonSchema"]["raw_schema"].as_str().is_some_and(|raw| raw.starts_with(r#"{"type""#)));
    }
}

#[tokio::test]
async fn producers_with_another_subject_or_an_unknown_version_are_refused() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    register(&client, "{}").await;
    let create = async |name: &str, subject: &str, version: u32| {
        let builder = client.new_producer().with_topic(TOPIC).with_name(name).with_schema_version(subject, version);
        let mut producer = builder.build().unwrap();
        soon(producer.create()).await
    };
    create("a", "orders", 1).await.unwrap();
    assert!(text(create("b", "orders", 9).await).contains("Pinned version 9 does not exist"));
    assert!(text(create("c", "other", 1).await).contains("uses schema subject 'orders'"));
}

#[tokio::test]
async fn subjects_list_their_versions_and_keep_a_compatibility_mode() {
    let broker = start(quick()).await;
    let client = connect(&broker).await;
    register(&client, "{}").await;
    register(&client, r#"{"title":"x"}"#).await;
    let schema = client.schema();
    assert_eq!(soon(schema.list_versions("orders")).await.unwrap(), [1, 2]);
    soon(schema.set_compatibility_mode("orders", CompatibilityMode::Full)).await.unwrap();
    let other_type = soon(schema.check_compatibility("orders", vec![], SchemaType::String, None)).await.unwrap();
    assert!(!other_type.is_compatible);
    let same_type = schema.check_compatibility("orders", b"[]".to_vec(), SchemaType::JsonSchema, None);
    assert!(soon(same_type).await.unwrap().is_compatible);
}
