use danube_sink::testing::Host;
use serde_json::{Value, json};

use super::*;
use crate::connector::HttpSink;

fn with_mapping(mut settings: Value, own: Value) -> Value {
    let mut mapping = json!({ "topic": "/default/a", "subscription": "s" });
    if let (Some(mapping), Value::Object(own)) = (mapping.as_object_mut(), own) {
        mapping.extend(own);
    }
    settings["topic_mappings"] = json!([mapping]);
    settings
}

fn resolve(settings: Value, own: Value) -> Config {
    let settings: Settings = serde_json::from_value(with_mapping(settings, own)).expect("the settings are known");
    Config::resolve(&settings).expect("the settings are valid")
}

fn refusal(settings: Value, own: Value) -> String {
    let refused = Host::<HttpSink>::start(&with_mapping(settings, own)).map(drop);
    let error = refused.expect_err("the settings have a mistake");
    assert!(error.is_fatal(), "{error}");
    error.reason().to_owned()
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = resolve(json!({ "url": "https://h/x" }), json!({}));
    let target = config.target("/default/a").expect("the topic has a mapping");
    assert_eq!((target.method.as_str(), target.format, target.timeout), ("POST", Format::JsonArray, DEFAULT_TIMEOUT));
    assert_eq!((target.gzip, target.envelope, target.idempotency_key), (false, false, true));
    assert_eq!((target.concurrency, target.headers.len(), config.health.is_some()), (DEFAULT_CONCURRENCY, 0, false));
    assert!(config.target("/default/b").is_err_and(|error| error.is_fatal()));
}

#[test]
fn a_mapping_takes_precedence() {
    let common = json!({
        "url": "https://h/x", "method": "PUT", "format": "ndjson", "gzip": true, "envelope": true,
        "idempotency_key": false, "timeout_ms": 5, "concurrency": 3, "bearer_token": "common",
        "headers": { "X-A": "common", "X-B": "common" },
    });
    let own = json!({
        "url": "https://h/{key}", "method": "patch", "format": "single", "gzip": false, "envelope": false,
        "idempotency_key": true, "timeout_ms": 7, "concurrency": 1,
        "basic_auth": { "username": "u", "password": "p" }, "headers": { "x-a": "own" },
    });
    let config = resolve(common, own);
    let target = config.target("/default/a").expect("the topic has a mapping");
    assert_eq!(target.url, Template::parse("https://h/{key}").expect("the template is valid"));
    assert_eq!((target.method.as_str(), target.format, target.concurrency), ("PATCH", Format::Single, 1));
    assert_eq!((target.gzip, target.envelope, target.idempotency_key), (false, false, true));
    assert_eq!(target.timeout, Duration::from_millis(7));
    let headers: Vec<_> = target.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("authorization", "Basic dTpw"), ("x-a", "own"), ("x-b", "common")]);
}

#[test]
fn an_unknown_key_is_refused_with_the_known_ones() {
    let error = refusal(json!({ "url": "https://h/", "gzipped": true }), json!({}));
    assert!(error.starts_with("settings: unknown field `gzipped`, expected one of `url`, `method`, "), "{error}");
    let error = refusal(json!({ "url": "https://h/" }), json!({ "batchsize": 5 }));
    assert!(error.starts_with("settings: `topic_mappings[0]`: unknown field `batchsize`, expected one of "), "{error}");
    assert!(error.contains("(besides `topic`, `subscription`, "), "{error}");
}

#[test]
fn a_mistake_names_its_key() {
    let url = || json!({ "url": "https://h/" });
    let mapping = "settings: topic mapping of `/default/a`: ";
    for (settings, own, expected) in [
        (json!({}), json!({}), "`url` is missing, here and beside the mappings"),
        (json!({ "url": "h" }), json!({}), "`url`: `h` does not start with `http://` or `https://`"),
        (url(), json!({ "method": "GET" }), "`method`: `GET` carries no records, expected `POST`, `PUT` or `PATCH`"),
        (
            url(),
            json!({ "headers": { "Host": "x" } }),
            "`headers`: `Host` cannot be set here: the host takes it from `url`",
        ),
        (url(), json!({ "headers": { "a b": "x" } }), "`headers`: `a b` is no header name"),
        (url(), json!({ "headers": { "a": "x\n" } }), "`headers`: the value of `a` has a control character"),
        (url(), json!({ "bearer_token": "t\n" }), "`bearer_token` has a control character"),
        (
            url(),
            json!({ "bearer_token": "t", "basic_auth": { "username": "u", "password": "p" } }),
            "give one of `basic_auth`, `bearer_token` and `oauth2`",
        ),
        (
            url(),
            json!({ "bearer_token": "t", "headers": { "Authorization": "x" } }),
            "`headers` has `authorization`, and so has `basic_auth`, `bearer_token` or `oauth2`: give one",
        ),
        (
            url(),
            json!({ "record_headers": { "a": "{key}" } }),
            "`record_headers` differ from record to record\nhelp: set `format = \"single\"`, a request per record",
        ),
        (
            url(),
            json!({ "format": "single", "record_headers": { "a": "{ky}" } }),
            "`record_headers`: `a`: unknown placeholder `{ky}`, expected `{topic}`, `{topic_name}`, `{partition}`, \
             `{offset}`, `{key}`, `{attribute:NAME}` or `{field:PATH}`",
        ),
        (
            url(),
            json!({ "format": "single", "item_failures": { "list": "/a" } }),
            "`item_failures` is for requests with several records, and `format` is `single`",
        ),
        (
            url(),
            json!({ "signature": { "secret": "s", "header": "X-A" }, "headers": { "x-a": "b" } }),
            "`signature`: `x-a` stands in `headers` or `record_headers` too",
        ),
        (
            url(),
            json!({ "oauth2": { "token_url": "h", "client_id": "c", "client_secret": "s" } }),
            "`oauth2.token_url`: `h` does not start with `http://` or `https://`",
        ),
        (
            url(),
            json!({ "url": "https://h/{key}" }),
            "`url` differs from record to record\nhelp: set `format = \"single\"`, a request per record",
        ),
        (
            url(),
            json!({ "health_url": "https://h/" }),
            "`health_url` and `topic_mappings` stand beside the mappings, not in one",
        ),
    ] {
        assert_eq!(refusal(settings, own), format!("{mapping}{expected}"));
    }
    let health = refusal(json!({ "url": "https://h/", "health_url": "https://h/{topic}" }), json!({}));
    assert_eq!(health, "settings: `health_url` stands for the whole connector and takes no placeholder");
    let concurrency = refusal(json!({ "url": "https://h/", "concurrency": 0 }), json!({}));
    assert_eq!(concurrency, "settings: `concurrency`: invalid value: integer, expected a nonzero usize");
}

const README: &str = include_str!("../../README.md");

#[test]
fn the_example_in_the_readme_is_valid() {
    let example = README.split("```toml").nth(1).and_then(|rest| rest.split("```").next());
    let file: toml::Table = example.expect("there is an example").parse().expect("the example is TOML");
    let settings: Settings = file["http"].clone().try_into().expect("the settings are known");
    let config = Config::resolve(&settings).expect("the settings are valid");
    assert_eq!(config.target("/default/orders").map(|target| target.format), Ok(Format::JsonArray));
}

#[test]
fn every_key_stands_in_the_readme() {
    let error = refusal(json!({ "no such key": 1 }), json!({}));
    let known: Vec<_> = error.split('`').skip(3).step_by(2).collect();
    assert!(known.len() > 10, "{error}");
    let missing: Vec<_> = known.into_iter().filter(|key| !README.contains(&format!("\n| `{key}` |"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
