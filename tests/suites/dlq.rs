//! Dead letters and the way back: `danube-wasm dlq` as a child process, next to a host that dead-letters.

mod replay;

use std::collections::BTreeSet;

use danube_wasm::broker::header;
use danube_wasm_tests::{
    process::{Ended, Process, Signal},
    rig::{Connector, Message, Rig, RunningHost, Topic},
    until,
};
use serde_json::Value;

use crate::COMMAND;

/// A connector that rejects what it is told to, the topic that it reads, and the topic of its dead letters.
struct World {
    rig: Rig,
    topic: Topic,
    letters: String,
    connector: Connector,
    host: RunningHost,
}

impl World {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let topic = rig.topic().await;
        Self::on(rig, topic).await
    }

    async fn on(rig: Rig, topic: Topic) -> Self {
        let letters = rig.dead_letter_topic();
        let connector = rig.scripted(&topic).set("dead_letter.topic", letters.as_str());
        let host = rig.run(std::slice::from_ref(&connector)).await;
        Self { rig, topic, letters, connector, host }
    }

    /// Publishes records that the connector rejects, and waits until they are dead letters.
    async fn reject(&self, messages: impl IntoIterator<Item = Message>) {
        let before = self.dead_lettered();
        let messages: Vec<_> = messages.into_iter().collect();
        let expected = before + messages.len() as f64;
        self.rig.publish_unseen(&self.topic, messages).await;
        until(&format!("{expected} dead letters"), || self.dead_lettered() >= expected).await;
    }

    fn dead_lettered(&self) -> f64 {
        self.host.count("danube_wasm_messages_dead_lettered_total", self.connector.name())
    }

    async fn dlq(&self, args: &[&str]) -> Ended {
        Process::start(COMMAND, self.rig.folder(), &self.args(args)).end().await
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["dlq"], args, &["--topic", &self.letters, "--broker", self.rig.broker_url()]].concat()
    }

    /// What `dlq list --json` shows.
    async fn list(&self, filters: &[&str]) -> Vec<Value> {
        let ended = self.dlq(&[&["list", "--json"], filters].concat()).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        lines(&ended)
    }
}

/// A record that is rejected, with a number to know it by.
fn bad(n: usize) -> Message {
    Message::from(format!(r#"{{"do":"reject","n":{n}}}"#))
}

fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The numbers of the letters, in the order shown.
fn shown(letters: &[Value]) -> Vec<u64> {
    let number = |letter: &Value| {
        let payload: Value = serde_json::from_str(letter["payload"].as_str().expect("no text")).unwrap();
        payload["n"].as_u64().expect("no number")
    };
    letters.iter().map(number).collect()
}

fn sorted(letters: &[Value]) -> Vec<u64> {
    BTreeSet::from_iter(shown(letters)).into_iter().collect()
}

#[tokio::test]
async fn a_list_shows_everything_and_shows_it_again() {
    let world = World::start().await;
    world.reject([bad(0).key("k").attribute("region", "eu"), bad(1), bad(2)]).await;
    let letters = world.list(&[]).await;
    assert_eq!(shown(&letters), [0, 1, 2]);
    let first = &letters[0];
    assert_eq!((&first["topic"], &first["offset"]), (&world.topic.name().into(), &0.into()), "{first}");
    assert_eq!((&first["stage"], &first["attempts"]), (&"process".into(), &1.into()), "{first}");
    assert_eq!((&first["connector"], &first["routing_key"]), (&world.connector.name().into(), &"k".into()), "{first}");
    assert_eq!(first["attributes"], serde_json::json!({ "region": "eu" }), "{first}");

    let again = world.list(&[]).await;
    let without_place = |letters: &[Value]| -> Vec<Value> {
        let mut letters = letters.to_vec();
        letters.iter_mut().for_each(|letter| letter["dead_letter"] = Value::Null);
        letters
    };
    assert_eq!(without_place(&again), without_place(&letters), "only their places in the topic may differ");
}

#[tokio::test]
async fn people_get_a_table() {
    let world = World::start().await;
    let none = world.dlq(&["list"]).await;
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""), "{none:?}");
    assert!(none.stderr.contains("no dead letters"), "{none:?}");

    world.reject([bad(7)]).await;
    let ended = world.dlq(&["list", "--payload"]).await;
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("TIME") && lines[0].contains("REASON"), "{ended:?}");
    assert!(
        lines[1].contains(&format!("{}@0", world.topic.name())) && lines[1].contains("told to reject"),
        "{ended:?}"
    );
    assert_eq!(lines[2].trim(), r#"{"do":"reject","n":7}"#, "{ended:?}");
    assert!(ended.stderr.contains("1 dead letter in"), "{ended:?}");
}

