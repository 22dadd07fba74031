//! The settings' `columns`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::Source;

/// The settings' `columns`: the name of each column of the target, and where its value comes from.
///
/// ```toml
/// [clickhouse.columns]
/// id = "order.id"                                  # a source, see `Source`
/// total = { from = "total", type = "Decimal(18, 2)" }   # `type` is for a table that the sink creates
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    columns: Vec<Column>,
}

/// One column of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, not quoted.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
    /// Its type in a table that the sink creates, in the target's words. It is an operator's, and goes into a query as it is.
    pub data_type: Option<String>,
}

impl Columns {
    /// The columns, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Column> {
        self.columns.iter()
    }

    /// Whether there is none: the settings say nothing about columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }
}

impl FromIterator<Column> for Columns {
    fn from_iter<T: IntoIterator<Item = Column>>(columns: T) -> Self {
        Self { columns: columns.into_iter().collect() }
    }
}

impl<'a> IntoIterator for &'a Columns {
    type Item = &'a Column;
    type IntoIter = std::slice::Iter<'a, Column>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A column as written with more than its source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    from: Source,
    #[serde(rename = "type")]
    data_type: Option<String>,
}

/// A column as written: its source, or a table with it.
struct Written(Full);

// By hand, since serde's untagged enums do not say what is wrong.
impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(deserializer)?;
        if let Some(source) = written.as_str() {
            let from = source.parse().map_err(D::Error::custom)?;
            return Ok(Self(Full { from, data_type: None }));
        }
        Full::deserialize(written).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let columns = BTreeMap::<String, Written>::deserialize(deserializer)?;
        Ok(columns
            .into_iter()
            .map(|(name, Written(Full { from, data_type }))| Column { name, source: from, data_type })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_is_a_source_or_a_table_with_one() {
        let columns: Columns = serde_json::from_value(json!({
            "total": { "from": "order.total", "type": "Decimal(18, 2)" },
            "at": "@publish_time",
        }))
        .expect("the columns are valid");
        let column = |name: &str, source: &str, data_type: Option<&str>| Column {
            name: name.to_owned(),
            source: source.parse().expect("the source is valid"),
            data_type: data_type.map(str::to_owned),
        };
        let expected = [column("at", "@publish_time", None), column("total", "order.total", Some("Decimal(18, 2)"))];
        assert_eq!(columns, expected.into_iter().collect());
    }

    #[test]
    fn a_mistake_is_explained() {
        let mistake = |column| serde_json::from_value::<Columns>(json!({ "a": column })).map_err(|e| e.to_string());
        assert!(mistake(json!("@ofset")).is_err_and(|error| error.starts_with("unknown source `@ofset`, expected ")));
        let unknown = mistake(json!({ "from": "a", "typ": "Int8" }));
        assert_eq!(unknown, Err("unknown field `typ`, expected `from` or `type`".to_owned()));
        assert!(mistake(json!(7)).is_err());
    }
}
