//! Which offsets were written, kept beside the rows: a set of ranges for each partition, so that gaps and any order will do.

use std::collections::BTreeSet;

use danube_sink::{Error, Record};
use tokio_postgres::{Client, types::Type};

use crate::{config::Offsets, outcome::Failure};

/// How a topic without partitions is counted.
const NO_PARTITION: i32 = -1;

/// Where a record stands in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    partition: i32,
    offset: i64,
}

impl Position {
    /// The position of a record.
    ///
    /// # Errors
    ///
    /// `Rejected` for one beyond what the server can count, which no broker gives.
    pub(crate) fn of(record: &Record) -> Result<Self, Error> {
        let partition = record.partition().map_or(Ok(NO_PARTITION), i32::try_from);
        match (partition, i64::try_from(record.offset())) {
            (Ok(partition), Ok(offset)) => Ok(Self { partition, offset }),
            _ => Err(Error::rejected(format!("{}: the offset is beyond 2^63", record.id()))),
        }
    }
}

/// Sees to it that each partition has a row. It need not be in the transaction: an empty set changes nothing.
pub(super) async fn prepare(
    client: &Client,
    (target, topic): (usize, &str),
    offsets: &Offsets,
    known: &mut BTreeSet<(usize, i32)>,
    positions: &[Position],
) -> Result<(), Failure> {
    let new: BTreeSet<_> = positions.iter().map(|position| (target, position.partition)).collect();
    let new: Vec<_> = new.difference(known).copied().collect();
    if new.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "INSERT INTO {} (\"subscription\", \"topic\", \"partition\", \"written\") SELECT $1, $2, p, '{{}}' FROM unnest($3::int4[]) p \
         ON CONFLICT DO NOTHING",
        offsets.table.quoted
    );
    let partitions: Vec<i32> = new.iter().map(|(_, partition)| *partition).collect();
    let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&offsets.subscription, Type::TEXT), (&topic, Type::TEXT), (&partitions, Type::INT4_ARRAY)];
    client.execute_typed(&statement, &params).await?;
    known.extend(new);
    Ok(())
}

/// Which of the positions were written before. Until the transaction ends nobody else writes to these partitions: also not a
/// session of this sink's whose connection broke, which may still be about to commit.
pub(super) async fn written(
    client: &Client,
    topic: &str,
    offsets: &Offsets,
    positions: &[Position],
) -> Result<BTreeSet<usize>, Failure> {
    let query = format!(
        "WITH held AS (SELECT \"partition\", \"written\" FROM {} WHERE \"subscription\" = $1 AND \"topic\" = $2 \
         AND \"partition\" = ANY ($3) ORDER BY \"partition\" FOR UPDATE) \
         SELECT n FROM unnest($3::int4[], $4::int8[]) WITH ORDINALITY AS given(p, o, n) JOIN held ON p = \"partition\" WHERE o <@ \"written\"",
        offsets.table.quoted
    );
    let (partitions, numbers) = columns(positions);
    let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
        (&offsets.subscription, Type::TEXT),
        (&topic, Type::TEXT),
        (&partitions, Type::INT4_ARRAY),
        (&numbers, Type::INT8_ARRAY),
    ];
    let rows = client.query_typed(&query, &params).await?;
    let index = |row: &tokio_postgres::Row| Ok(usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX));
    rows.iter().map(index).collect()
}

/// Notes the positions as written.
pub(super) async fn note(
    client: &Client,
    topic: &str,
    offsets: &Offsets,
    positions: &[Position],
) -> Result<(), Failure> {
    let statement = format!(
        "UPDATE {} SET \"written\" = \"written\" + new FROM (SELECT p, range_agg(int8range(o, o, '[]')) AS new \
         FROM unnest($3::int4[], $4::int8[]) AS given(p, o) GROUP BY p) AS given \
         WHERE \"subscription\" = $1 AND \"topic\" = $2 AND \"partition\" = p",
        offsets.table.quoted
    );
    let (partitions, numbers) = columns(positions);
    let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
        (&offsets.subscription, Type::TEXT),
        (&topic, Type::TEXT),
        (&partitions, Type::INT4_ARRAY),
        (&numbers, Type::INT8_ARRAY),
    ];
    client.execute_typed(&statement, &params).await?;
    Ok(())
}

fn columns(positions: &[Position]) -> (Vec<i32>, Vec<i64>) {
    positions.iter().map(|Position { partition, offset }| (*partition, *offset)).unzip()
}
