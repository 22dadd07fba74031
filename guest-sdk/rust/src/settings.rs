//! Reads settings into the types of a sink, with messages that name the key and never show a value, which may be a secret.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Reads `settings` as a `T`, or tells what is wrong and where.
pub(crate) fn read<T: DeserializeOwned>(settings: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(settings).map_err(|error| {
        let place = error.path().clone();
        let mistake = error.into_inner().to_string();
        let mistake = without_value(&mistake);
        match place_of(&place, &mistake) {
            place if place.is_empty() => mistake.into_owned(),
            place => format!("`{place}`: {mistake}"),
        }
    })
}

/// The path to the mistake, as in `topic_mappings[1].batch_size`. The message about an unknown key has its name already.
fn place_of(path: &Path, mistake: &str) -> String {
    let mut place = path.to_string();
    if let Some(Segment::Map { key }) = path.iter().next_back()
        && mistake.starts_with("unknown field")
    {
        place.truncate(place.len() - key.len());
    }
    place.trim_matches('.').to_owned()
}

/// What serde says of a value that does not fit, less the value: settings and payloads do not belong into logs.
pub(crate) fn without_value(mistake: &str) -> Cow<'_, str> {
    for (kind, end) in [("invalid type: ", ", expected "), ("invalid value: ", ", expected ")] {
        if let Some((found, expected)) = mistake.strip_prefix(kind).and_then(|rest| rest.rsplit_once(end)) {
            // `string "x"`, `integer `1``, or without a value: `map`, `null`, `unit value`.
            let found = found.split(['"', '`']).next().unwrap_or(found).trim_end();
            return format!("{kind}{found}{end}{expected}").into();
        }
    }
    match mistake.strip_prefix("unknown variant `").and_then(|rest| rest.rsplit_once("`, expected ")) {
        Some((_, expected)) => format!("unknown variant, expected {expected}").into(),
        None => mistake.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Server {
        #[expect(dead_code, reason = "only its reading is tested")]
        port: u16,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[expect(dead_code, reason = "only its reading is tested")]
        servers: Vec<Server>,
    }

    fn mistake(settings: Value) -> String {
        read::<Settings>(settings).expect_err("the settings have a mistake")
    }

    #[test]
    fn a_mistake_is_found_by_its_path() {
        let settings = json!({ "servers": [{ "port": 1 }, { "port": "x" }] });
        assert_eq!(mistake(settings), "`servers[1].port`: invalid type: string, expected u16");
        assert_eq!(mistake(json!({})), "missing field `servers`");
    }

    #[test]
    fn no_value_is_told() {
        for (mistake, told) in [
            ("invalid type: string \"a, expected `b`\", expected u16", "invalid type: string, expected u16"),
            ("invalid type: integer `-3`, expected a string", "invalid type: integer, expected a string"),
            ("invalid type: floating point `1.5`, expected u8", "invalid type: floating point, expected u8"),
            ("invalid type: map, expected a string", "invalid type: map, expected a string"),
            (
                "invalid value: integer `300`, expected u8 at line 1 column 9",
                "invalid value: integer, expected u8 at line 1 column 9",
            ),
            ("unknown variant `s`, expected `low` or `high`", "unknown variant, expected `low` or `high`"),
            ("unknown variant `s`, expected one of `a`, `b`, `c`", "unknown variant, expected one of `a`, `b`, `c`"),
            ("missing field `a`", "missing field `a`"),
        ] {
            assert_eq!(without_value(mistake), told);
        }
    }

    #[test]
    fn an_unknown_key_is_named_once() {
        assert_eq!(mistake(json!({ "sever": [] })), "unknown field `sever`, expected `servers`");
        let settings = json!({ "servers": [{ "a.b": 1 }] });
        assert_eq!(mistake(settings), "`servers[0]`: unknown field `a.b`, expected `port`");
    }
}
