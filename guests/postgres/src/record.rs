//! A record becomes a row: a text for each column, as the server's own input functions read it. So every type that the server
//! knows can be written, and no digit passes through a float.

mod array;
mod kind;

use danube_sink::{Error, PayloadKind, Record, Result};
use sink_common::{Document, Source};

pub(crate) use self::kind::Kind;
use crate::config::Delete;

/// A text for each column; `None` is NULL.
pub(crate) type Cells = Vec<Option<String>>;

/// A column that is written.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Quoted.
    pub(crate) quoted: String,
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    /// Its type in SQL, without a length or scale: a cast must not cut anything off.
    pub(crate) cast: String,
    /// By which rows are told apart.
    pub(crate) is_key: bool,
}

/// A row to be written, or a key to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// In a row that is deleted only the key has values.
    pub(crate) cells: Cells,
    pub(crate) is_deleted: bool,
}

impl Row {
    /// Makes a row of a record.
    ///
    /// # Errors
    ///
    /// `Rejected`, with the column and why its value does not fit.
    pub(crate) fn of(record: &Record, columns: &[Column], delete: Option<&Delete>) -> Result<Self> {
        let is_deleted = delete.is_some_and(|delete| delete.applies(record));
        let document = Document::new(record);
        if !is_deleted {
            document.require_fields(columns.iter().map(|column| &column.source))?;
        }
        let cell = |column: &Column| {
            if is_deleted && !column.is_key {
                return Ok(None);
            }
            let value = document.value(&column.source)?;
            let cell = column.kind.cell(value, column.source == Source::Payload).and_then(|cell| match cell {
                None if column.is_key => Err(no_key(column, is_deleted)),
                Some(text) if text.contains('\0') => Err("the server's text has no place for U+0000".to_owned()),
                cell => Ok(cell),
            });
            cell.map_err(|mistake| Error::rejected(format!("column `{}` of {}: {mistake}", column.name, record.id())))
        };
        Ok(Self { cells: columns.iter().map(cell).collect::<Result<_>>()?, is_deleted })
    }
}

impl Delete {
    fn applies(&self, record: &Record) -> bool {
        match self {
            Self::Tombstone => match record.kind() {
                PayloadKind::Json => record.text().is_some_and(|text| text.trim_ascii() == "null"),
                PayloadKind::Text | PayloadKind::Binary => record.bytes().is_empty(),
            },
            Self::Attribute { name, equals } => record.attributes().get(name) == Some(equals),
        }
    }
}

fn no_key(Column { source, .. }: &Column, is_deleted: bool) -> String {
    if is_deleted && matches!(source, Source::Field(_)) {
        return format!(
            "a record that deletes has no `{source}` in its payload; let the column have the routing key (`@key`)"
        );
    }
    format!("it belongs to the key, and the record has no `{source}`")
}

#[cfg(test)]
mod tests;
