//! A target held against its table: what is written and by which statements, or how the two differ.

use std::collections::BTreeSet;

use danube_sink::Error;
use sink_common::{Dialect, Source};
use tokio_postgres::{Client, Statement};

use super::{
    MULTIRANGES,
    catalog::{self, Fill, Table},
    create,
};
use crate::{
    config::{Mode, Target},
    outcome::Failure,
    record::{Column, Kind},
    write,
};

/// How the records of a target are written.
pub(crate) struct Plan {
    pub(crate) columns: Vec<Column>,
    pub(crate) way: Way,
}

/// The statements.
pub(crate) enum Way {
    /// `COPY`, prepared.
    Copy(Statement),
    /// Without and with deletions.
    Upsert { upsert: String, upsert_and_delete: String },
}

/// Looks at a target's table, creates it if that is wanted, and makes the plan.
pub(super) async fn of(client: &Client, target: &Target) -> Result<Plan, Failure> {
    let mut table = catalog::look_up(client, &target.table).await?;
    if table.is_none() && target.create {
        create::table(client, target).await?;
        table = catalog::look_up(client, &target.table).await?;
    }
    let table = table.ok_or_else(|| missing(target))?;
    let columns = columns(client, target, &table).await?;
    check_offsets(client, target).await?;
    let way = match target.mode {
        Mode::Append => Way::Copy(client.prepare(&write::copy_statement(&target.table, &columns)).await?),
        Mode::Upsert => Way::Upsert {
            upsert: write::upsert_statement(&target.table, &columns, false),
            upsert_and_delete: write::upsert_statement(&target.table, &columns, true),
        },
    };
    Ok(Plan { columns, way })
}

fn missing(target: &Target) -> Error {
    let help = match create::proposed(target) {
        Some(statement) => format!("set `create = true` in the settings, or run: {statement}"),
        None => "create it, or set `create = true` and give each of `columns` its `type`".to_owned(),
    };
    Error::fatal(format!("there is no such table\nhelp: {help}"))
}

/// The columns that are written, or a line for each difference.
async fn columns(client: &Client, target: &Target, table: &Table) -> Result<Vec<Column>, Failure> {
    let mut differences = Vec::new();
    let mut columns = Vec::new();
    for wanted in wanted(target, table) {
        let Some(actual) = table.columns.iter().find(|column| column.name == wanted.name) else {
            let names = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
            let data_type = wanted.data_type.as_deref().or(create::usual_type(&wanted.source));
            let data_type = data_type.map_or_else(String::new, |data_type| format!(" {data_type}"));
            differences.push(format!("- {}{data_type}: the table has no such column, it has {names}", wanted.name));
            continue;
        };
        let shown = format!("{} {}", actual.name, actual.shown_type);
        if actual.fill == Fill::Always {
            differences.push(format!("~ {shown}: the server itself gives it its value"));
        }
        if let Some(written) = &wanted.data_type
            && catalog::type_named(client, written).await? != actual.cast
        {
            differences.push(format!("~ {shown}: the settings say {written}"));
        }
        let kind = Kind::of(&actual.type_name, actual.element.as_deref());
        if let Some(mistake) = misfit(&wanted.source, &kind, &actual.type_name) {
            differences.push(format!("~ {shown}: `{}` is {mistake}", wanted.source));
        }
        columns.push(Column {
            quoted: Dialect::Postgres.identifier(&actual.name).map_err(Error::fatal)?,
            is_key: target.key.contains(&actual.name),
            name: wanted.name,
            source: wanted.source,
            kind,
            cast: actual.cast.clone(),
        });
    }
    let written: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    for column in &table.columns {
        if column.is_required && column.fill == Fill::Nothing && !written.contains(column.name.as_str()) {
            differences.push(format!(
                "+ {} {}: NOT NULL without a default, and nothing fills it",
                column.name, column.shown_type
            ));
        }
    }
    differences.extend(key_difference(target, table));
    differences.extend(grants(target, table));
    if columns.is_empty() && differences.is_empty() {
        differences.push("it has no columns to write to".to_owned());
    }
    if differences.is_empty() {
        Ok(columns)
    } else {
        Err(Error::fatal(format!("it is not as the settings want it:\n{}", differences.join("\n"))).into())
    }
}

/// The settings' columns. Without any, each column of the table gets the field of its name, but for counters and what only the
/// server fills.
fn wanted(target: &Target, table: &Table) -> Vec<sink_common::Column> {
    if !target.columns.is_empty() {
        return target.columns.iter().cloned().collect();
    }
    let open = table.columns.iter().filter(|column| match column.fill {
        Fill::Always => false,
        Fill::Counter => target.key.contains(&column.name),
        Fill::Nothing | Fill::Default => true,
    });
    let column = |name: &str| {
        // As a pointer, since a name may have dots.
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let source = pointer.parse().ok()?;
        Some(sink_common::Column { name: name.to_owned(), source, data_type: None })
    };
    open.filter_map(|open| column(&open.name)).collect()
}

