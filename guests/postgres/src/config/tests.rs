use serde_json::{Value, json};

use super::*;

fn resolve(mut settings: Value, mut mapping: Value) -> Result<Config, String> {
    let all = [("host", "h"), ("database", "d"), ("user", "u")];
    for (key, value) in all {
        settings.as_object_mut().expect("a table").entry(key).or_insert(value.into());
    }
    for (key, value) in [("topic", "/default/orders"), ("subscription", "s")] {
        mapping[key] = value.into();
    }
    settings["topic_mappings"] = json!([mapping]);
    let settings: Settings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
    Config::resolve(settings, "c").map_err(|error| error.reason().to_owned())
}

fn mistake(settings: Value, mapping: Value) -> String {
    match resolve(settings, mapping) {
        Ok(_) => panic!("nothing is wrong with it"),
        Err(mistake) => mistake,
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = resolve(json!({}), json!({ "table": "orders" })).expect("the settings are valid");
    let Server { port, tls, connect_timeout, statement_timeout, lock_timeout, .. } = config.server;
    assert_eq!((port, tls, lock_timeout), (5432, true, None));
    assert_eq!((connect_timeout, statement_timeout), (Duration::from_secs(10), Duration::from_secs(15)));
    let target = &config.targets[0];
    assert_eq!((target.table.quoted.as_str(), target.mode), ("\"public\".\"orders\"", Mode::Append));
    assert!(target.offsets.is_none() && !target.create && target.columns.is_empty());
}

#[test]
fn a_mapping_takes_precedence() {
    let common =
        json!({ "schema": "a", "table": "b", "mode": "append", "effectively_once": true, "offsets_table": "o" });
    let own =
        json!({ "table": "c\"d", "mode": "upsert", "key": ["id"], "delete": { "attribute": "op", "equals": "d" } });
    let config = resolve(common, own).expect("the settings are valid");
    let target = &config.targets[0];
    assert_eq!(target.table.quoted, "\"a\".\"c\"\"d\"");
    assert_eq!(target.delete, Some(Delete::Attribute { name: "op".to_owned(), equals: "d".to_owned() }));
    let offsets = target.offsets.as_ref().expect("they are kept");
    assert_eq!((offsets.table.quoted.as_str(), offsets.subscription.as_str()), ("\"a\".\"o\"", "s"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (settings, expected) in [
        (json!({}), "`table` is missing, here and beside the mappings"),
        (json!({ "table": "" }), "`table`: a name must not be empty"),
        (
            json!({ "table": "a", "mode": "upsert" }),
            "`mode = \"upsert\"` needs `key`, the columns by which rows are told apart",
        ),
        (json!({ "table": "a", "key": ["id"] }), "`key` is for `mode = \"upsert\"`"),
        (json!({ "table": "a", "delete": "tombstone" }), "`delete` is for `mode = \"upsert\"`"),
        (
            json!({ "table": "a", "mode": "upsert", "key": ["id"], "columns": { "n": "n" } }),
            "`key`: `id` is not among the `columns`",
        ),
    ] {
        let whole = format!("settings: topic mapping of `/default/orders`: {expected}");
        assert_eq!(mistake(json!({}), settings.clone()), whole);
        assert_eq!(mistake(settings, json!({})), whole);
    }
}

#[test]
fn a_time_that_the_server_does_not_take_is_refused() {
    for key in ["connect_timeout_ms", "statement_timeout_ms", "lock_timeout_ms"] {
        assert!(resolve(json!({ "table": "a", key: 2_147_483_647 }), json!({})).is_ok());
        let expected = format!("settings: `{key}`: 2147483648 is more than PostgreSQL takes, which is 2147483647");
        assert_eq!(mistake(json!({ "table": "a", key: 2_147_483_648_u32 }), json!({})), expected);
    }
}

#[test]
fn what_is_unknown_is_refused() {
    assert!(mistake(json!({ "tabel": "a" }), json!({})).contains("unknown field `tabel`"));
    assert!(mistake(json!({}), json!({ "table": "a", "host": "h" })).contains("unknown field `host`"));
    let delete = mistake(json!({ "table": "a", "delete": "tomb" }), json!({}));
    assert!(delete.contains("expected `\"tombstone\"` or `{ attribute = \"NAME\", equals = \"VALUE\" }`"), "{delete}");
}

const README: &str = include_str!("../../README.md");

#[test]
fn the_examples_are_valid() {
    let example = README.split("```toml").nth(1).and_then(|rest| rest.split("```").next());
    for text in [example.expect("there is an example"), include_str!("../../../../config/postgres.toml")] {
        let file: toml::Table = text.parse().expect("it is TOML");
        let settings: Settings = file["postgres"].clone().try_into().expect("the settings are known");
        Config::resolve(settings, "c").expect("the settings are valid");
    }
}

#[test]
fn every_key_stands_in_the_readme() {
    for error in [mistake(json!({ "no such key": 1 }), json!({})), mistake(json!({}), json!({ "no such key": 1 }))] {
        let keys = error.split(" (besides").next().unwrap_or_default();
        let known: Vec<_> = keys.split('`').skip(1).step_by(2).filter(|key| !key.contains(['[', ' '])).collect();
        assert!(known.len() > 5, "{error}");
        let missing: Vec<_> = known.into_iter().filter(|key| !README.contains(&format!("\n| `{key}`"))).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}

#[test]
fn a_topic_has_one_mapping() {
    let mapping = |subscription| json!({ "topic": "/default/orders", "subscription": subscription });
    let settings = json!({ "host": "h", "database": "d", "user": "u", "table": "t", "topic_mappings": [mapping("a"), mapping("b")] });
    let settings: Settings = serde_json::from_value(settings).expect("it has the settings' form");
    let mistake = Config::resolve(settings, "c").map(|_| ()).expect_err("it is not clear which one a batch is of");
    assert_eq!(mistake.reason(), "settings: there are two topic mappings for `/default/orders`");
}
