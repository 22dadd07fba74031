//! Inserts the records of Danube topics into ClickHouse tables, over ClickHouse's HTTP interface. What it guarantees and
//! every key of its settings stand in the `README.md` beside it.

mod code;
mod config;
mod connector;
mod create;
mod data_type;
mod number;
mod record;
mod server;
mod table;
mod value;

use connector::ClickHouse;

danube_sink::register!(ClickHouse);
