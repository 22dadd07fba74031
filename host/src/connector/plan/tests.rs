//! What a guest asks for, against what a file grants.

use std::path::Path;

use super::*;
use crate::{config::Environment, record::PayloadFormat};

fn config(rest: &str) -> Config {
    let text = format!(
        r#"
        connector_name = "orders"
        danube_service_url = "http://127.0.0.1:6650"
        {rest}
        [component]
        path = "orders.wasm"
        [capabilities]
        topics = ["/events/*"]
        [[settings.topic_mappings]]
        topic = "/default/orders"
        subscription = "group-1"
        subscription_type = "Shared"
        batch_size = 7
        flush_interval_ms = 5
        "#
    );
    Config::parse(Path::new("orders.toml"), &text, &Environment::default()).expect("the file is good")
}

fn asked(topic: &str, subscription: &str) -> ConsumerConfig {
    ConsumerConfig {
        topic: topic.to_owned(),
        subscription: subscription.to_owned(),
        consumer_name: None,
        subscription_type: SubscriptionType::Shared,
        key_filters: Vec::new(),
        expected_schema_subject: None,
        batch_size: None,
        batch_bytes: None,
        flush_interval: None,
        payload_format: PayloadFormat::Decoded,
    }
}

fn plan(config: &Config, asked: Vec<ConsumerConfig>) -> Result<Vec<LanePlan>, Refusal> {
    lanes(config, "00", asked, &Claims::default(), "tag")
}

#[test]
fn what_the_guest_leaves_open_comes_from_the_mapping() {
    let lanes = plan(&config(""), vec![asked("/default/orders", "group-1")]).expect("it is mapped");
    let [lane] = &lanes[..] else { panic!("{} lanes", lanes.len()) };
    assert_eq!((lane.policy.batch_size, lane.policy.flush_interval), (7, Duration::from_millis(5)));
    assert_eq!(lane.subscribe.consumer_name, "orders-tag-0");
}

#[test]
fn key_filters_come_from_the_mapping_unless_the_guest_has_its_own() {
    let config = Config::parse(
        Path::new("keys.toml"),
        r#"
        connector_name = "keys"
        danube_service_url = "http://127.0.0.1:6650"
        [component]
        path = "keys.wasm"
        [[settings.topic_mappings]]
        topic = "/default/orders"
        subscription = "keys"
        subscription_type = "Key-Shared"
        key_filters = ["eu-*"]
        "#,
        &Environment::default(),
    )
    .expect("the file is good");
    let filters = |key_filters: &[&str]| {
        let key_filters = key_filters.iter().map(|filter| (*filter).to_owned()).collect();
        let subscription_type = SubscriptionType::KeyShared;
        let asked = ConsumerConfig { key_filters, subscription_type, ..asked("/default/orders", "keys") };
        plan(&config, vec![asked]).expect("it is mapped")[0].subscribe.key_filters.clone()
    };
    assert_eq!(filters(&[]), ["eu-*"]);
    assert_eq!(filters(&["us-*"]), ["us-*"]);
}

#[test]
fn what_the_guest_asks_for_goes_before_the_mapping() {
    let asked = ConsumerConfig {
        batch_size: Some(3),
        payload_format: PayloadFormat::Raw,
        ..asked("/default/orders", "group-1")
    };
    let lanes = plan(&config(""), vec![asked]).expect("it is mapped");
    assert!((lanes[0].policy.batch_size, lanes[0].policy.raw) == (3, true));
}

#[test]
fn a_topic_or_subscription_that_the_file_does_not_name_is_refused() {
    let strangers = [
        ("/default/payments", "group-1"),
        ("/default/orders", "group-2"),
        ("/default/payments", "orders"),
        // Granted as topics, but these subscriptions are somebody else's.
        ("/events/clicks", "group-1"),
        ("/events/clicks", "orders2"),
        ("/events/clicks", "order"),
    ];
    for (topic, subscription) in strangers {
        let refusal = plan(&config(""), vec![asked(topic, subscription)]).expect_err("it is not granted");
        let text = refusal.to_string();
        assert!(matches!(refusal, Refusal::NotGranted { .. }), "{topic} {subscription}: {text}");
        assert!(text.contains("orders.toml") && text.contains(topic) && text.contains("help:"), "{text}");
    }
}

