//! The connector's table of its file: as written, then resolved into one target per topic.

mod headers;

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use danube_sink::{Error, Result, TopicMappings, http::Request};
use serde::Deserialize;

use crate::{
    items::ItemFailures,
    oauth::{OAuth2, Tokens},
    signature::Signature,
    template::Template,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_CONCURRENCY: usize = 8;

/// The table as written. All keys but `health_url` and `topic_mappings` may also stand in a topic mapping, where they
/// take precedence.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    url: Option<String>,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    basic_auth: Option<BasicAuth>,
    bearer_token: Option<String>,
    oauth2: Option<OAuth2>,
    signature: Option<Signature>,
    /// Names and templates.
    #[serde(default)]
    record_headers: BTreeMap<String, String>,
    item_failures: Option<ItemFailures>,
    records_per_request: Option<NonZeroUsize>,
    format: Option<Format>,
    gzip: Option<bool>,
    envelope: Option<bool>,
    idempotency_key: Option<bool>,
    timeout_ms: Option<NonZeroU32>,
    concurrency: Option<NonZeroUsize>,
    health_url: Option<String>,
    #[serde(default)]
    topic_mappings: TopicMappings<Settings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuth {
    username: String,
    password: String,
}

/// How records are laid into requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// A batch in one request, as a JSON array.
    #[default]
    JsonArray,
    /// A batch in one request, a line of JSON per record.
    Ndjson,
    /// A request per record.
    Single,
}

/// Where the records of a topic go, and how.
pub(crate) struct Target {
    pub(crate) url: Template,
    pub(crate) method: String,
    /// Names in lower case, credentials included.
    pub(crate) headers: BTreeMap<String, String>,
    /// Names in lower case, and what is filled in for each record. Only for [`Format::Single`].
    pub(crate) record_headers: BTreeMap<String, Template>,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) signature: Option<Signature>,
    /// Not for [`Format::Single`].
    pub(crate) item_failures: Option<ItemFailures>,
    /// The most records that a request has. `None`: a batch. Not for [`Format::Single`].
    pub(crate) records_per_request: Option<usize>,
    pub(crate) format: Format,
    pub(crate) gzip: bool,
    pub(crate) envelope: bool,
    pub(crate) idempotency_key: bool,
    pub(crate) timeout: Duration,
    /// How many requests may be under way at once, within what the order allows.
    pub(crate) concurrency: usize,
}

/// The settings, checked.
pub(crate) struct Config {
    /// By topic.
    targets: BTreeMap<String, Target>,
    /// The request that tells whether the endpoint is well.
    pub(crate) health: Option<Request>,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// `Fatal`, with the key that is wrong and why.
    pub(crate) fn resolve(settings: &Settings) -> Result<Self> {
        let mut targets = BTreeMap::new();
        for mapping in &settings.topic_mappings {
            let (topic, own) = (&mapping.consumer.topic, &mapping.extra);
            let wrong = |mistake| Error::fatal(format!("settings: topic mapping of `{topic}`: {mistake}"));
            if own.health_url.is_some() || !own.topic_mappings.is_empty() {
                return Err(wrong(
                    "`health_url` and `topic_mappings` stand beside the mappings, not in one".to_owned(),
                ));
            }
            targets.insert(topic.clone(), Target::resolve(own, settings).map_err(wrong)?);
        }
        let health = health(settings).map_err(|mistake| Error::fatal(format!("settings: {mistake}")))?;
        Ok(Self { targets, health })
    }

    /// Where the records of `topic` go.
    ///
    /// # Errors
    ///
    /// `Fatal` when the settings do not have the topic.
    pub(crate) fn target(&self, topic: &str) -> Result<&Target> {
        self.targets.get(topic).ok_or_else(|| Error::fatal(format!("settings: no topic mapping for `{topic}`")))
    }
}

impl Target {
    fn resolve(own: &Settings, common: &Settings) -> Result<Self, String> {
        let url = own.url.as_ref().or(common.url.as_ref()).ok_or("`url` is missing, here and beside the mappings")?;
        let url = Template::parse(url).map_err(|mistake| format!("`url`: {mistake}"))?;
        let format = own.format.or(common.format).unwrap_or_default();
        if format != Format::Single && url.is_per_record() {
            return Err(
                "`url` differs from record to record\nhelp: set `format = \"single\"`, a request per record".into()
            );
        }
        let idempotency_key = own.idempotency_key.or(common.idempotency_key).unwrap_or(true);
        let gzip = own.gzip.or(common.gzip).unwrap_or_default();
        let timeout = timeout(own.timeout_ms.or(common.timeout_ms));
        let item_failures = own.item_failures.as_ref().or(common.item_failures.as_ref()).cloned();
        let records_per_request = own.records_per_request.or(common.records_per_request);
        if format == Format::Single {
            for (key, is_set) in
                [("item_failures", item_failures.is_some()), ("records_per_request", records_per_request.is_some())]
            {
                if is_set {
                    return Err(format!("`{key}` is for requests with several records, and `format` is `single`"));
                }
            }
        }
        let signature = own.signature.as_ref().or(common.signature.as_ref()).cloned();
        let headers = headers::resolve(own, common)?;
        let record_headers = headers::per_record(own, common, format)?;
        headers::check_signature(signature.as_ref(), &headers, &record_headers)?;
        Ok(Self {
            url,
            method: method(own.method.as_deref().or(common.method.as_deref()))?,
            headers,
            record_headers,
            tokens: headers::oauth2(own, common).map(|settings| Tokens::new(settings.clone(), timeout)),
            signature,
            item_failures,
            records_per_request: records_per_request.map(NonZeroUsize::get),
            format,
            gzip,
            envelope: own.envelope.or(common.envelope).unwrap_or_default(),
            idempotency_key,
            timeout,
            concurrency: own.concurrency.or(common.concurrency).map_or(DEFAULT_CONCURRENCY, NonZeroUsize::get),
        })
    }
}

fn timeout(milliseconds: Option<NonZeroU32>) -> Duration {
    milliseconds.map_or(DEFAULT_TIMEOUT, |milliseconds| Duration::from_millis(milliseconds.get().into()))
}

fn method(written: Option<&str>) -> Result<String, String> {
    let method = written.unwrap_or("POST").to_ascii_uppercase();
    match method.as_str() {
        "POST" | "PUT" | "PATCH" => Ok(method),
        _ => Err(format!("`method`: `{method}` carries no records, expected `POST`, `PUT` or `PATCH`")),
    }
}

fn health(settings: &Settings) -> Result<Option<Request>, String> {
    let Some(url) = &settings.health_url else { return Ok(None) };
    let template = Template::parse(url).map_err(|mistake| format!("`health_url`: {mistake}"))?;
    let url = template.constant().ok_or("`health_url` stands for the whole connector and takes no placeholder")?;
    let request = Request::get(url).timeout(timeout(settings.timeout_ms));
    let headers = headers::resolve(&Settings::default(), settings)?;
    Ok(Some(headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))))
}

#[cfg(test)]
mod tests;