#[tokio::test]
async fn filters_choose() {
    let world = World::start().await;
    world.reject([bad(0), bad(1).key("k"), Message::from(r#"{"do":"panic","n":2}"#)]).await;
    let connector = world.connector.name();
    for (filter, expected) in [
        (&["--stage", "trap"][..], &[2][..]),
        (&["--stage", "process", "--key", "k"], &[1]),
        (&["--reason", "told to reject"], &[0, 1]),
        (&["--reason", "no such reason"], &[]),
        (&["--original-topic", world.topic.name()], &[0, 1, 2]),
        (&["--original-topic", "/default/another"], &[]),
        (&["--connector", connector, "--since", "1h"], &[0, 1, 2]),
        (&["--until", "1h"], &[]),
        (&["--limit", "1", "--stage", "process"], &[0]),
    ] {
        assert_eq!(shown(&world.list(filter).await), expected, "{filter:?}");
    }
    assert_eq!(world.list(&[]).await.len(), 3, "filters take nothing away");
}

/// More than the broker hands out unanswered, more than it keeps for a new subscription, and nobody was there to read.
#[tokio::test]
async fn hundreds_of_letters_that_nobody_read_are_all_there() {
    let world = World::start().await;
    for first in (0..300).step_by(100) {
        // Not all at once: the released broker passes over what goes too far ahead of a new subscription.
        world.reject((first..first + 100).map(bad)).await;
    }
    // The host has the broker store the place of the first letter some ten seconds after it.
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    let expected: Vec<u64> = (0..300).collect();
    assert_eq!(shown(&world.list(&[]).await), expected);
    assert_eq!(shown(&world.list(&[]).await), expected);
}

#[tokio::test]
async fn killed_in_the_middle_a_list_loses_nothing_and_leaves_no_duplicates() {
    let world = World::start().await;
    world.reject((0..100).map(bad)).await;
    for seen in ["\"n\\\":3}", "\"n\\\":50}", "\"n\\\":97}"] {
        let list = Process::start(COMMAND, world.rig.folder(), &world.args(&["list", "--json"]));
        until("some letters", || list.stdout().contains(seen)).await;
        list.signal(Signal::Kill).await;
        list.end().await;
    }
    let letters = world.list(&[]).await;
    assert_eq!((sorted(&letters), letters.len()), ((0..100).collect(), 100));
}

#[tokio::test]
async fn a_signal_ends_a_list_in_good_order() {
    let world = World::start().await;
    world.reject((0..200).map(bad)).await;
    let list = Process::start(COMMAND, world.rig.folder(), &world.args(&["list", "--json"]));
    until("some letters", || list.stdout().lines().count() >= 3).await;
    list.signal(Signal::Int).await;
    let ended = list.end().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("interrupted") || ended.code == Some(0), "{ended:?}");
    let letters = world.list(&[]).await;
    assert_eq!((sorted(&letters), letters.len()), ((0..200).collect(), 200));
}

/// What the broker's own policy makes has no stage, no connector and no time; and what is no dead letter at all says even
/// less.
#[tokio::test]
async fn letters_of_others_are_shown_too_and_get_a_time_that_stays() {
    let world = World::start().await;
    world.reject([bad(0)]).await;
    let topic = world.rig.topic_named(&world.letters).await;
    let of_broker = Message::from(r#"{"n":1}"#)
        .attribute(header::TOPIC, &format!("{}-part-3", world.topic.name()))
        .attribute(header::OFFSET, "17")
        .attribute(header::SUBSCRIPTION, "s")
        .attribute(header::ATTEMPT, "6")
        .attribute(header::POISON_POLICY, "dead_letter")
        .attribute(header::REASON, "ack timeout");
    world.rig.publish_unseen(&topic, [of_broker, Message::from(r#"{"n":2}"#), Message::from(r#"{"n":2}"#)]).await;
    let letters = world.list(&[]).await;
    assert_eq!(shown(&letters), [0, 1, 2, 2], "equal records are not the same record");
    assert_eq!((&letters[1]["stage"], &letters[1]["attempts"]), (&"broker".into(), &6.into()));
    assert_eq!((&letters[1]["topic"], &letters[1]["partition"]), (&world.topic.name().into(), &3.into()));
    assert_eq!(letters[2]["topic"], Value::Null);
    let times = |letters: &[Value]| -> Vec<Value> { letters.iter().map(|letter| letter["time"].clone()).collect() };
    for _ in 0..2 {
        let again = world.list(&[]).await;
        assert_eq!((shown(&again), times(&again)), (shown(&letters), times(&letters)));
    }
    assert_eq!(shown(&world.list(&["--stage", "broker"]).await), [1]);
}

#[tokio::test]
async fn a_fuse_stops_a_connector_that_rejects_everything() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let connector = rig.scripted(&topic).set("processing.on_reject", "skip").set("processing.max_rejects", 3);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, (0..6).map(bad)).await;
    let cause = host.until_failed(&connector).await;
    assert!(
        cause.contains("more than 3 records") && cause.contains("@3") && cause.contains("max_rejects = 0"),
        "{cause}"
    );
    assert_eq!(host.count("danube_wasm_messages_skipped_total", connector.name()), 3.0);
    assert_eq!(host.count("danube_wasm_messages_acknowledged_total", connector.name()), 3.0);
}
