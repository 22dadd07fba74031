//! The headers of a request: from the settings, with the credentials.

use std::collections::BTreeMap;

use danube_sink::http::Request;

use super::{BasicAuth, Settings};

/// Headers that the host sets, or that follow from other settings.
const RESERVED: [(&str, &str); 11] = [
    ("connection", "the host sets it"),
    ("content-encoding", "`gzip` sets it"),
    ("content-length", "the host sets it"),
    ("host", "the host takes it from `url`"),
    ("idempotency-key", "`idempotency_key` sets it"),
    ("keep-alive", "the host sets it"),
    ("proxy-connection", "the host sets it"),
    ("te", "the host sets it"),
    ("trailer", "the host sets it"),
    ("transfer-encoding", "the host sets it"),
    ("upgrade", "the host sets it"),
];

/// The headers of both levels and the credentials, by their names in lower case.
pub(super) fn resolve(own: &Settings, common: &Settings) -> Result<BTreeMap<String, String>, String> {
    let mut headers = BTreeMap::new();
    for (name, value) in common.headers.iter().chain(&own.headers) {
        check_header(name, value).map_err(|mistake| format!("`headers`: {mistake}"))?;
        headers.insert(name.to_ascii_lowercase(), value.clone());
    }
    let credentials = match authorization(own)? {
        Some(credentials) => Some(credentials),
        None => authorization(common)?,
    };
    if let Some(credentials) = credentials
        && headers.insert("authorization".to_owned(), credentials).is_some()
    {
        return Err("`headers` has `authorization`, and so does `basic_auth` or `bearer_token`: give one".to_owned());
    }
    Ok(headers)
}

fn authorization(settings: &Settings) -> Result<Option<String>, String> {
    let request = Request::get("");
    let request = match (&settings.basic_auth, &settings.bearer_token) {
        (Some(_), Some(_)) => return Err("give `basic_auth` or `bearer_token`, not both".to_owned()),
        (Some(BasicAuth { username, .. }), None) if username.contains(':') => {
            return Err("`basic_auth.username` must not have a colon".to_owned());
        }
        (Some(BasicAuth { username, password }), None) => request.basic_auth(username, password),
        (None, Some(token)) => {
            check_header("authorization", token).map_err(|_| "`bearer_token` has a control character")?;
            request.bearer_auth(token)
        }
        (None, None) => request,
    };
    Ok(request.header_value("authorization").map(str::to_owned))
}

/// Never shows the value: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!("`{name}` is no header name"));
    }
    if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| reserved.eq_ignore_ascii_case(name)) {
        return Err(format!("`{name}` cannot be set here: {why}"));
    }
    if value.chars().any(char::is_control) {
        Err(format!("the value of `{name}` has a control character"))
    } else {
        Ok(())
    }
}
