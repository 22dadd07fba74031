//! Writes the records of Danube topics into tables of PostgreSQL: appended by `COPY`, or upserted and deleted by key. What it
//! guarantees and every key of its settings stand in the `README.md` beside it.
//!
//! ```text
//! config     the settings, resolved into one target per topic
//! connector  calls of the host: the session is opened, a batch becomes rows, rows are written, outcomes are told
//! session    one connection and what is known about the tables behind it
//!   session/stream.rs   TLS, and errors of the client
//!   session/catalog.rs  what the server says of a table
//!   session/plan.rs     target and table held against each other: columns and statements, or a diff
//!   session/create.rs   a table that is missing
//! record     a record becomes a row: a text for each column, as the server's own input functions read it
//!   record/array.rs, record/kind.rs
//! write      rows go into a table: by COPY or by upsert, with the offsets in the same transaction where that is wanted
//!   write/offsets.rs, write/copy.rs, write/upsert.rs
//! outcome    what each SQLSTATE means
//! ```

mod config;
mod connector;
mod outcome;
mod record;
mod session;
mod write;

use connector::PostgresSink;

danube_sink::register!(PostgresSink);