/// Why metadata can never be a value of a type.
fn misfit(source: &Source, kind: &Kind, type_name: &str) -> Option<&'static str> {
    let is_number = matches!(type_name, "int2" | "int4" | "int8" | "numeric" | "float4" | "float8");
    let is_text = matches!(type_name, "text" | "varchar" | "bpchar" | "citext" | "name");
    let plain = *kind == Kind::Plain;
    // A type that is not known here may take anything.
    let known = is_number || is_text || matches!(type_name, "bool" | "uuid" | "date" | "time" | "interval") || !plain;
    let fits = match source {
        Source::Field(_) => true,
        // JSON goes into text as it is.
        Source::Payload => matches!(kind, Kind::Json | Kind::Bytes | Kind::Vector | Kind::Array(_)) || plain,
        Source::Partition | Source::Offset => is_number || is_text || *kind == Kind::Json || !known,
        Source::PublishTime => is_number || is_text || matches!(kind, Kind::Json | Kind::Timestamp) || !known,
        Source::Attributes => is_text || *kind == Kind::Json || !known,
        // Text may be anything that is written as text.
        Source::Topic | Source::Id | Source::Producer => is_text || *kind == Kind::Json || !known,
        Source::Key | Source::Attribute(_) => !matches!(kind, Kind::Array(_)),
    };
    (!fits).then_some(match source {
        Source::Partition | Source::Offset => "a number",
        Source::PublishTime => "a time in microseconds",
        Source::Attributes => "a JSON object",
        Source::Field(_) | Source::Payload => "something else",
        Source::Topic | Source::Id | Source::Producer | Source::Key | Source::Attribute(_) => "text",
    })
}

fn key_difference(target: &Target, table: &Table) -> Option<String> {
    let wanted: BTreeSet<&str> = target.key.iter().map(String::as_str).collect();
    if wanted.is_empty()
        || table.unique.iter().any(|index| index.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted)
    {
        return None;
    }
    let key = target.key.iter().map(|name| Dialect::Postgres.identifier(name)).collect::<Result<Vec<_>, _>>().ok()?;
    let key = key.join(", ");
    Some(format!("+ UNIQUE ({key}): an upsert needs it; run: CREATE UNIQUE INDEX ON {} ({key})", target.table.quoted))
}

/// What the user lacks, as the statements that grant it.
fn grants(target: &Target, table: &Table) -> Vec<String> {
    let catalog::Granted { schema, insert, select, update, delete } = table.granted;
    let is_upsert = target.mode == Mode::Upsert;
    let needed = [
        ("INSERT", insert, true),
        ("SELECT", select, is_upsert),
        ("UPDATE", update, is_upsert),
        ("DELETE", delete, target.delete.is_some()),
    ];
    let lacking: Vec<_> = needed.iter().filter(|(_, has, needs)| *needs && !has).map(|(name, _, _)| *name).collect();
    let mut lines = Vec::new();
    if !schema {
        lines.push(format!("+ GRANT USAGE ON SCHEMA {} TO the user of the settings", target.table.schema));
    }
    if !lacking.is_empty() {
        lines.push(format!("+ GRANT {} ON {} TO the user of the settings", lacking.join(", "), target.table.quoted));
    }
    lines
}

async fn check_offsets(client: &Client, target: &Target) -> Result<(), Failure> {
    let Some(offsets) = &target.offsets else { return Ok(()) };
    let version = client.query_typed_one("SELECT current_setting('server_version_num')::int4", &[]).await?;
    if version.try_get::<_, i32>(0)? < MULTIRANGES {
        return Err(Error::fatal("`effectively_once` needs PostgreSQL 14 or later").into());
    }
    let mut table = catalog::look_up(client, &offsets.table).await?;
    if table.is_none() && target.create {
        create::offsets(client, offsets).await?;
        table = catalog::look_up(client, &offsets.table).await?;
    }
    let statement = create::offsets_statement(&offsets.table);
    let name = &offsets.table.quoted;
    let Some(table) = table else {
        return Err(Error::fatal(format!(
            "`effectively_once` keeps the offsets in {name}, which is missing\nhelp: set `create = true`, or run: {statement}"
        ))
        .into());
    };
    let is_right = [("subscription", "text"), ("topic", "text"), ("partition", "int4"), ("written", "int8multirange")]
        .iter()
        .all(|(name, of)| table.columns.iter().any(|column| column.name == *name && column.type_name == *of));
    if !is_right {
        return Err(Error::fatal(format!("{name} is no table of offsets; it must be as by: {statement}")).into());
    }
    let catalog::Granted { schema: _, insert, select, update, delete: _ } = table.granted;
    if !(insert && select && update) {
        return Err(Error::fatal(format!("GRANT SELECT, INSERT, UPDATE ON {name} TO the user of the settings")).into());
    }
    Ok(())
}
