//! Reads settings into the types of a sink, with messages that name the key.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Reads `settings` as a `T`, or tells what is wrong and where.
pub(crate) fn read<T: DeserializeOwned>(settings: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(settings).map_err(|error| {
        let place = error.path().clone();
        let mistake = error.into_inner().to_string();
        match place_of(&place, &mistake) {
            place if place.is_empty() => mistake,
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
        assert_eq!(mistake(settings), "`servers[1].port`: invalid type: string \"x\", expected u16");
        assert_eq!(mistake(json!({})), "missing field `servers`");
    }

    #[test]
    fn an_unknown_key_is_named_once() {
        assert_eq!(mistake(json!({ "sever": [] })), "unknown field `sever`, expected `servers`");
        let settings = json!({ "servers": [{ "a.b": 1 }] });
        assert_eq!(mistake(settings), "`servers[0]`: unknown field `a.b`, expected `port`");
    }
}
