//! The table as it is, held against what the settings need.

use std::{collections::BTreeMap, fmt::Write};

use danube_sink::{Error, Result};
use serde::Deserialize;
use sink_common::{Dialect, Source};

use crate::{config::Target, data_type::DataType, server::Server};

/// A table's columns.
pub(crate) struct Table {
    columns: BTreeMap<String, TableColumn>,
}

/// A column as `system.columns` shows it.
#[derive(Debug, Clone, Deserialize)]
struct TableColumn {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    /// Empty, `DEFAULT`, `MATERIALIZED` and so on.
    default_kind: String,
}

impl TableColumn {
    fn is_computed(&self) -> bool {
        matches!(self.default_kind.as_str(), "MATERIALIZED" | "ALIAS")
    }
}

impl Table {
    /// Asks the server. `None`: there is no such table, or nothing of it may be seen.
    pub(crate) fn of(server: &Server, target: &Target) -> Result<Option<Self>> {
        let (database, table) = texts(target)?;
        let columns: Vec<TableColumn> = server.rows(&format!(
            "SELECT name, type, default_kind FROM system.columns WHERE database = {database} AND table = {table}"
        ))?;
        let columns: BTreeMap<_, _> = columns.into_iter().map(|column| (column.name.clone(), column)).collect();
        Ok((!columns.is_empty()).then_some(Self { columns }))
    }

    /// Whether the table itself knows an insert that comes again. It notes an insert before it keeps the rows: killed in between,
    /// it takes the next try for a duplicate.
    pub(crate) fn remembers_inserts(server: &Server, target: &Target) -> Result<bool> {
        let (database, table) = texts(target)?;
        server.has_rows(&format!(
            "SELECT name FROM system.tables WHERE database = {database} AND name = {table} \
             AND match(engine_full, 'non_replicated_deduplication_window = [1-9]')"
        ))
    }

    /// The type of a column.
    pub(crate) fn data_type(&self, name: &str) -> DataType {
        self.columns.get(name).map_or(DataType::Other, |column| DataType::parse(&column.data_type))
    }

    /// The columns that rows may have.
    pub(crate) fn insertable(&self) -> impl Iterator<Item = (&str, DataType)> {
        let columns = self.columns.values().filter(|column| !column.is_computed());
        columns.map(|column| (column.name.as_str(), DataType::parse(&column.data_type)))
    }

    /// Holds the table against the settings.
    ///
    /// # Errors
    ///
    /// `Fatal`, with a line for each column that does not fit.
    pub(crate) fn check(&self, target: &Target) -> Result<()> {
        let name = target.name().map_err(Error::fatal)?;
        let (mut lines, mut missing) = (String::new(), Vec::new());
        for column in &target.columns {
            let mistake = match self.columns.get(&column.name) {
                None => {
                    missing.push(column);
                    "not in the table".to_owned()
                }
                Some(found) if found.is_computed() => {
                    format!("{} in the table: the server computes it", found.default_kind)
                }
                Some(found) => match misfit(&column.source, &DataType::parse(&found.data_type)) {
                    Some(needed) => format!("{} in the table, and `{}` is {needed}", found.data_type, column.source),
                    None => continue,
                },
            };
            // Writing to a string cannot fail.
            let _ = write!(lines, "\n  - `{}` (from `{}`): {mistake}", column.name, column.source);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let has: Vec<_> =
            self.columns.values().map(|column| format!("`{}` {}", column.name, column.data_type)).collect();
        let mut message =
            format!("the table {name} does not fit `columns`:{lines}\n  the table has {}", has.join(", "));
        for column in missing {
            let data_type = column.data_type.as_deref().unwrap_or("TYPE");
            let quoted = Dialect::ClickHouse.identifier(&column.name).map_err(Error::fatal)?;
            let _ = write!(message, "\nhelp: ALTER TABLE {name} ADD COLUMN {quoted} {data_type}");
        }
        Err(Error::fatal(message))
    }
}

/// The names of the database and the table, as values of a query.
fn texts(target: &Target) -> Result<(String, String)> {
    let text = |text: &str| Dialect::ClickHouse.text(text).map_err(Error::fatal);
    Ok((text(&target.database)?, text(&target.table)?))
}

/// What some metadata is, if a column can never hold it. Fields may be anything.
fn misfit(source: &Source, data_type: &DataType) -> Option<&'static str> {
    let data_type = data_type.inner();
    let holds_numbers = match data_type {
        DataType::Int { bits, .. } => *bits >= 32,
        DataType::Decimal { .. } | DataType::Text | DataType::Other | DataType::Json => true,
        DataType::Float { .. }
        | DataType::FixedText { .. }
        | DataType::Bool
        | DataType::Date { .. }
        | DataType::DateTime
        | DataType::Instant
        | DataType::Nullable(_)
        | DataType::Array(_)
        | DataType::Map(_) => false,
    };
    let holds_text =
        matches!(data_type, DataType::Text | DataType::FixedText { .. } | DataType::Other | DataType::Json);
    let is_wide = !matches!(data_type, DataType::Int { bits: 32, .. });
    match source {
        Source::Topic | Source::Id | Source::Producer => (!holds_text).then_some("text"),
        Source::Offset => (!(holds_numbers && is_wide)).then_some("a number of 64 bits"),
        Source::Partition => (!holds_numbers).then_some("a number of 32 bits, or null"),
        Source::PublishTime => {
            let holds_time = matches!(data_type, DataType::DateTime | DataType::Instant);
            (!(holds_time || (holds_numbers && is_wide))).then_some("a time, or microseconds in 64 bits")
        }
        Source::Attributes => {
            let holds_map = matches!(data_type, DataType::Map(_));
            (!(holds_text || holds_map)).then_some("a JSON object of texts")
        }
        Source::Field(_) | Source::Payload | Source::Key | Source::Attribute(_) => None,
    }
}

#[cfg(test)]
mod tests;
