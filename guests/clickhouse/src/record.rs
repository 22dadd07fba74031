//! Records as rows of a table, a line of `JSONEachRow` for each.

use std::{collections::BTreeMap, ops::Range};

use danube_sink::{Error, Record, Result};
use sink_common::{Document, Source, Value};

use crate::{
    config::{Target, Unknown},
    data_type::DataType,
    table::Table,
    value,
};

/// How the records of a topic become rows.
pub(crate) struct Layout {
    columns: Columns,
    null_as_default: bool,
}

enum Columns {
    /// As the settings say.
    Mapped(Vec<Column>),
    /// Each field into the column of its name.
    ByName { columns: BTreeMap<String, DataType>, unknown_fields: Unknown },
}

struct Column {
    name: String,
    source: Source,
    data_type: DataType,
}

impl Layout {
    /// For a table that fits the settings.
    pub(crate) fn new(target: &Target, table: &Table) -> Self {
        let columns = if target.columns.is_empty() {
            let columns = table.insertable().map(|(name, data_type)| (name.to_owned(), data_type)).collect();
            Columns::ByName { columns, unknown_fields: target.unknown_fields }
        } else {
            let column = |column: &sink_common::Column| Column {
                name: column.name.clone(),
                source: column.source.clone(),
                data_type: table.data_type(&column.name),
            };
            Columns::Mapped(target.columns.iter().map(column).collect())
        };
        Self { columns, null_as_default: target.null_as_default }
    }

    /// The names of the columns that an insert names. `None`: all that the table has.
    pub(crate) fn names(&self) -> Option<impl Iterator<Item = &str>> {
        match &self.columns {
            Columns::Mapped(columns) => Some(columns.iter().map(|column| column.name.as_str())),
            Columns::ByName { .. } => None,
        }
    }

    /// Adds a record as a row.
    fn write(&self, record: &Record, row: &mut Vec<u8>) -> Result<()> {
        let document = Document::new(record);
        row.push(b'{');
        match &self.columns {
            Columns::Mapped(columns) => {
                document.require_fields(columns.iter().map(|column| &column.source))?;
                for Column { name, source, data_type } in columns {
                    let value = if *source == Source::PublishTime {
                        publish_time(record, data_type)
                    } else {
                        document.value(source)?
                    };
                    self.write_column(name, &value, data_type, row)?;
                }
            }
            Columns::ByName { columns, unknown_fields } => {
                let whole = document.value(&Source::Payload)?;
                if !matches!(&whole, Value::Json(json) if json.starts_with('{')) {
                    return Err(Error::rejected("the payload is no JSON object, and the settings have no `columns`"));
                }
                for (name, field) in document.fields()? {
                    match (columns.get(name), unknown_fields) {
                        (Some(data_type), _) => self.write_column(name, &field?, data_type, row)?,
                        (None, Unknown::Skip) => {}
                        (None, Unknown::Reject) => {
                            return Err(Error::rejected(format!("the table has no column for the field `{name}`")));
                        }
                    }
                }
            }
        }
        if row.last() == Some(&b',') {
            row.pop();
        }
        row.extend(b"}\n");
        Ok(())
    }

    fn write_column(&self, name: &str, value: &Value<'_>, data_type: &DataType, row: &mut Vec<u8>) -> Result<()> {
        let takes_null = matches!(data_type, DataType::Nullable(_) | DataType::Json);
        // What is not there is left to the column's default.
        if matches!(value, Value::Missing) || (*value == Value::Null && self.null_as_default && !takes_null) {
            return Ok(());
        }
        value::write_text(name.as_bytes(), row);
        row.push(b':');
        value::write(value, data_type, row)
            .map_err(|mistake| Error::rejected(format!("the value for column `{name}`: {mistake}")))?;
        row.push(b',');
        Ok(())
    }
}

/// Microseconds for numbers and text; seconds for a column that holds a time.
fn publish_time(record: &Record, data_type: &DataType) -> Value<'static> {
    let micros = record.publish_time();
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = if *data_type.inner() == DataType::DateTime {
        seconds.to_string()
    } else if *data_type.inner() == DataType::Instant {
        format!("{seconds}.{fraction:06}")
    } else {
        micros.to_string()
    };
    Value::Number(text.into())
}

/// The rows of a batch, one after the other.
#[derive(Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
    /// Which record of the batch each row is.
    indices: Vec<usize>,
}

impl Rows {
    /// Adds the record at `index` of the batch.
    ///
    /// # Errors
    ///
    /// `Rejected` when it does not fit the table. Nothing is added then.
    pub(crate) fn push(&mut self, index: usize, record: &Record, layout: &Layout) -> Result<()> {
        let start = self.bytes.len();
        layout.write(record, &mut self.bytes).inspect_err(|_| self.bytes.truncate(start))?;
        self.ends.push(self.bytes.len());
        self.indices.push(index);
        Ok(())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Some rows as the body of a request.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        let end = |row: usize| if row == 0 { 0 } else { self.ends.get(row - 1).copied().unwrap_or(self.bytes.len()) };
        self.bytes.get(end(range.start)..end(range.end)).unwrap_or_default()
    }

    /// Which records of the batch some rows are.
    pub(crate) fn indices(&self, range: Range<usize>) -> &[usize] {
        self.indices.get(range).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
