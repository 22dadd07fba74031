use danube_sink::testing::Host;
use serde_json::{Value, json};

use super::*;
use crate::connector::ClickHouse;

fn settings(own: Value, mapping: Value) -> Value {
    let mut settings = json!({
        "url": "http://h:8123/",
        "topic_mappings": [{ "topic": "/default/a", "subscription": "s", "table": "t" }],
    });
    for (place, own) in [("", own), ("/topic_mappings/0", mapping)] {
        if let (Some(Value::Object(place)), Value::Object(own)) = (settings.pointer_mut(place), own) {
            place.extend(own);
        }
    }
    settings
}

fn refusal(own: Value, mapping: Value) -> String {
    let error = Host::<ClickHouse>::start(&settings(own, mapping)).map(drop).expect_err("the settings have a mistake");
    assert!(error.is_fatal(), "{error}");
    error.reason().to_owned()
}

#[test]
fn what_is_left_out_has_a_default() {
    let settings: Settings = serde_json::from_value(settings(json!({}), json!({}))).expect("the settings are known");
    let config = Config::resolve(settings).expect("the settings are valid");
    assert_eq!(
        (config.create, config.deduplicate, config.async_insert, config.server.gzip),
        (false, true, false, true)
    );
    assert_eq!((config.server.timeout, config.server.username), (DEFAULT_TIMEOUT, None));
    let target = &config.targets["/default/a"];
    assert_eq!(target.name().as_deref(), Ok("`default`.`t`"));
    assert_eq!((target.unknown_fields, target.null_as_default), (Unknown::Reject, false));
}

#[test]
fn a_mistake_names_its_key() {
    let none = || json!({});
    for (own, mapping, expected) in [
        (json!({ "url": "h" }), none(), "`url`: `h` does not start with `http://` or `https://`"),
        (
            json!({ "url": "http://a:b@h/" }),
            none(),
            "`url`: credentials do not belong into a URL; use `username` and `password`",
        ),
        (json!({ "url": "http://h/?x=1" }), none(), "`url` takes no parameters; use `database` and `query_settings`"),
        (json!({ "password": "a\n" }), none(), "`password` has a control character"),
        (
            json!({ "query_settings": { "async_insert": 1 } }),
            none(),
            "`query_settings` cannot have `async_insert`; use `async_insert`",
        ),
        (
            json!({ "create": true }),
            none(),
            "topic mapping of `/default/a`: `create` needs `columns`, to know which ones the table shall have",
        ),
        (none(), json!({ "table": "" }), "topic mapping of `/default/a`: `table`: a name must not be empty"),
    ] {
        assert_eq!(refusal(own, mapping), format!("settings: {expected}"));
    }
    let source = refusal(json!({}), json!({ "columns": { "a": "@ofset" } }));
    assert!(source.starts_with("settings: `topic_mappings[0]`: `columns.a`: unknown source `@ofset`"), "{source}");
    let key = refusal(json!({ "tabel": 1 }), json!({}));
    assert!(key.starts_with("settings: unknown field `tabel`, expected one of `url`, "), "{key}");
}

const README: &str = include_str!("../../README.md");

#[test]
fn the_example_in_the_readme_is_valid() {
    for text in [README, include_str!("../../../../config/clickhouse.toml")] {
        let example = if text == README {
            text.split("```toml").nth(1).and_then(|rest| rest.split("```").next())
        } else {
            Some(text)
        };
        let file: toml::Table = example.expect("there is an example").parse().expect("the example is TOML");
        let settings: Settings = file["clickhouse"].clone().try_into().expect("the settings are known");
        Config::resolve(settings).expect("the settings are valid");
    }
}

#[test]
fn every_key_stands_in_the_readme() {
    for error in [refusal(json!({ "no such key": 1 }), json!({})), refusal(json!({}), json!({ "no such key": 1 }))] {
        let keys = error.split(" (besides").next().unwrap_or_default();
        let known: Vec<_> = keys.split('`').skip(1).step_by(2).filter(|key| !key.contains(['[', ' '])).collect();
        assert!(known.len() > 5, "{error}");
        let missing: Vec<_> = known.into_iter().filter(|key| !README.contains(&format!("\n| `{key}` |"))).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}
