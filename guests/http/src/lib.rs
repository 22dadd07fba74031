//! Posts the records of Danube topics to HTTP endpoints: as JSON arrays, as NDJSON, or one by one. What it guarantees
//! and every key of its settings stand in the `README.md` beside it.

mod config;
mod connector;
mod record;
mod template;

use connector::HttpSink;

danube_sink::register!(HttpSink);
