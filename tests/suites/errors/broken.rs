//! Guests that break on a record: the instance is replaced, the one bad record is found, all others are written.

use danube_wasm_tests::rig::Rig;

use crate::{distinct_numbers, numbered};

/// Publishes a record that breaks the guest among good ones, and says why it ended as a dead letter.
async fn poison(what: &str, max_retries: i64) -> String {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let mut dead_letters = rig.dead_letters().await;
    let connector = rig.scripted(&topic).set("dead_letter.topic", dead_letters.topic());
    let connector = connector.set("limits.call_timeout", "1s").set("limits.memory", "32MiB");
    let connector = connector.set("retry.max_retries", max_retries);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(4)).await;
    rig.publish(&topic, [format!(r#"{{"do":{what:?}}}"#)]).await;
    rig.publish(&topic, (4..9).map(|n| format!(r#"{{"n":{n}}}"#))).await;
    let letter = dead_letters.next().await;
    assert_eq!(
        (letter.attributes["x-stage"].as_str(), letter.attributes["x-original-topic-offset"].as_str()),
        ("trap", "4")
    );
    assert_eq!(distinct_numbers(&rig.endpoint.until_records(9).await), Vec::from_iter(0..9));
    host.until_acknowledged(&connector, 10).await;
    assert_eq!(host.count("danube_wasm_messages_dead_lettered_total", connector.name()), 1.0);
    assert!(host.count("danube_wasm_instances_started_total", connector.name()) >= 2.0);
    letter.attributes["x-failure-reason"].clone()
}

#[tokio::test]
async fn by_a_trap() {
    let reason = poison("panic", 3).await;
    assert!(reason.contains("the guest crashed"), "{reason}");
}

#[tokio::test]
async fn by_an_endless_loop() {
    let reason = poison("spin", 3).await;
    assert!(reason.contains("no answer within 1s"), "{reason}");
}

#[tokio::test]
async fn by_taking_all_memory() {
    let reason = poison("allocate", 3).await;
    assert!(reason.contains("out of memory: limit 32 MiB (limits.memory)"), "{reason}");
}

#[tokio::test]
async fn without_any_retries_too() {
    let reason = poison("panic", 0).await;
    assert!(reason.contains("the guest crashed"), "{reason}");
}
