//! A table that is missing: the statement that makes it, which a person is shown or which is run.

use std::collections::BTreeMap;

use danube_sink::{Error, Result};
use sink_common::{Dialect, Source};
use tokio_postgres::{Client, error::SqlState};

use super::catalog;
use crate::{
    config::{Mode, Name, Offsets, Target},
    outcome::Failure,
};

/// Any number will do that other programs do not lock.
const LOCK: i64 = 0x6461_6e75_6265;

/// Creates a target's table.
///
/// # Errors
///
/// `Fatal` when the settings do not say what it shall be, or when the user may not create it.
pub(super) async fn table(client: &Client, target: &Target) -> Result<(), Failure> {
    let columns = columns(target)?;
    // Only what is a type and nothing else may stand in the statement.
    for data_type in columns.values() {
        catalog::type_named(client, data_type).await?;
    }
    locked(client, &statement(target, &columns)?).await
}

/// The statement for a person.
pub(super) fn proposed(target: &Target) -> Option<String> {
    statement(target, &columns(target).ok()?).ok()
}

/// Creates the table of the offsets.
pub(super) async fn offsets(client: &Client, offsets: &Offsets) -> Result<(), Failure> {
    locked(client, &offsets_statement(&offsets.table)).await
}

pub(super) fn offsets_statement(name: &Name) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\"subscription\" text, \"topic\" text, \"partition\" integer, \"written\" int8multirange \
         NOT NULL, PRIMARY KEY (\"subscription\", \"topic\", \"partition\"))",
        name.quoted
    )
}

/// Several instances begin at once, and `IF NOT EXISTS` alone does not keep them apart.
async fn locked(client: &Client, statement: &str) -> Result<(), Failure> {
    let work = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK}); {statement}; COMMIT");
    if let Err(error) = client.batch_execute(&work).await {
        client.batch_execute("ROLLBACK").await?;
        return Err(match error.code() {
            // Somebody else has just made it, without the lock.
            Some(&SqlState::UNIQUE_VIOLATION) => Error::retryable(error.to_string()).into(),
            _ => error.into(),
        });
    }
    Ok(())
}

/// The type of each column.
fn columns(target: &Target) -> Result<BTreeMap<&str, &str>> {
    if target.columns.is_empty() {
        return Err(Error::fatal(
            "settings: `create = true` needs `columns`, with the type of each that a field of the payload fills",
        ));
    }
    let typed = target.columns.iter().map(|column| {
        let data_type = column.data_type.as_deref().or_else(|| usual_type(&column.source)).ok_or_else(|| {
            let (name, source) = (&column.name, &column.source);
            Error::fatal(format!(
                "settings: `create = true` needs the type of the column `{name}`\nhelp: {name} = {{ from = \"{source}\", type = \"text\" }}"
            ))
        })?;
        Ok((column.name.as_str(), data_type))
    });
    typed.collect()
}

/// What metadata is.
pub(super) fn usual_type(source: &Source) -> Option<&'static str> {
    match source {
        Source::Field(_) => None,
        Source::Payload | Source::Attributes => Some("jsonb"),
        Source::Topic | Source::Id | Source::Producer | Source::Key | Source::Attribute(_) => Some("text"),
        Source::Partition => Some("integer"),
        Source::Offset => Some("bigint"),
        Source::PublishTime => Some("timestamp with time zone"),
    }
}

fn statement(target: &Target, columns: &BTreeMap<&str, &str>) -> Result<String> {
    let quoted = |name: &str| Dialect::Postgres.identifier(name).map_err(Error::fatal);
    let part = |(name, of): (&&str, &&str)| Ok(format!("{} {of}", quoted(name)?));
    let mut parts = columns.iter().map(part).collect::<Result<Vec<_>>>()?;
    match target.mode {
        Mode::Append => {}
        Mode::Upsert => {
            let key = target.key.iter().map(|name| quoted(name)).collect::<Result<Vec<_>>>()?;
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
    }
    Ok(format!("CREATE TABLE IF NOT EXISTS {} ({})", target.table.quoted, parts.join(", ")))
}
