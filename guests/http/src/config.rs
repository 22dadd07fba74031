//! The connector's table of its file: as written, then resolved into one target per topic.

mod headers;

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use danube_sink::{Error, Result, TopicMappings, http::Request};
use serde::Deserialize;

use crate::template::Template;

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
    pub(crate) format: Format,
    pub(crate) gzip: bool,
    pub(crate) envelope: bool,
    pub(crate) idempotency_key: bool,
    pub(crate) timeout: Duration,
    /// How many requests may be under way at once. Only for [`Format::Single`].
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
        Ok(Self {
            url,
            method: method(own.method.as_deref().or(common.method.as_deref()))?,
            headers: headers::resolve(own, common)?,
            format,
            gzip,
            envelope: own.envelope.or(common.envelope).unwrap_or_default(),
            idempotency_key,
            timeout: timeout(own.timeout_ms.or(common.timeout_ms)),
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
