//! The connector's table of its file: as written, then resolved into one target per topic.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use danube_sink::{Error, Result, TopicMapping, TopicMappings};
use serde::Deserialize;
use sink_common::{Columns, Dialect};

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_SCHEMA: &str = "public";
const DEFAULT_OFFSETS_TABLE: &str = "danube_offsets";
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Half of the host's `call_timeout`: the server gives up before the host does.
const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// The table as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    host: String,
    port: Option<u16>,
    database: String,
    user: String,
    password: Option<String>,
    tls: Option<bool>,
    connect_timeout_ms: Option<NonZeroU32>,
    statement_timeout_ms: Option<NonZeroU32>,
    lock_timeout_ms: Option<NonZeroU32>,
    offsets_table: Option<String>,
    // What a mapping may have as well. Not flattened: serde could not refuse unknown keys then.
    schema: Option<String>,
    table: Option<String>,
    columns: Option<Columns>,
    mode: Option<Mode>,
    key: Option<Vec<String>>,
    delete: Option<Delete>,
    create: Option<bool>,
    effectively_once: Option<bool>,
    topic_mappings: TopicMappings<PerTopic>,
}

/// A mapping's own keys. They take precedence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PerTopic {
    schema: Option<String>,
    table: Option<String>,
    columns: Option<Columns>,
    mode: Option<Mode>,
    key: Option<Vec<String>>,
    delete: Option<Delete>,
    create: Option<bool>,
    effectively_once: Option<bool>,
}

/// How rows get into a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Each record is a new row.
    #[default]
    Append,
    /// A record takes the place of the row with its key.
    Upsert,
}

/// Which records delete the row with their key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenDelete")]
pub(crate) enum Delete {
    /// Those without a payload, or with `null`.
    Tombstone,
    /// Those with this value of an attribute.
    Attribute { name: String, equals: String },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected `\"tombstone\"` or `{ attribute = \"NAME\", equals = \"VALUE\" }`")]
enum WrittenDelete {
    Tombstone(Tombstone),
    #[serde(rename_all = "snake_case")]
    Attribute {
        attribute: String,
        equals: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tombstone {
    Tombstone,
}

impl From<WrittenDelete> for Delete {
    fn from(written: WrittenDelete) -> Self {
        match written {
            WrittenDelete::Tombstone(Tombstone::Tombstone) => Self::Tombstone,
            WrittenDelete::Attribute { attribute, equals } => Self::Attribute { name: attribute, equals },
        }
    }
}

/// The settings, checked.
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) targets: Vec<Target>,
}

/// How the server is reached.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) tls: bool,
    pub(crate) application: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Option<Duration>,
}

/// Where the records of a topic go, and how.
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) table: Name,
    /// Empty: whatever columns the table has.
    pub(crate) columns: Columns,
    pub(crate) mode: Mode,
    /// Names of columns. Only for [`Mode::Upsert`].
    pub(crate) key: Vec<String>,
    pub(crate) delete: Option<Delete>,
    pub(crate) create: bool,
    /// Where the offsets are kept, if they are.
    pub(crate) offsets: Option<Offsets>,
}

/// The table of the offsets, and whose they are.
pub(crate) struct Offsets {
    pub(crate) table: Name,
    pub(crate) subscription: String,
}

