//! The headers of a request: from the settings, with the credentials.

use std::collections::BTreeMap;

use danube_sink::http::Request;

use super::{BasicAuth, Format, Settings};
use crate::{oauth::OAuth2, signature::Signature, template::Template};

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
        None if own.oauth2.is_some() => None,
        None => authorization(common)?,
    };
    let is_set = headers.contains_key("authorization");
    if is_set && (credentials.is_some() || oauth2(own, common).is_some()) {
        return Err(
            "`headers` has `authorization`, and so has `basic_auth`, `bearer_token` or `oauth2`: give one".to_owned()
        );
    }
    headers.extend(credentials.map(|credentials| ("authorization".to_owned(), credentials)));
    Ok(headers)
}

/// The OAuth2 client, unless the mapping has other credentials of its own.
pub(super) fn oauth2<'a>(own: &'a Settings, common: &'a Settings) -> Option<&'a OAuth2> {
    let has_others = own.basic_auth.is_some() || own.bearer_token.is_some();
    own.oauth2.as_ref().or(common.oauth2.as_ref().filter(|_| !has_others))
}

/// The headers whose values differ from record to record, by their names in lower case.
pub(super) fn per_record(
    own: &Settings,
    common: &Settings,
    format: Format,
) -> Result<BTreeMap<String, Template>, String> {
    let mut headers = BTreeMap::new();
    for (name, template) in common.record_headers.iter().chain(&own.record_headers) {
        let wrong = |mistake| format!("`record_headers`: {mistake}");
        check_header(name, template).map_err(wrong)?;
        let template = Template::text(template).map_err(|mistake| wrong(format!("`{name}`: {mistake}")))?;
        headers.insert(name.to_ascii_lowercase(), template);
    }
    if !headers.is_empty() && format != Format::Single {
        return Err(
            "`record_headers` differ from record to record\nhelp: set `format = \"single\"`, a request per record"
                .into(),
        );
    }
    Ok(headers)
}

/// No header may be given twice.
pub(super) fn check_signature(
    signature: Option<&Signature>,
    headers: &BTreeMap<String, String>,
    record_headers: &BTreeMap<String, Template>,
) -> Result<(), String> {
    if let Some(name) = record_headers.keys().find(|name| headers.contains_key(*name)) {
        return Err(format!("`{name}` stands in `headers` and in `record_headers`: give one"));
    }
    let Some(signature) = signature else { return Ok(()) };
    let wrong = |mistake| format!("`signature`: {mistake}");
    check_header(&signature.header, &signature.prefix).map_err(wrong)?;
    for name in [Some(&signature.header), signature.timestamp_header.as_ref()].into_iter().flatten() {
        check_header(name, "").map_err(wrong)?;
        let name = name.to_ascii_lowercase();
        if headers.contains_key(&name) || record_headers.contains_key(&name) {
            return Err(wrong(format!("`{name}` stands in `headers` or `record_headers` too")));
        }
    }
    Ok(())
}

fn authorization(settings: &Settings) -> Result<Option<String>, String> {
    let request = Request::get("");
    let given = [settings.basic_auth.is_some(), settings.bearer_token.is_some(), settings.oauth2.is_some()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        return Err("give one of `basic_auth`, `bearer_token` and `oauth2`".to_owned());
    }
    if let Some(oauth2) = &settings.oauth2 {
        let url = Template::parse(&oauth2.token_url).map_err(|mistake| format!("`oauth2.token_url`: {mistake}"))?;
        url.constant().ok_or("`oauth2.token_url` takes no placeholder")?;
    }
    let request = match (&settings.basic_auth, &settings.bearer_token) {
        (Some(BasicAuth { username, .. }), _) if username.contains(':') => {
            return Err("`basic_auth.username` must not have a colon".to_owned());
        }
        (Some(BasicAuth { username, password }), _) => request.basic_auth(username, password),
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