#[test]
fn a_granted_topic_is_consumed_on_the_connectors_own_subscriptions() {
    for subscription in ["orders", "orders-clicks", "orders.eu"] {
        plan(&config(""), vec![asked("/events/clicks", subscription)]).expect("it is granted");
    }
}

#[test]
fn each_instance_is_a_consumer_with_a_name_of_its_own() {
    let lanes = plan(&config("instances = 3"), vec![asked("/default/orders", "group-1")]).expect("it is mapped");
    let names: Vec<_> = lanes.iter().map(|lane| lane.subscribe.consumer_name.as_str()).collect();
    assert_eq!(names, ["orders-tag-0", "orders-tag-1", "orders-tag-2"]);
}

#[test]
fn names_that_the_broker_remembers_stay_the_same_over_restarts() {
    let name = |subscription_type| {
        let asked = ConsumerConfig { subscription_type, ..asked("/events/clicks", "orders") };
        let lanes = plan(&config(""), vec![asked]).expect("it is granted");
        lanes[0].subscribe.consumer_name.clone()
    };
    assert_eq!(name(SubscriptionType::Exclusive), "orders");
    assert_eq!(name(SubscriptionType::Failover), "orders-0");
    assert_eq!(name(SubscriptionType::KeyShared), "orders-tag-0");
}

/// Another connector of the host.
fn neighbour(name: &str, topic: &str, subscription: &str) -> Config {
    let text = format!(
        r#"
        connector_name = "{name}"
        danube_service_url = "http://127.0.0.1:6650"
        component.path = "other.wasm"
        settings.topic_mappings = [{{ topic = "{topic}", subscription = "{subscription}" }}]
        "#
    );
    Config::parse(Path::new("other.toml"), &text, &Environment::default()).expect("the file is good")
}

#[test]
fn a_grant_does_not_reach_into_the_subscriptions_of_other_connectors() {
    let own = config("");
    let others = [
        // Its name fits the subscription better.
        neighbour("orders-eu", "/default/other", "orders-eu"),
        // Its file names the pair.
        neighbour("audit", "/events/clicks", "orders-audit"),
    ];
    let claims = Claims::of(&[&[own.clone()][..], &others].concat());
    let plan = |topic, subscription| lanes(&own, "00", vec![asked(topic, subscription)], &claims, "tag");
    for (subscription, owner) in [("orders-eu", "orders-eu"), ("orders-eu-1", "orders-eu"), ("orders-audit", "audit")] {
        let refusal = plan("/events/clicks", subscription).expect_err("it is somebody else's");
        let text = refusal.to_string();
        assert!(matches!(&refusal, Refusal::Anothers { owner: found, .. } if found == owner), "{text}");
        assert!(text.contains("orders.toml") && text.contains(subscription), "{text}");
    }
    for (topic, subscription) in
        [("/events/clicks", "orders"), ("/events/clicks", "orders-europe"), ("/events/views", "orders-audit")]
    {
        plan(topic, subscription).expect("it is the connector's own");
    }
    // A mapping is the word of the file's author: two files may share a subscription.
    let sharing = neighbour("audit", "/default/orders", "group-1");
    let claims = Claims::of(&[own.clone(), sharing]);
    lanes(&own, "00", vec![asked("/default/orders", "group-1")], &claims, "tag").expect("both files name it");
}

