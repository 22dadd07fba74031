//! What a policy bounds, and that it bounds every limit.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::config::{Config, print_config, raw as connectors, shape::keys_of};

fn reference() -> String {
    fs::read_to_string("../config/host.toml").unwrap()
}

/// With its examples: the lines that begin with `#` and no space.
fn with_examples(text: &str) -> String {
    let is_key = |rest: &&str| !rest.is_empty() && !rest.starts_with(' ');
    text.lines().map(|line| line.strip_prefix('#').filter(is_key).unwrap_or(line).to_owned() + "\n").collect()
}

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("host.toml"), text, &Environment::default()).unwrap_or_else(|error| panic!("{error}"))
}

const CONNECTOR: &str = r#"
connector_name = "orders"
danube_service_url = "http://127.0.0.1:6650"
processing.on_reject = "stop"
component.path = "sink.wasm"
settings.topic_mappings = [{ topic = "/default/orders", subscription = "orders" }]
"#;

/// What a connector's file with more in it comes to.
fn config(more: &str, policy: &Policy) -> Result<Config, Error> {
    let text = format!("{CONNECTOR}{more}");
    Config::read(Path::new("orders.toml"), &text, &Environment::default(), policy).map(|loaded| loaded.config)
}

#[test]
fn the_reference_bounds_nothing_as_it_stands() {
    let rules = policy(&reference());
    let Rules {
        source: _,
        http,
        sockets,
        topics,
        dead_letters,
        dirs,
        env,
        max_instances,
        require_sha256,
        allow_components,
        allow_observe,
        limits,
    } = rules.rules().unwrap();
    let absent = [http.is_none(), sockets.is_none(), dirs.is_none(), topics.is_none(), dead_letters.is_none()];
    assert!(env.is_none() && max_instances.is_none() && absent.iter().all(|absent| *absent), "{rules:?}");
    assert!(require_sha256.is_none() && allow_components.is_none() && limits.is_empty(), "{rules:?}");
    assert!(!allow_observe.get_ref());
    assert!(policy("").rules().is_none());
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let text = with_examples(&reference());
    policy(&text);
    let root: toml::Table = text.parse().unwrap();
    let keys = |table: &toml::Value| -> BTreeSet<String> { table.as_table().unwrap().keys().cloned().collect() };
    let known = |keys: &[&str]| -> BTreeSet<String> { keys.iter().map(|key| (*key).to_owned()).collect() };
    assert_eq!(root.keys().cloned().collect::<BTreeSet<_>>(), known(keys_of::<raw::HostFile>()));
    assert_eq!(keys(&root["policy"]), known(keys_of::<raw::Policy>()));
    assert_eq!(keys(&root["policy"]["limits"]), known(keys_of::<connectors::Limits>()));
}

/// The default limits, as TOML writes them.
fn default_limits() -> toml::Table {
    let text = fs::read_to_string("../config/reference.toml").unwrap();
    let reference: toml::Table = text.parse().unwrap();
    reference["limits"].as_table().unwrap().clone()
}

/// The value with its first number changed.
fn changed(value: &toml::Value, change: impl Fn(i64) -> i64) -> toml::Value {
    let Some(text) = value.as_str() else { return change(value.as_integer().unwrap()).into() };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap();
    format!("{}{}", change(text[..end].parse().unwrap()), &text[end..]).into()
}

#[test]
fn every_limit_is_bounded() {
    for (key, default) in default_limits() {
        let bound = policy(&format!("[policy.limits]\n{key} = {default}"));
        config(&format!("limits.{key} = {default}"), &bound).unwrap_or_else(|error| panic!("{error}"));
        let more = changed(&default, |number| number + 1);
        let error = config(&format!("limits.{key} = {more}"), &bound).expect_err(&key);
        let rules: Vec<_> = error.mistakes().map(|mistake| mistake.rule().map(ToString::to_string)).collect();
        assert_eq!(rules, [Some("host.toml:2".to_owned())], "{error}");
    }
}

#[test]
fn a_default_gives_way_to_its_bound() {
    for (key, default) in default_limits() {
        let less = changed(&default, |number| number - 1);
        if less.as_integer() == Some(0) || less.as_str().is_some_and(|less| less.starts_with('0')) {
            continue;
        }
        let bound = policy(&format!("[policy.limits]\n{key} = {less}"));
        let printed: toml::Table = print_config(&config("", &bound).unwrap()).parse().unwrap();
        assert_eq!(printed["limits"][&key], less, "{key}");
        let higher = policy(&format!("[policy.limits]\n{key} = {}", changed(&default, |number| number + 1)));
        let printed: toml::Table = print_config(&config("", &higher).unwrap()).parse().unwrap();
        assert_eq!(printed["limits"][&key], default, "{key}");
    }
}

#[test]
fn what_is_within_the_policy_loads() {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let bound = policy(&format!(
        r#"
        [policy]
        http = ["https://*.example.com"]
        sockets = [
            "tcp://10.0.0.0/8:1-65535",
            {{ url = "tcp://*.internal.example:5432", addresses = ["10.0.0.0/8"] }},
        ]
        topics = ["/default/*"]
        dead_letters = ["/dead/*"]
        env = ["APP_*"]
        max_instances = 2
        allow_components = ["{digest}"]
        "#
    ));
    let more = format!(
        r#"
        instances = 2
        component.sha256 = "{digest}"
        capabilities.http = [{{ url = "https://search.example.com/in", methods = ["POST"] }}]
        capabilities.sockets = [
            "tcp://10.1.2.0/24:5432-5440",
            {{ url = "tcp://db.internal.example:5432", addresses = ["10.1.2.3"] }},
        ]
        capabilities.topics = ["/default/or*"]
        capabilities.env = {{ APP_MODE = "fast" }}
        dead_letter.topic = "/dead/orders"
        "#
    );
    config(&more, &bound).unwrap_or_else(|error| panic!("{error}"));
    assert!(config("", &bound).is_err());
}

#[test]
fn a_bound_says_nothing_about_tls() {
    let text = "[policy]\nhttp = [{ url = \"https://x.example\", min_tls = \"1.3\" }]";
    let error = Policy::parse(Path::new("host.toml"), text, &Environment::default()).unwrap_err();
    assert!(error.to_string().contains("`min_tls` has no effect in the operator's policy"), "{error}");
}
