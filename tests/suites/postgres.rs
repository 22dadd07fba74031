//! The PostgreSQL sink against real servers: what is written is read back with `psql`.

mod crashes;
mod login;
mod outcomes;
mod proxy;
mod server;
mod tables;
mod types;

pub(crate) use self::server::{Release, Server};
