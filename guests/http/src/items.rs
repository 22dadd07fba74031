//! What an endpoint says of single records in an answer that is 2xx as a whole, as the bulk interfaces of many systems do.

use danube_sink::{Error, Result, http::Response};
use serde::Deserialize;
use serde_json::Value;
use sink_common::{Class, Path};

/// How much of a reason is kept, in characters.
const EXCERPT: usize = 200;

/// The settings' `item_failures`, as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemFailures {
    /// Where the list is in the answer.
    list: Path,
    /// Where an entry says which record of the request it is about. Without it the entries stand in the records' order.
    index: Option<Path>,
    /// Where an entry says how it went. Without it every entry is a failure.
    status: Option<Path>,
    /// Where an entry says why.
    reason: Option<Path>,
    /// Statuses that mean that the record is written, besides 2xx.
    #[serde(default)]
    written: Vec<Status>,
    /// Statuses that mean that the record may be written later, besides 408, 425, 429 and 5xx.
    #[serde(default)]
    retry: Vec<Status>,
    /// Statuses that mean that the record is bad, besides all others.
    #[serde(default)]
    reject: Vec<Status>,
}

/// A status as endpoints write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a number or a text")]
enum Status {
    Number(u64),
    Text(String),
}

impl Status {
    fn of(value: &Value) -> Option<Self> {
        value.as_u64().map(Self::Number).or_else(|| value.as_str().map(|text| Self::Text(text.to_owned())))
    }

    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.chars().take(EXCERPT).collect(),
        }
    }
}

impl ItemFailures {
    /// The records of a request that were not written, by their positions in it, and why. No list: all were.
    ///
    /// # Errors
    ///
    /// `Fatal` when the answer is not what the settings say: it must not pass for a success.
    pub(crate) fn read(&self, response: &Response, records: usize) -> Result<Vec<(usize, Error)>> {
        if response.bytes().trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let wrong = |what: String| Error::fatal(format!("settings: `item_failures` does not fit the answer: {what}"));
        let answer: Value = response.json().map_err(|error| wrong(error.to_string()))?;
        let Some(list) = self.list.find(&answer) else { return Ok(Vec::new()) };
        let entries = list.as_array().ok_or_else(|| wrong(format!("`{}` is no list", self.list)))?;
        let mut failures = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let lacks = |path: &Path| wrong(format!("entry {position} has no `{path}`"));
            let index = match &self.index {
                Some(path) => index_of(path.find(entry)).ok_or_else(|| lacks(path))?,
                None => position,
            };
            if index >= records {
                return Err(wrong(format!("entry {position} is about record {index}, and the request had {records}")));
            }
            let status = match &self.status {
                Some(path) => Some(path.find(entry).and_then(Status::of).ok_or_else(|| lacks(path))?),
                None => None,
            };
            if let Some(class) = self.class(status.as_ref()) {
                failures.push((index, class.error(self.reason(status.as_ref(), entry))));
            }
        }
        Ok(failures)
    }

    /// `None`: it is written.
    fn class(&self, status: Option<&Status>) -> Option<Class> {
        let Some(status) = status else { return Some(Class::Reject) };
        if self.written.contains(status) {
            return None;
        }
        if self.retry.contains(status) {
            return Some(Class::Retry);
        }
        if self.reject.contains(status) {
            return Some(Class::Reject);
        }
        match status {
            Status::Number(200..300) => None,
            Status::Number(408 | 425 | 429 | 500..600) => Some(Class::Retry),
            Status::Number(_) | Status::Text(_) => Some(Class::Reject),
        }
    }

    fn reason(&self, status: Option<&Status>, entry: &Value) -> String {
        let status = status.map(|status| format!("status {}", status.text()));
        let reason = self.reason.as_ref().and_then(|path| path.find(entry)).map(|reason| match reason.as_str() {
            Some(text) => text.to_owned(),
            None => reason.to_string(),
        });
        let reason = reason.map(|reason| {
            reason.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>()
        });
        let parts: Vec<_> = status.into_iter().chain(reason).collect();
        if parts.is_empty() { "the endpoint names it as failed".to_owned() } else { parts.join(": ") }
    }
}

fn index_of(value: Option<&Value>) -> Option<usize> {
    let value = value?;
    value.as_u64().and_then(|index| usize::try_from(index).ok()).or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use danube_sink::http::Body;
    use serde_json::json;

    use super::*;

    fn read(settings: Value, answer: &Value, records: usize) -> Result<Vec<(usize, Error)>> {
        let items: ItemFailures = serde_json::from_value(settings).expect("the settings are valid");
        items.read(&Response::new(200).with_body(Body::Text(answer.to_string())), records)
    }

    #[test]
    fn a_status_for_each_record() {
        // As Elasticsearch and OpenSearch answer.
        let settings = json!({ "list": "/items", "status": "/index/status", "reason": "/index/error/reason" });
        let answer = json!({ "errors": true, "items": [
            { "index": { "status": 201 } },
            { "index": { "status": 429, "error": { "reason": "queue\nfull" } } },
            { "index": { "status": 400, "error": { "reason": "mapper" } } },
        ]});
        let expected = [(1, Error::retryable("status 429: queue full")), (2, Error::rejected("status 400: mapper"))];
        assert_eq!(read(settings, &answer, 3), Ok(expected.to_vec()));
    }

    #[test]
    fn failures_only() {
        let settings = json!({ "list": "errors", "index": "row", "reason": "why" });
        let answer = json!({ "errors": [{ "row": "1", "why": { "code": 7 } }, { "row": 0 }] });
        let expected = [(1, Error::rejected(r#"{"code":7}"#)), (0, Error::rejected("the endpoint names it as failed"))];
        assert_eq!(read(settings.clone(), &answer, 2), Ok(expected.to_vec()));
        assert_eq!(read(settings, &json!({ "ok": true }), 2), Ok(Vec::new()), "there is no list");
    }

    #[test]
    fn the_settings_say_what_a_status_means() {
        let settings = json!({
            "list": "r", "status": "s", "written": ["ok", 409], "retry": ["busy", 400], "reject": [503],
        });
        let statuses = [json!("ok"), json!(409), json!("busy"), json!(400), json!(503), json!("other")];
        let answer = json!({ "r": statuses.map(|status| json!({ "s": status })) });
        let failures = read(settings, &answer, 6).expect("the answer fits");
        let failures: Vec<_> = failures.iter().map(|(index, error)| (*index, error.is_retryable())).collect();
        assert_eq!(failures, [(2, true), (3, true), (4, false), (5, false)]);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_no_success() {
        let settings = || json!({ "list": "/r", "index": "/i", "status": "/s" });
        let wrong = "settings: `item_failures` does not fit the answer: ";
        for (answer, expected) in [
            (json!({ "r": 1 }), "`/r` is no list"),
            (json!({ "r": [{ "s": 200 }] }), "entry 0 has no `/i`"),
            (json!({ "r": [{ "i": 0 }] }), "entry 0 has no `/s`"),
            (json!({ "r": [{ "i": 5, "s": 200 }] }), "entry 0 is about record 5, and the request had 2"),
        ] {
            assert_eq!(read(settings(), &answer, 2), Err(Error::fatal(format!("{wrong}{expected}"))));
        }
        let items: ItemFailures = serde_json::from_value(settings()).expect("the settings are valid");
        assert!(items.read(&Response::new(200).with_body(Body::Text("<html>".into())), 1).is_err_and(|e| e.is_fatal()));
        assert_eq!(items.read(&Response::new(204), 1), Ok(Vec::new()));
    }
}
