//! Bad records: stop, skip, or a dead letter that says everything.

use danube_client::SchemaType;
use danube_wasm_tests::{
    endpoint::Answer,
    rig::{Message, Rig},
};

use crate::{distinct_numbers, numbered};

#[tokio::test]
async fn stop_leaves_the_record_with_the_broker() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic).set("processing.on_reject", "stop");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, [r#"{"do":"reject"}"#]).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("told to reject 0") && cause.contains("on_reject = \"dead_letter\""), "{cause}");
    assert_eq!(host.count("danube_wasm_messages_acknowledged_total", connector.name()), 0.0);
}

#[tokio::test]
async fn skip_goes_on_and_counts() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic).set("processing.on_reject", "skip");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, [r#"{"n":0}"#, r#"{"do":"reject"}"#, r#"{"n":2}"#]).await;
    host.until_acknowledged(&connector, 3).await;
    assert_eq!(distinct_numbers(&rig.endpoint.records()), [0, 2]);
    assert_eq!(host.count("danube_wasm_messages_skipped_total", connector.name()), 1.0);
}

#[tokio::test]
async fn a_dead_letter_has_the_bytes_and_says_where_it_comes_from() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let mut dead_letters = rig.dead_letters().await;
    let connector = rig.http(&topic).set("dead_letter.topic", dead_letters.topic()).set("settings.format", "single");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.endpoint.answer_to("bad", Answer::status(422).body("no such customer"));
    rig.publish(&topic, numbered(1)).await;
    rig.publish(&topic, [Message::from(r#"{"n": "bad"}"#).key("k").attribute("region", "eu")]).await;
    rig.publish(&topic, [r#"{"n":2}"#]).await;
    let letter = dead_letters.next().await;
    host.until_acknowledged(&connector, 3).await;
    assert_eq!(letter.payload, r#"{"n": "bad"}"#);
    assert_eq!((letter.routing_key.as_deref(), letter.attributes["region"].as_str()), (Some("k"), "eu"));
    for (header, expected) in [
        ("x-original-topic", topic.name()),
        ("x-original-topic-offset", "1"),
        ("x-original-subscription", &topic.subscription()),
        ("x-failure-reason", "status 422: no such customer"),
        ("x-delivery-attempt", "1"),
        ("x-connector", connector.name()),
        ("x-stage", "process"),
    ] {
        assert_eq!(letter.attributes[header], expected, "{header}");
    }
    assert!(letter.attributes["x-original-producer-id"].parse::<u64>().is_ok());
    assert_eq!(letter.attributes["x-component-sha256"].len(), 64);
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(2).await), [0, 2]);
    assert_eq!(host.count("danube_wasm_messages_dead_lettered_total", connector.name()), 1.0);
}

#[tokio::test]
async fn a_dead_letter_of_a_partition_names_it() {
    let rig = Rig::start().await;
    let topic = rig.partitioned(2).await;
    let mut dead_letters = rig.dead_letters().await;
    let _host = rig.run(&[rig.scripted(&topic).set("dead_letter.topic", dead_letters.topic())]).await;
    rig.publish(&topic, [r#"{"do":"reject"}"#, r#"{"do":"reject"}"#]).await;
    let mut from = [dead_letters.next().await, dead_letters.next().await];
    from.sort_by_key(|letter| letter.attributes["x-original-topic"].clone());
    let from = from.map(|letter| letter.attributes["x-original-topic"].clone());
    assert_eq!(from, [0, 1].map(|partition| format!("{}-part-{partition}", topic.name())));
}

#[tokio::test]
async fn a_payload_that_is_not_what_its_schema_says_never_reaches_the_guest() {
    // The released broker checks payloads of topics with a schema no more than this one when a producer sends them.
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::Number, "").await;
    let mut dead_letters = rig.dead_letters().await;
    let connector = rig.scripted(&topic).set("dead_letter.topic", dead_letters.topic());
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, ["1", "one", "3"]).await;
    let letter = dead_letters.next().await;
    assert_eq!((letter.payload.as_ref(), letter.attributes["x-stage"].as_str()), (b"one".as_slice(), "decode"));
    assert!(letter.attributes["x-failure-reason"].contains("not a JSON number"), "{:?}", letter.attributes);
    assert_eq!(letter.attributes["x-delivery-attempt"], "0");
    host.until_acknowledged(&connector, 3).await;
    assert_eq!(rig.endpoint.until_records(2).await.len(), 2);
}

#[tokio::test]
async fn a_record_of_another_schema_is_treated_as_on_mismatch_says() {
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::JsonSchema, r#"{"type":"object"}"#).await;
    let mut dead_letters = rig.dead_letters().await;
    let connector = rig.scripted(&topic).set("dead_letter.topic", dead_letters.topic());
    let connector = connector.set("processing.on_reject", "stop").set("processing.on_mismatch", "dead_letter");
    let host = rig.run(&[connector.mapping("expected_schema_subject", "another")]).await;
    rig.publish(&topic, [r#"{"n":0}"#]).await;
    let letter = dead_letters.next().await;
    assert_eq!(letter.attributes["x-stage"], "schema");
    let expected = format!("schema subject is `{}`, expected `another`", topic.subject());
    assert_eq!(letter.attributes["x-failure-reason"], expected);
    assert!(rig.endpoint.requests().is_empty());
    host.until_ready().await;
}
