//! The connector's table of its file: as written, then resolved into a server and one target for each topic.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use danube_sink::{Error, Result, TopicMappings};
use serde::Deserialize;
use sink_common::{Columns, Dialect};

use crate::server::Server;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The table as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    url: String,
    username: Option<String>,
    password: Option<String>,
    database: Option<String>,
    #[serde(default)]
    create: bool,
    gzip: Option<bool>,
    deduplicate: Option<bool>,
    #[serde(default)]
    async_insert: bool,
    timeout_ms: Option<NonZeroU32>,
    /// Settings of ClickHouse's own for each insert.
    #[serde(default)]
    query_settings: BTreeMap<String, QuerySetting>,
    #[serde(default)]
    topic_mappings: TopicMappings<Mapping>,
}

/// What a topic mapping has besides the host's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    table: String,
    database: Option<String>,
    #[serde(default)]
    columns: Columns,
    #[serde(default)]
    unknown_fields: Unknown,
    #[serde(default)]
    null_as_default: bool,
    engine: Option<String>,
    order_by: Option<String>,
    partition_by: Option<String>,
}

/// A value of a setting of ClickHouse's.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, a number, `true` or `false`")]
enum QuerySetting {
    Truth(bool),
    Number(serde_json::Number),
    Text(String),
}

/// What becomes of fields for which the table has no column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unknown {
    /// The record is rejected.
    #[default]
    Reject,
    /// They are left out.
    Skip,
}

/// Where the records of a topic go.
pub(crate) struct Target {
    pub(crate) database: String,
    pub(crate) table: String,
    /// None: each field goes into the column of its name.
    pub(crate) columns: Columns,
    pub(crate) unknown_fields: Unknown,
    pub(crate) null_as_default: bool,
    pub(crate) engine: String,
    pub(crate) order_by: String,
    pub(crate) partition_by: Option<String>,
}

/// The settings, checked.
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) create: bool,
    pub(crate) deduplicate: bool,
    pub(crate) async_insert: bool,
    /// Names and values.
    pub(crate) query_settings: Vec<(String, String)>,
    /// By topic.
    pub(crate) targets: BTreeMap<String, Target>,
}

/// Settings that follow from others, and the key to use.
const RESERVED: [(&str, &str); 5] = [
    ("async_insert", "`async_insert`"),
    ("wait_for_async_insert", "nothing: it is always on"),
    ("insert_deduplication_token", "`deduplicate`"),
    ("database", "`database`"),
    ("query", "nothing"),
];

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// `Fatal`, with the key that is wrong and why.
    pub(crate) fn resolve(settings: Settings) -> Result<Self> {
        let wrong = |mistake| Error::fatal(format!("settings: {mistake}"));
        check_url(&settings.url).map_err(wrong)?;
        if let Some((name, instead)) = RESERVED.iter().find(|(name, _)| settings.query_settings.contains_key(*name)) {
            return Err(wrong(format!("`query_settings` cannot have `{name}`; use {instead}")));
        }
        for (key, value) in [("username", &settings.username), ("password", &settings.password)] {
            if value.as_ref().is_some_and(|value| value.chars().any(char::is_control)) {
                return Err(wrong(format!("`{key}` has a control character")));
            }
        }
        let timeout =
            settings.timeout_ms.map_or(DEFAULT_TIMEOUT, |timeout| Duration::from_millis(timeout.get().into()));
        let database = settings.database.unwrap_or_else(|| "default".to_owned());
        let mut targets = BTreeMap::new();
        for mapping in &settings.topic_mappings {
            let topic = &mapping.consumer.topic;
            let target = Target::resolve(&mapping.extra, &database, settings.create)
                .map_err(|mistake| wrong(format!("topic mapping of `{topic}`: {mistake}")))?;
            targets.insert(topic.clone(), target);
        }
        Ok(Self {
            server: Server {
                url: settings.url,
                username: settings.username,
                password: settings.password,
                gzip: settings.gzip.unwrap_or(true),
                timeout,
            },
            create: settings.create,
            deduplicate: settings.deduplicate.unwrap_or(true),
            async_insert: settings.async_insert,
            query_settings: settings.query_settings.into_iter().map(|(name, value)| (name, value.text())).collect(),
            targets,
        })
    }
}

impl Target {
    fn resolve(written: &Mapping, database: &str, create: bool) -> Result<Self, String> {
        let Mapping {
            table,
            database: own_database,
            columns,
            unknown_fields,
            null_as_default,
            engine,
            order_by,
            partition_by,
        } = written;
        let target = Self {
            database: own_database.as_deref().unwrap_or(database).to_owned(),
            table: table.clone(),
            columns: columns.clone(),
            unknown_fields: *unknown_fields,
            null_as_default: *null_as_default,
            engine: engine.as_deref().unwrap_or("MergeTree").to_owned(),
            order_by: order_by.as_deref().unwrap_or("tuple()").to_owned(),
            partition_by: partition_by.clone(),
        };
        target.name()?;
        for column in columns {
            Dialect::ClickHouse.identifier(&column.name).map_err(|mistake| format!("`columns`: {mistake}"))?;
        }
        if create && columns.is_empty() {
            return Err("`create` needs `columns`, to know which ones the table shall have".to_owned());
        }
        Ok(target)
    }

    /// The table's name for a query, quoted.
    ///
    /// # Errors
    ///
    /// Says why there can be no such table.
    pub(crate) fn name(&self) -> Result<String, String> {
        let quoted = |key: &str, name: &str| {
            Dialect::ClickHouse.identifier(name).map_err(|mistake| format!("`{key}`: {mistake}"))
        };
        Ok(format!("{}.{}", quoted("database", &self.database)?, quoted("table", &self.table)?))
    }
}

impl QuerySetting {
    fn text(self) -> String {
        match self {
            Self::Truth(truth) => u8::from(truth).to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

fn check_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| format!("`url`: `{url}` does not start with `http://` or `https://`"))?;
    if rest.split('/').next().unwrap_or_default().contains('@') {
        return Err("`url`: credentials do not belong into a URL; use `username` and `password`".to_owned());
    }
    if url.contains(['?', '#']) {
        return Err("`url` takes no parameters; use `database` and `query_settings`".to_owned());
    }
    match url.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(c) => Err(format!("`url`: {c:?} must be percent-encoded")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
