//! What the sinks in `guests/` have in common, so that each of them is only about its target. What every author of a sink
//! needs is in the SDK, `danube-sink`: topic mappings, waves, outcomes, the envelope ([`danube_sink::Record::envelope_line`]), HTTP.
//! Here is what sinks that write *rows* need besides:
//!
//! | | |
//! |---|---|
//! | [`Columns`], [`Source`] | the settings' `columns`: which column gets which field of the payload or which metadata |
//! | [`Document`], [`Value`] | a record's payload opened once, and the value of a source in it, numbers digit by digit |
//! | [`Dialect`] | identifiers and texts quoted for a query |
//! | [`Class`] | what an error code of a target means for the records |
//! | [`write_apart`] | writes a batch and, where the target refuses it, finds the bad rows and rejects them alone |
//! | [`CallTime`] | how long requests may take, so that the host never cuts a call off |
//! | [`position_key`] | a name of records that is the same each time they are sent |

mod apart;
mod class;
mod column;
mod dialect;
mod document;
mod key;
mod source;
mod time;

pub use apart::{Refusal, write_apart};
pub use class::Class;
pub use column::{Column, Columns};
pub use dialect::Dialect;
pub use document::{Document, Value};
pub use key::position_key;
pub use source::{Path, Source};
pub use time::CallTime;
