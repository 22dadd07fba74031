use serde_json::json;

use super::*;

fn table(columns: &[(&str, &str, &str)]) -> Table {
    let column = |(name, data_type, default_kind): &(&str, &str, &str)| {
        let [name, data_type, default_kind] = [name, data_type, default_kind].map(|text| (*text).to_owned());
        (name.clone(), TableColumn { name, data_type, default_kind })
    };
    Table { columns: columns.iter().map(column).collect() }
}

fn target(columns: serde_json::Value) -> Target {
    Target {
        database: "d".to_owned(),
        table: "t".to_owned(),
        columns: serde_json::from_value(columns).expect("the columns are valid"),
        unknown_fields: crate::config::Unknown::Reject,
        null_as_default: false,
        engine: "MergeTree".to_owned(),
        order_by: "tuple()".to_owned(),
        partition_by: None,
    }
}

#[test]
fn what_does_not_fit_is_shown_column_by_column() {
    let table = table(&[("id", "UInt64", ""), ("pos", "Int8", ""), ("day", "Date", "MATERIALIZED")]);
    let columns = json!({
        "id": "order.id", "pos": "@offset", "day": "day", "total": { "from": "total", "type": "Decimal(18, 2)" }, "x": "x",
    });
    let error = table.check(&target(columns)).expect_err("it does not fit");
    let expected = "the table `d`.`t` does not fit `columns`:
  - `day` (from `day`): MATERIALIZED in the table: the server computes it
  - `pos` (from `@offset`): Int8 in the table, and `@offset` is a number of 64 bits
  - `total` (from `total`): not in the table
  - `x` (from `x`): not in the table
  the table has `day` Date, `id` UInt64, `pos` Int8
help: ALTER TABLE `d`.`t` ADD COLUMN `total` Decimal(18, 2)
help: ALTER TABLE `d`.`t` ADD COLUMN `x` TYPE";
    assert_eq!(error, Error::fatal(expected));
    assert!(table.check(&target(json!({ "id": "order.id" }))).is_ok());
}

#[test]
fn metadata_needs_a_column_that_holds_it() {
    for (source, fits, does_not) in [
        ("@topic", "LowCardinality(String)", "UInt64"),
        ("@id", "FixedString(40)", "Array(String)"),
        ("@offset", "Int64", "Int32"),
        ("@partition", "Nullable(UInt32)", "Int16"),
        ("@publish_time", "DateTime64(6)", "Date"),
        ("@publish_time", "UInt64", "UInt32"),
        ("@attributes", "Map(String, String)", "Int8"),
    ] {
        let check = |data_type| table(&[("c", data_type, "")]).check(&target(json!({ "c": source })));
        assert!(check(fits).is_ok(), "{source} into {fits}");
        assert!(check(does_not).is_err(), "{source} into {does_not}");
    }
}
