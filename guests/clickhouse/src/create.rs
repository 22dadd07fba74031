//! Makes the table that the settings describe.

use danube_sink::{Error, Result};
use sink_common::{Column, Dialect, Source};

use crate::{config::Target, server::Server};

/// Creates the table and, if there is none, its database.
pub(crate) fn create(server: &Server, target: &Target) -> Result<()> {
    let database = Dialect::ClickHouse.text(&target.database).map_err(Error::fatal)?;
    if !server.has_rows(&format!("SELECT name FROM system.databases WHERE name = {database}"))? {
        let name = Dialect::ClickHouse.identifier(&target.database).map_err(Error::fatal)?;
        server.execute(&format!("CREATE DATABASE IF NOT EXISTS {name}"))?;
    }
    let has_instants = server.has_rows("SELECT name FROM system.data_type_families WHERE name = 'DateTime64'")?;
    server.execute(&statement(target, has_instants)?)
}

fn statement(target: &Target, has_instants: bool) -> Result<String> {
    let mut columns = Vec::new();
    for column in &target.columns {
        let name = Dialect::ClickHouse.identifier(&column.name).map_err(Error::fatal)?;
        columns.push(format!("{name} {}", data_type(column, has_instants)?));
    }
    let Target { engine, order_by, partition_by, .. } = target;
    let name = target.name().map_err(Error::fatal)?;
    let mut statement = format!("CREATE TABLE IF NOT EXISTS {name} ({}) ENGINE = {engine}", columns.join(", "));
    if let Some(partition_by) = partition_by {
        statement.push_str(&format!(" PARTITION BY {partition_by}"));
    }
    if engine.contains("MergeTree") {
        statement.push_str(&format!(" ORDER BY {order_by}"));
    }
    Ok(statement)
}

fn data_type(column: &Column, has_instants: bool) -> Result<&str> {
    if let Some(written) = &column.data_type {
        return Ok(written);
    }
    Ok(match column.source {
        Source::Topic | Source::Id | Source::Producer | Source::Payload | Source::Attributes => "String",
        Source::Partition => "Nullable(UInt32)",
        Source::Offset => "UInt64",
        Source::PublishTime if has_instants => "DateTime64(6)",
        Source::PublishTime => "DateTime",
        Source::Key | Source::Attribute(_) => "Nullable(String)",
        Source::Field(_) => {
            let Column { name, source, .. } = column;
            return Err(Error::fatal(format!(
                "settings: `create` needs a type for the column `{name}`\n\
                 help: {name} = {{ from = \"{source}\", type = \"String\" }}"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(columns: serde_json::Value) -> Target {
        Target {
            database: "d".to_owned(),
            table: "t`".to_owned(),
            columns: serde_json::from_value(columns).expect("the columns are valid"),
            unknown_fields: crate::config::Unknown::Reject,
            null_as_default: false,
            engine: "ReplacingMergeTree".to_owned(),
            order_by: "id".to_owned(),
            partition_by: Some("toYYYYMM(at)".to_owned()),
        }
    }

    #[test]
    fn the_statement_has_what_the_settings_say() {
        let columns = serde_json::json!({ "id": { "from": "id", "type": "UInt64" }, "at": "@publish_time" });
        let expected = r"CREATE TABLE IF NOT EXISTS `d`.`t\`` (`at` DateTime64(6), `id` UInt64) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY id";
        assert_eq!(statement(&target(columns.clone()), true).as_deref(), Ok(expected));
        let old = statement(&target(columns), false).expect("there are types");
        assert!(old.contains("`at` DateTime,"), "{old}");
    }

    #[test]
    fn a_field_needs_a_type() {
        let error = statement(&target(serde_json::json!({ "a": "b.c" })), true).expect_err("no type");
        let expected =
            "settings: `create` needs a type for the column `a`\nhelp: a = { from = \"b.c\", type = \"String\" }";
        assert_eq!(error, Error::fatal(expected));
    }
}