/// The name of a table with its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) schema: String,
    pub(crate) table: String,
    /// Both, quoted.
    pub(crate) quoted: String,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// `Fatal`, with the key that is wrong and why.
    pub(crate) fn resolve(settings: Settings, connector: &str) -> Result<Self> {
        let target = |mapping| {
            Target::resolve(mapping, &settings).map_err(|mistake| {
                Error::fatal(format!("settings: topic mapping of `{}`: {mistake}", mapping.consumer.topic))
            })
        };
        let targets = settings.topic_mappings.iter().map(target).collect::<Result<Vec<_>>>()?;
        // A batch has its topic and not its subscription.
        let mut seen = BTreeSet::new();
        if let Some(twice) = targets.iter().find(|target| !seen.insert(&target.topic)) {
            return Err(Error::fatal(format!("settings: there are two topic mappings for `{}`", twice.topic)));
        }
        let server = Server {
            host: settings.host,
            port: settings.port.unwrap_or(DEFAULT_PORT),
            database: settings.database,
            user: settings.user,
            password: settings.password,
            tls: settings.tls.unwrap_or(true),
            application: connector.to_owned(),
            connect_timeout: millis("connect_timeout_ms", settings.connect_timeout_ms)?
                .unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            statement_timeout: millis("statement_timeout_ms", settings.statement_timeout_ms)?
                .unwrap_or(DEFAULT_STATEMENT_TIMEOUT),
            lock_timeout: millis("lock_timeout_ms", settings.lock_timeout_ms)?,
        };
        Ok(Self { server, targets })
    }
}

/// A time as the server takes it.
fn millis(key: &str, written: Option<NonZeroU32>) -> Result<Option<Duration>> {
    match written {
        Some(ms) if i32::try_from(ms.get()).is_err() => {
            Err(Error::fatal(format!("settings: `{key}`: {ms} is more than PostgreSQL takes, which is {}", i32::MAX)))
        }
        written => Ok(written.map(|ms| Duration::from_millis(ms.get().into()))),
    }
}

impl Target {
    fn resolve(mapping: &TopicMapping<PerTopic>, common: &Settings) -> Result<Self, String> {
        let own = &mapping.extra;
        let schema = own.schema.as_deref().or(common.schema.as_deref()).unwrap_or(DEFAULT_SCHEMA);
        let table = own.table.as_deref().or(common.table.as_deref());
        let table = table.ok_or("`table` is missing, here and beside the mappings")?;
        let columns = own.columns.as_ref().or(common.columns.as_ref()).cloned().unwrap_or_default();
        let key = own.key.as_ref().or(common.key.as_ref()).cloned().unwrap_or_default();
        let delete = own.delete.as_ref().or(common.delete.as_ref()).cloned();
        let mode = own.mode.or(common.mode).unwrap_or_default();
        match mode {
            Mode::Upsert if key.is_empty() => {
                return Err("`mode = \"upsert\"` needs `key`, the columns by which rows are told apart".to_owned());
            }
            Mode::Append if !key.is_empty() => return Err("`key` is for `mode = \"upsert\"`".to_owned()),
            Mode::Append if delete.is_some() => return Err("`delete` is for `mode = \"upsert\"`".to_owned()),
            Mode::Append | Mode::Upsert => {}
        }
        let unmapped = key.iter().find(|key| !columns.is_empty() && columns.iter().all(|column| column.name != **key));
        if let Some(key) = unmapped {
            return Err(format!("`key`: `{key}` is not among the `columns`"));
        }
        let offsets = own.effectively_once.or(common.effectively_once).unwrap_or_default();
        let offsets = offsets.then(|| Offsets::resolve(mapping, common, schema)).transpose()?;
        let create = own.create.or(common.create).unwrap_or_default();
        let topic = mapping.consumer.topic.clone();
        Ok(Self { topic, table: Name::new(schema, table)?, columns, mode, key, delete, create, offsets })
    }
}

impl Offsets {
    fn resolve(mapping: &TopicMapping<PerTopic>, common: &Settings, schema: &str) -> Result<Self, String> {
        let table = common.offsets_table.as_deref().unwrap_or(DEFAULT_OFFSETS_TABLE);
        Ok(Self { table: Name::new(schema, table)?, subscription: mapping.consumer.subscription.clone() })
    }
}

impl Name {
    fn new(schema: &str, table: &str) -> Result<Self, String> {
        let quoted = |key: &str, name| Dialect::Postgres.identifier(name).map_err(|wrong| format!("`{key}`: {wrong}"));
        let both = format!("{}.{}", quoted("schema", schema)?, quoted("table", table)?);
        Ok(Self { schema: schema.to_owned(), table: table.to_owned(), quoted: both })
    }
}

#[cfg(test)]
mod tests;
