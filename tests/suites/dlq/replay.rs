//! Giving dead letters back.

use danube_client::SchemaType;
use danube_wasm_tests::{
    process::{Process, Signal},
    rig::{Message, Rig},
    until,
};

use super::{World, bad, lines, shown};
use crate::{COMMAND, distinct_numbers};

/// Rejected while the endpoint says so; what the connector writes of it later holds all that was published.
fn whole(n: usize) -> Message {
    Message::from(format!(r#"{{"n":{n}}}"#)).key("k").attribute("region", "eu")
}

/// A world whose connector rejects what the endpoint refuses, and writes records with their metadata.
async fn refusing(rig: Rig, topic: danube_wasm_tests::rig::Topic) -> World {
    let letters = rig.dead_letter_topic();
    let connector = rig.http(&topic).set("dead_letter.topic", letters.as_str()).set("settings.format", "single");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    World { rig, topic, letters, connector, host }
}

#[tokio::test]
async fn a_replayed_record_is_the_record_that_was_published() {
    let rig = Rig::start().await;
    let topic = rig.topic_with_schema(SchemaType::JsonSchema, r#"{"type":"object"}"#).await;
    let world = World::on(rig, topic).await;
    world.reject([bad(4).key("k").attribute("region", "eu")]).await;
    let before = world.list(&[]).await;
    let ended = world.dlq(&["replay"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("replayed 1 dead letter"), "{ended:?}");

    // It is rejected once more, and its second dead letter shows how it came back.
    until("the second dead letter", || world.dead_lettered() >= 2.0).await;
    let after = world.list(&[]).await;
    assert_eq!(after.len(), 1, "{after:?}");
    for same in ["payload", "routing_key", "schema_id", "schema_version", "topic", "connector"] {
        assert_eq!(after[0][same], before[0][same], "{same}");
    }
    assert!(before[0]["schema_id"].is_u64(), "{before:?}");
    assert_eq!(after[0]["attributes"], before[0]["attributes"]);
    assert_eq!((&before[0]["offset"], &after[0]["offset"]), (&0.into(), &1.into()));
}

#[tokio::test]
async fn what_was_rejected_is_written_after_its_replay() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let world = refusing(rig, topic).await;
    world.rig.endpoint.answer_always(danube_wasm_tests::endpoint::Answer::status(422));
    world.reject((0..5).map(whole)).await;
    world.rig.endpoint.answer_always(danube_wasm_tests::endpoint::Answer::status(200));
    let ended = world.dlq(&["replay", "--json", "--limit", "4"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let replayed = lines(&ended);
    assert_eq!(shown(&replayed), [0, 1, 2, 3]);
    assert!(replayed.iter().all(|letter| letter["outcome"] == "replayed"), "{replayed:?}");
    world.host.until_acknowledged(&world.connector, 9).await;
    assert_eq!(shown(&world.list(&[]).await), [4]);
    let again = world.dlq(&["replay"]).await;
    assert!(again.stderr.contains("replayed 1 dead letter"), "{again:?}");
    assert!(world.list(&[]).await.is_empty());
}

#[tokio::test]
async fn a_filter_leaves_the_others_and_a_dry_run_leaves_all() {
    let world = World::start().await;
    world.reject([bad(0), bad(1).key("k"), bad(2)]).await;
    let dry = world.dlq(&["replay", "--key", "k", "--dry-run", "--json"]).await;
    assert_eq!((dry.code, shown(&lines(&dry))), (Some(0), vec![1]), "{dry:?}");
    assert_eq!(lines(&dry)[0]["outcome"], "would_replay");
    assert_eq!((shown(&world.list(&[]).await), world.dead_lettered()), (vec![0, 1, 2], 3.0));

    let other = world.rig.topic().await;
    let ended = world.dlq(&["replay", "--key", "k", "--to", other.name()]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(shown(&world.list(&[]).await), [0, 2]);
    assert_eq!(world.dead_lettered(), 3.0, "it went to another topic");
}

#[tokio::test]
async fn a_topic_with_partitions_gets_each_record_where_it_belongs() {
    let rig = Rig::start().await;
    let topic = rig.partitioned(3).await;
    let world = World::on(rig, topic).await;
    world.reject((0..6).map(bad)).await;
    world.reject([bad(6).key("a"), bad(7).key("b"), bad(8).key("c")]).await;
    let place = |letters: &[serde_json::Value]| -> std::collections::BTreeMap<u64, serde_json::Value> {
        shown(letters).into_iter().zip(letters.iter().map(|letter| letter["partition"].clone())).collect()
    };
    let before = world.list(&[]).await;
    let ended = world.dlq(&["replay"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    until("all to be rejected again", || world.dead_lettered() >= 18.0).await;
    assert_eq!(place(&world.list(&[]).await), place(&before));
}

#[tokio::test]
async fn what_has_nowhere_to_go_stays() {
    let world = World::start().await;
    let topic = world.rig.topic_named(&world.letters).await;
    world.reject([bad(0)]).await;
    let gone = Message::from(r#"{"n":1}"#).attribute("x-original-topic", "/default/no-such-topic");
    world.rig.publish_unseen(&topic, [gone.attribute("x-original-topic-offset", "3"), r#"{"n":2}"#.into()]).await;
    let ended = world.dlq(&["replay", "--reason", ""]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for said in ["/default/no-such-topic@3 stays", "does not exist", "--to", "replayed 1 dead letter", "2 stay"] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    until("the one to be rejected again", || world.dead_lettered() >= 2.0).await;
    assert_eq!(super::sorted(&world.list(&[]).await), [0, 1, 2]);
    let nowhere = world.dlq(&["replay", "--to", "/default/no-such-topic"]).await;
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
}

#[tokio::test]
async fn killed_in_the_middle_a_replay_loses_nothing() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let world = refusing(rig, topic).await;
    world.rig.endpoint.answer_always(danube_wasm_tests::endpoint::Answer::status(422));
    world.reject((0..120).map(whole)).await;
    world.rig.endpoint.answer_always(danube_wasm_tests::endpoint::Answer::status(200));
    for seen in [3, 60] {
        let replay = Process::start(COMMAND, world.rig.folder(), &world.args(&["replay", "--json"]));
        until("some letters", || replay.stdout().lines().count() >= seen).await;
        replay.signal(Signal::Kill).await;
        replay.end().await;
    }
    let ended = world.dlq(&["replay"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let written = || distinct_numbers(&world.rig.endpoint.records()).len();
    until("every record to be written", || written() == 120).await;
    assert!(world.list(&[]).await.is_empty());
}