#[test]
fn a_guest_gets_no_more_lanes_than_its_file_allows() {
    let many = |count: usize| (0..count).map(|n| asked(&format!("/events/t{n}"), "orders")).collect::<Vec<_>>();
    let lanes = |instances: u32, topics| plan(&config(&format!("instances = {instances}")), many(topics));
    assert_eq!(lanes(1, 64).expect("64 lanes are the default").len(), 64);
    assert_eq!(lanes(64, 1).expect("64 lanes are the default").len(), 64);
    let few = config("instances = 2\nlimits.max_lanes = 5");
    assert_eq!(plan(&few, many(2)).expect("4 of 5").len(), 4);
    let refusals = [lanes(1, 65), lanes(33, 2), plan(&few, many(3)), lanes(1, 100_000)];
    for (refusal, line) in refusals.into_iter().zip(["65", "66", "6", "100000"]) {
        let text = refusal.expect_err("they are too many").to_string();
        assert!(
            text.ends_with(&format!("help: set `max_lanes = {line}` under [limits] if it is to have so many")),
            "{text}"
        );
    }
}

#[test]
fn a_guest_gets_no_larger_batches_than_its_file_allows() {
    let bounded = config("limits = { max_batch_size = 100, max_batch_bytes = \"1MiB\" }");
    let asked_for = |batch_size, batch_bytes| {
        let asked = ConsumerConfig { batch_size, batch_bytes, ..asked("/default/orders", "group-1") };
        plan(&bounded, vec![asked]).map(|lanes| (lanes[0].policy.batch_size, lanes[0].policy.batch_bytes))
    };
    assert_eq!(asked_for(Some(100), Some(1 << 20)), Ok((100, 1 << 20)));
    // What nobody asks for is within the limits as well.
    assert_eq!(asked_for(None, None), Ok((7, 1 << 20)));
    for (batch_size, batch_bytes, line) in [
        (Some(101), None, "max_batch_size = 101"),
        (Some(u32::MAX), Some(1), "max_batch_size = 4294967295"),
        (None, Some((1 << 20) + 1), "max_batch_bytes = \"1048577B\""),
        (Some(1), Some(u64::MAX), "max_batch_bytes = \"18446744073709551615B\""),
    ] {
        let text = asked_for(batch_size, batch_bytes).expect_err("it is too much").to_string();
        assert!(text.contains("`/default/orders`") && text.contains("orders.toml") && text.contains(line), "{text}");
    }
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let exclusive = |topic, subscription| ConsumerConfig {
        subscription_type: SubscriptionType::Exclusive,
        ..asked(topic, subscription)
    };
    let refusals = [
        plan(&config(""), Vec::new()),
        plan(&config(""), vec![asked("/events/a", "orders"), asked("/events/a", "orders")]),
        plan(&config(""), vec![exclusive("/default/orders", "group-1")]),
        plan(&config("instances = 2"), vec![exclusive("/events/a", "orders")]),
    ]
    .map(|plan| plan.expect_err("it makes no sense"));
    assert!(
        matches!(
            refusals,
            [
                Refusal::Nothing { .. },
                Refusal::Twice { .. },
                Refusal::OtherType { .. },
                Refusal::ExclusiveWithInstances { .. }
            ]
        ),
        "{refusals:?}"
    );
}

#[test]
fn key_filters_and_intervals_are_bounded() {
    let mapped = || asked("/default/orders", "group-1");
    let text = |asked: ConsumerConfig| plan(&config(""), vec![asked]).map(drop).map_err(|refusal| refusal.to_string());
    let filters =
        |count: usize, bytes: usize| ConsumerConfig { key_filters: vec!["x".repeat(bytes); count], ..mapped() };
    let interval = |flush_interval| ConsumerConfig { flush_interval: Some(flush_interval), ..mapped() };
    assert_eq!(text(filters(100, 256)), Ok(()));
    assert_eq!(text(interval(Duration::from_hours(1))), Ok(()));
    for (asked, expected) in [
        (filters(101, 1), "the component asked for 101 key filters on `/default/orders`, more than 100"),
        (filters(1, 257), "the component asked for a key filter of 257 bytes on `/default/orders`, longer than 256"),
        (
            interval(Duration::ZERO),
            "the component asked for a flush interval of 0ns on `/default/orders`, outside 1ms to 3600s",
        ),
        (
            interval(Duration::from_secs(3601)),
            "the component asked for a flush interval of 3601s on `/default/orders`, outside 1ms to 3600s",
        ),
    ] {
        assert_eq!(text(asked), Err(expected.to_owned()));
    }
}
