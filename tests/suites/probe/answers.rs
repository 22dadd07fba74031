//! Answers that the contract does not allow, or that ask for what is not granted. None of them is taken.

use danube_wasm_tests::rig::{Connector, Rig, Topic};
use serde_json::{Value, json};

use super::{Bystander, sealed, status};

/// The longest text of a guest that the host shows, with the words around it.
const LONGEST: usize = 5000;

struct Case {
    name: &'static str,
    topic: Topic,
    connector: Connector,
    expected: String,
    is_asked: bool,
}

async fn in_a_batch(rig: &Rig, name: &'static str, act: Value, expected: &str) -> Case {
    let topic = rig.topic().await;
    let connector = sealed(rig, &topic).set("settings.at.process_batch", toml::Value::try_from(act).unwrap());
    let connector = connector.set("retry.max_retries", 0).set("limits.memory", "256MiB");
    Case { name, topic, connector, expected: expected.to_owned(), is_asked: true }
}

async fn at_the_start(rig: &Rig, name: &'static str, act: impl Fn(&Topic, &Connector) -> (Value, String)) -> Case {
    let topic = rig.topic().await;
    let connector = sealed(rig, &topic).set("limits.memory", "256MiB");
    let (act, expected) = act(&topic, &connector);
    let connector = connector.set("settings.at.consumer_configs", toml::Value::try_from(act).unwrap());
    Case { name, topic, connector, expected, is_asked: false }
}

fn ask(topic: &str, subscription: &str, count: u32) -> Value {
    json!({ "ask": { "topic": topic, "subscription": subscription, "count": count } })
}

async fn cases(rig: &Rig, foreign: &Topic) -> Vec<Case> {
    let not_granted = |topic: &str, subscription: &str| {
        (
            ask(topic, subscription, 1),
            format!("the component asked for topic `{topic}` with subscription `{subscription}`, which"),
        )
    };
    let long = |kind: &str| json!({ "long_error": { "kind": kind, "bytes": 8 << 20 } });
    vec![
        in_a_batch(
            rig,
            "a record that is not there",
            json!({ "fail": { "indexes": [7], "reason": "r" } }),
            "the guest breaks the contract: it failed record 7 of a batch of 1",
        )
        .await,
        in_a_batch(
            rig,
            "the largest index",
            json!({ "fail": { "indexes": [u32::MAX], "reason": "r" } }),
            "the guest breaks the contract: it failed record 4294967295 of a batch of 1",
        )
        .await,
        in_a_batch(
            rig,
            "a record twice",
            json!({ "fail": { "indexes": [0, 0], "reason": "r" } }),
            "the guest breaks the contract: it failed record 0 twice",
        )
        .await,
        in_a_batch(
            rig,
            "a million failures",
            json!({ "fail": { "count": 1_000_000, "reason": "r" } }),
            "the guest breaks the contract: it failed record 1 of a batch of 1",
        )
        .await,
        in_a_batch(rig, "a long reason", json!({ "fail": { "indexes": [0], "reason": "r".repeat(100_000) } }), "rrrrr")
            .await,
        in_a_batch(rig, "a long error, retryable", long("retryable"), "eeeee").await,
        in_a_batch(rig, "a long error, rejected", long("rejected"), "eeeee").await,
        in_a_batch(rig, "a long error, fatal", long("fatal"), "eeeee").await,
        at_the_start(rig, "no topics", |topic, _| {
            (ask(topic.name(), "s", 0), "the component asked for no topics".into())
        })
        .await,
        at_the_start(rig, "a hundred thousand topics", |topic, _| {
            (
                ask(topic.name(), "s", 100_000),
                "the guest breaks the contract: it wants 100000 subscriptions, more than 1000".into(),
            )
        })
        .await,
        at_the_start(rig, "a thousand topics", |topic, _| {
            (ask(topic.name(), &topic.subscription(), 1000), "the component asked for 1000 topics, and ".to_owned())
        })
        .await,
        at_the_start(rig, "another connector's topic", |_, _| not_granted(foreign.name(), &foreign.subscription()))
            .await,
        at_the_start(rig, "another connector's subscription", |topic, _| not_granted(topic.name(), "theirs")).await,
        at_the_start(rig, "a subscription that looks like its own", |topic, it| {
            not_granted(topic.name(), &format!("{}2", it.name()))
        })
        .await,
        at_the_start(rig, "every topic", |_, it| not_granted("/default/*", it.name())).await,
        at_the_start(rig, "a topic next door", |topic, _| {
            not_granted(&format!("{}/../x", topic.name()), &topic.subscription())
        })
        .await,
        at_the_start(rig, "a partition", |topic, _| {
            not_granted(&format!("{}-part-0", topic.name()), &topic.subscription())
        })
        .await,
        at_the_start(rig, "names that would be lines of the log", |topic, _| {
            let forged = format!("{}\nERROR all is lost", topic.name());
            (ask(&forged, "s", 1), "the guest breaks the contract: it uses a name with control characters".to_owned())
        })
        .await,
        at_the_start(rig, "names without an end", |topic, _| {
            (ask(topic.name(), &"s".repeat(1 << 20), 1), "the guest breaks the contract: it uses a name".to_owned())
        })
        .await,
        at_the_start(rig, "an empty name", |topic, _| not_granted("", &topic.subscription())).await,
    ]
}

#[tokio::test]
async fn that_break_the_contract_are_not_taken() {
    let rig = Rig::start().await;
    let bystander = Bystander::new(&rig).await;
    let cases = cases(&rig, &bystander.topic).await;
    let connectors: Vec<_> = cases.iter().map(|case| case.connector.clone()).collect();
    let host = rig.start_host(&[&connectors[..], std::slice::from_ref(&bystander.connector)].concat()).await;
    let mut wrong = Vec::new();
    for Case { name, topic, connector, expected, is_asked } in &cases {
        if *is_asked {
            host.until_connector_ready(connector).await;
            rig.publish_unseen(topic, ["[]"]).await;
        }
        let is_retryable = name.contains("retryable");
        let told = if is_retryable {
            host.until_reported(connector, "parked: ").await;
            status(&host, connector).await["topics"][0]["waiting"][0].to_string()
        } else {
            host.until_failed(connector).await;
            status(&host, connector).await["phase"].as_str().unwrap_or_default().to_owned()
        };
        if !told.contains(expected) || told.len() > LONGEST {
            wrong.push(format!("{name}\n  expected: {expected}\n       got ({} bytes): {told:.500}", told.len()));
        }
        // Nothing is acknowledged on the word of such an answer.
        assert_eq!(host.count("danube_wasm_messages_acknowledged_total", connector.name()), 0.0, "{name}");
    }
    assert!(wrong.is_empty(), "{} of {} rows\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    bystander.goes_on(&rig, &host).await;
}

#[tokio::test]
async fn whoever_says_that_it_wrote_is_believed() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    // It has nowhere to write to.
    let connector = sealed(&rig, &topic);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, ["[]"; 3]).await;
    host.until_acknowledged(&connector, 3).await;
    assert!(rig.endpoint.requests().is_empty());
}
