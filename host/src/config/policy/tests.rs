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
        brokers,
        references,
        max_instances,
        require_sha256,
        allow_components,
        allow_observe,
        limits,
    } = rules.rules().unwrap();
    let absent = [http.is_none(), sockets.is_none(), dirs.is_none(), topics.is_none(), dead_letters.is_none()];
    assert!(brokers.is_none() && references.is_none(), "{rules:?}");
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
        brokers = ["http://127.0.0.0/8:6650-6660", "https://*.example.com:6650"]
        references = ["env:ORDERS_*"]
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

/// What a file with these lines says about the policy's line with references.
fn refused(more: &str, bound: &Policy, environment: &Environment) -> Vec<String> {
    let text = format!("{CONNECTOR}{more}");
    let loaded = Config::read(Path::new("orders.toml"), &text, environment, bound);
    let error = loaded.err();
    error.iter().flat_map(Error::mistakes).map(ToString::to_string).collect()
}

#[test]
fn brokers_are_bounded_but_for_the_operator_s_own_variable() {
    let bound = policy("[policy]\nbrokers = [\"http://10.0.0.0/8:6650\", \"https://*.example.com:6650\"]");
    let nothing = Environment::default();
    assert_eq!(refused("", &bound, &nothing), ["the operator does not allow the broker `http://127.0.0.1:6650`"]);
    let own = nothing.with("DANUBE_SERVICE_URL", "http://127.0.0.1:6650").with("B", "http://10.1.1.1:6651");
    assert!(refused("", &bound, &own).is_empty());
    let expected = ["the operator does not allow the broker `${env:B}`"];
    assert_eq!(refused("broker.admin_url = \"${env:B}\"", &bound, &own), expected);
    assert!(refused("broker.admin_url = \"http://10.9.9.9:6650\"", &bound, &own).is_empty());
}

#[test]
fn references_do_not_lead_out_of_what_the_operator_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["allowed", "elsewhere"] {
        fs::create_dir(path(name)).unwrap();
        fs::write(path(&format!("{name}/secret")), "secret").unwrap();
    }
    std::os::unix::fs::symlink(path("elsewhere/secret"), path("allowed/link")).unwrap();
    std::os::unix::fs::symlink(path("allowed"), path("alias")).unwrap();
    let bound = policy(&format!("[policy]\nreferences = [\"env:ORDERS_*\", \"file:{}\"]", path("alias")));
    let environment = Environment::from_pairs([("ORDERS_KEY", "key"), ("HOME", "/root")]);
    let settings = |text: &str| refused(&format!("settings.more = [\"{text}\"]"), &bound, &environment);
    for allowed in ["${env:ORDERS_KEY}".to_owned(), format!("${{file:{}}}", path("allowed/secret"))] {
        assert!(settings(&allowed).is_empty(), "{allowed}");
    }
    assert!(settings(&format!("a ${{file:{}}} b", path("alias/secret"))).is_empty());
    for refused in ["${env:HOME}", "${env:NONE}"].map(str::to_owned).into_iter().chain(
        ["elsewhere/secret", "allowed/link", "allowed/../elsewhere/secret", "elsewhere/none", "allowed/../none"]
            .map(|name| format!("${{file:{}}}", path(name))),
    ) {
        assert_eq!(settings(&refused), [format!("the operator does not allow `{refused}`")]);
    }
    // What is not there is said only about what may be read.
    let missing = settings(&format!("${{file:{}}}", path("alias/none")));
    assert!(missing[0].contains("the file cannot be read"), "{missing:?}");
    let files = |name: &str| {
        format!(
            "capabilities.http = [{{ url = \"https://x.example\", ca_cert = \"{0}\", client_cert = \"{0}\", \
             client_key = \"{0}\" }}]",
            path(name)
        )
    };
    assert!(refused(&files("allowed/secret"), &bound, &environment).is_empty());
    let elsewhere = format!("the operator does not allow the file `{}`", path("elsewhere/secret"));
    assert_eq!(refused(&files("elsewhere/secret"), &bound, &environment), [&*elsewhere; 3]);
    let token = format!("broker.token_file = \"{}\"", path("elsewhere/secret"));
    assert!(refused(&token, &bound, &environment).contains(&elsewhere));
}
