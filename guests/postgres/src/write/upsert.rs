//! `INSERT ... ON CONFLICT` for many rows in one statement. Of the rows with one key the last counts, by what the server itself
//! holds to be equal.

use std::fmt::Write;

use tokio_postgres::{
    Client,
    types::{ToSql, Type},
};

use crate::{
    config::Name,
    outcome::Failure,
    record::{Column, Row},
};

/// The statement for a table: an array of texts for each column, in the end, where rows may be deleted, one of truth values.
/// Keys are in order, so that two sinks that write the same ones lock them in the same order.
pub(crate) fn statement(table: &Name, columns: &[Column], deletes: bool) -> String {
    let list = |each: &dyn Fn(usize, &Column) -> String| {
        columns.iter().enumerate().map(|(index, column)| each(index, column)).collect::<Vec<_>>().join(", ")
    };
    let keys = |each: &dyn Fn(usize, &Column) -> String, between: &str| {
        let keys = columns.iter().enumerate().filter(|(_, column)| column.is_key);
        keys.map(|(index, column)| each(index, column)).collect::<Vec<_>>().join(between)
    };
    let (table, count) = (&table.quoted, columns.len());
    let casts = list(&|index, column| format!("c{index}::{} AS c{index}", column.cast));
    let (arrays, texts) = (list(&|index, _| format!("${}::text[]", index + 1)), list(&|index, _| format!("c{index}")));
    let key = keys(&|index, _| format!("c{index}"), ", ");
    let (deleted, array, text) = match deletes {
        true => (", d", format!(", ${}::bool[]", count + 1), ", d"),
        false => ("", String::new(), ""),
    };
    let mut sql = format!(
        "WITH given AS (SELECT {casts}{deleted}, n FROM unnest({arrays}{array}) WITH ORDINALITY AS u({texts}{text}, n)), \
         last AS (SELECT DISTINCT ON ({key}) * FROM given ORDER BY {key}, n DESC)"
    );
    // Writing to a string cannot fail.
    if deletes {
        let same = keys(&|index, column| format!("t.{} = last.c{index}", column.quoted), " AND ");
        let _ = write!(sql, ", gone AS (DELETE FROM {table} AS t USING last WHERE last.d AND {same})");
    }
    let names = list(&|_, column| column.quoted.clone());
    let conflict = keys(&|_, column| column.quoted.clone(), ", ");
    let _ = write!(sql, " INSERT INTO {table} ({names}) SELECT {texts} FROM last");
    if deletes {
        sql.push_str(" WHERE NOT d");
    }
    let set = columns.iter().filter(|column| !column.is_key);
    let set = set.map(|column| format!("{0} = EXCLUDED.{0}", column.quoted)).collect::<Vec<_>>().join(", ");
    let _ = match set.is_empty() {
        true => write!(sql, " ON CONFLICT ({conflict}) DO NOTHING"),
        false => write!(sql, " ON CONFLICT ({conflict}) DO UPDATE SET {set}"),
    };
    sql
}

pub(super) async fn write(
    client: &Client,
    statement: &str,
    columns: usize,
    deletes: bool,
    rows: &[&Row],
) -> Result<(), Failure> {
    let column = |index: usize| rows.iter().map(|row| row.cells[index].as_deref()).collect::<Vec<_>>();
    let arrays: Vec<Vec<Option<&str>>> = (0..columns).map(column).collect();
    let deleted: Vec<bool> = rows.iter().map(|row| row.is_deleted).collect();
    let mut params: Vec<(&(dyn ToSql + Sync), Type)> = Vec::with_capacity(columns + 1);
    params.extend(arrays.iter().map(|array| (array as &(dyn ToSql + Sync), Type::TEXT_ARRAY)));
    if deletes {
        params.push((&deleted, Type::BOOL_ARRAY));
    }
    client.execute_typed(statement, &params).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
