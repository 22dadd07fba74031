//! Rows go into a table, in one transaction.

mod copy;
mod offsets;
mod upsert;

use std::collections::BTreeSet;

use futures::future::try_join;
use tokio_postgres::Client;

pub(crate) use self::{copy::statement as copy_statement, offsets::Position, upsert::statement as upsert_statement};
use crate::{
    config::Target,
    outcome::Failure,
    record::Row,
    session::{Plan, Way},
};

/// A row and where its record stands.
pub(crate) type Placed = (Position, Row);

/// Writes rows: all of them or none. With `effectively_once` those that were written before are left out, and what is written
/// is noted in the same transaction.
///
/// # Errors
///
/// When nothing was written, or when it is not known whether.
pub(crate) async fn write(
    client: &Client,
    (index, target): (usize, &Target),
    plan: &Plan,
    known: &mut BTreeSet<(usize, i32)>,
    rows: &[Placed],
) -> Result<(), Failure> {
    let Some(offsets) = &target.offsets else {
        // One statement is a transaction of its own.
        return write_rows(client, plan, &rows.iter().map(|(_, row)| row).collect::<Vec<_>>()).await;
    };
    let positions: Vec<_> = rows.iter().map(|(position, _)| *position).collect();
    offsets::prepare(client, (index, &target.topic), offsets, known, &positions).await?;
    let written = async {
        let begin = async { Ok(client.batch_execute("BEGIN").await?) };
        let (_, before) = try_join(begin, offsets::written(client, &target.topic, offsets, &positions)).await?;
        let new: Vec<usize> = (0..rows.len()).filter(|index| !before.contains(index)).collect();
        if !new.is_empty() {
            write_rows(client, plan, &new.iter().map(|index| &rows[*index].1).collect::<Vec<_>>()).await.map_err(
                |failure| {
                    // The server counts what it was given.
                    let suspect = failure.suspect.and_then(|suspect| new.get(suspect).copied());
                    Failure { suspect, ..failure }
                },
            )?;
        }
        let positions: Vec<_> = new.iter().map(|index| positions[*index]).collect();
        let note = offsets::note(client, &target.topic, offsets, &positions);
        let commit = async { Ok(client.batch_execute("COMMIT").await?) };
        try_join(note, commit).await?;
        Ok(())
    };
    let written: Result<(), Failure> = written.await;
    match written {
        Err(failure) if !failure.broken => match client.batch_execute("ROLLBACK").await {
            Ok(()) => Err(failure),
            Err(error) => Err(error.into()),
        },
        written => written,
    }
}

async fn write_rows(client: &Client, plan: &Plan, rows: &[&Row]) -> Result<(), Failure> {
    match &plan.way {
        Way::Copy(statement) => copy::write(client, statement, rows).await,
        Way::Upsert { upsert, upsert_and_delete } => {
            let deletes = rows.iter().any(|row| row.is_deleted);
            let statement = if deletes { upsert_and_delete } else { upsert };
            upsert::write(client, statement, plan.columns.len(), deletes, rows).await
        }
    }
}
