//! `COPY ... FROM STDIN` in the text format, which has a way to write whatever the server can read.

use std::pin::pin;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{Client, Statement};

use crate::{
    config::Name,
    outcome::Failure,
    record::{Cells, Column, Row},
};

/// Lines are sent in pieces of about this size.
const PIECE: usize = 64 << 10;

/// The statement for a table.
pub(crate) fn statement(table: &Name, columns: &[Column]) -> String {
    let names = columns.iter().map(|column| column.quoted.as_str()).collect::<Vec<_>>().join(", ");
    format!("COPY {} ({names}) FROM STDIN", table.quoted)
}

pub(super) async fn write(client: &Client, statement: &Statement, rows: &[&Row]) -> Result<(), Failure> {
    let mut sink = pin!(client.copy_in(statement).await?);
    let mut piece = String::with_capacity(PIECE);
    for row in rows {
        line(&row.cells, &mut piece);
        if piece.len() >= PIECE {
            sink.feed(Bytes::from(std::mem::take(&mut piece))).await?;
        }
    }
    sink.feed(Bytes::from(piece)).await?;
    sink.finish().await?;
    Ok(())
}

fn line(cells: &Cells, line: &mut String) {
    for (position, cell) in cells.iter().enumerate() {
        if position > 0 {
            line.push('\t');
        }
        match cell {
            Some(text) => escape(text, line),
            None => line.push_str("\\N"),
        }
    }
    line.push('\n');
}

fn escape(text: &str, line: &mut String) {
    let mut rest = text;
    while let Some(place) = rest.find(['\\', '\t', '\n', '\r']) {
        let (plain, special) = rest.split_at(place);
        line.push_str(plain);
        let mut special = special.chars();
        line.push_str(match special.next() {
            Some('\t') => "\\t",
            Some('\n') => "\\n",
            Some('\r') => "\\r",
            Some(_) | None => "\\\\",
        });
        rest = special.as_str();
    }
    line.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_ends_it() {
        let cells = [Some("a\tb\\N\r\n\\."), None, Some(""), Some("\\"), Some("ü")];
        let mut written = String::new();
        line(&cells.map(|cell| cell.map(str::to_owned)).to_vec(), &mut written);
        assert_eq!(written, "a\\tb\\\\N\\r\\n\\\\.\t\\N\t\t\\\\\tü\n");
    }
}
