//! What the server says of a table.

use danube_sink::Error;
use futures::future::try_join;
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

use crate::{config::Name, outcome::Failure};

/// A table as it is.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// The columns of each unique index that an upsert can go by.
    pub(super) unique: Vec<Vec<String>>,
    pub(super) granted: Granted,
}

/// One column.
pub(super) struct Column {
    pub(super) name: String,
    /// As `psql` shows it.
    pub(super) shown_type: String,
    /// Without length and scale, and with its schema where that is needed.
    pub(super) cast: String,
    /// The name in the catalogue, of a domain that of the type below.
    pub(super) type_name: String,
    /// Of an array, the name of its elements' type.
    pub(super) element: Option<String>,
    pub(super) is_required: bool,
    pub(super) fill: Fill,
}

/// Who gives a column its value where nobody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// Nobody.
    Nothing,
    /// A default.
    Default,
    /// A counter, which may be overridden.
    Counter,
    /// The server, and nobody else may.
    Always,
}

/// What the user may do.
pub(super) struct Granted {
    pub(super) schema: bool,
    pub(super) insert: bool,
    pub(super) select: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

const TABLE: &str = "\
SELECT c.oid, has_schema_privilege(n.oid, 'USAGE'), has_any_column_privilege(c.oid, 'INSERT'),
       has_any_column_privilege(c.oid, 'SELECT'), has_any_column_privilege(c.oid, 'UPDATE'),
       has_table_privilege(c.oid, 'DELETE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'f')";

const COLUMNS: &str = "\
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, -1), b.typname::text, e.typname::text,
       a.attnotnull OR t.typnotnull, a.atthasdef OR t.typdefault IS NOT NULL,
       a.attgenerated <> '' OR a.attidentity = 'a',
       a.attidentity = 'd' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
LEFT JOIN pg_catalog.pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const UNIQUE: &str = "\
SELECT ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
FROM pg_catalog.pg_index i
WHERE i.indrelid = $1 AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL";

/// Looks a table up; `None` if there is none.
pub(super) async fn look_up(client: &Client, name: &Name) -> Result<Option<Table>, Failure> {
    let names: [(&(dyn ToSql + Sync), Type); 2] = [(&name.schema, Type::TEXT), (&name.table, Type::TEXT)];
    let Some(row) = client.query_typed_opt(TABLE, &names).await? else { return Ok(None) };
    let oid: u32 = row.try_get(0)?;
    let granted = Granted {
        schema: row.try_get(1)?,
        insert: row.try_get(2)?,
        select: row.try_get(3)?,
        update: row.try_get(4)?,
        delete: row.try_get(5)?,
    };
    let oid: [(&(dyn ToSql + Sync), Type); 1] = [(&oid, Type::OID)];
    let (columns, unique) = try_join(client.query_typed(COLUMNS, &oid), client.query_typed(UNIQUE, &oid)).await?;
    let columns = columns.iter().map(column).collect::<Result<_, tokio_postgres::Error>>()?;
    let unique = unique.iter().map(|row| row.try_get(0)).collect::<Result<_, tokio_postgres::Error>>()?;
    Ok(Some(Table { columns, unique, granted }))
}

fn column(row: &Row) -> Result<Column, tokio_postgres::Error> {
    let fill = match (row.try_get(7)?, row.try_get(8)?, row.try_get(6)?) {
        (true, _, _) => Fill::Always,
        (false, true, _) => Fill::Counter,
        (false, false, true) => Fill::Default,
        (false, false, false) => Fill::Nothing,
    };
    Ok(Column {
        name: row.try_get(0)?,
        shown_type: row.try_get(1)?,
        cast: row.try_get(2)?,
        type_name: row.try_get(3)?,
        element: row.try_get(4)?,
        is_required: row.try_get(5)?,
        fill,
    })
}

/// The type that an operator names, as the server writes it, with a length or scale left out.
///
/// # Errors
///
/// `Fatal` when there is no such type, or when the text is something else than a type.
pub(super) async fn type_named(client: &Client, written: &str) -> Result<String, Failure> {
    let query = "SELECT format_type($1::text::regtype, -1)";
    let row = client.query_typed_one(query, &[(&written, Type::TEXT)]).await;
    let row = row.map_err(|error| {
        let failure = Failure::from(error);
        if failure.error.is_retryable() {
            return failure;
        }
        Error::fatal(format!("`type`: {written:?} is no type: {}", failure.error.reason())).into()
    })?;
    Ok(row.try_get(0)?)
}
