//! Environment, arguments, standard input and settings.

use std::{
    env,
    io::{self, Read},
};

use wasip2::io::streams::StreamError;

use crate::SETTINGS;

pub(super) fn environment() -> String {
    format!("{:?}", env::vars_os().collect::<Vec<_>>())
}

pub(super) fn arguments() -> String {
    format!("{:?}", env::args_os().collect::<Vec<_>>())
}

pub(super) fn stdin() -> String {
    let mut text = String::new();
    match io::stdin().read_to_string(&mut text) {
        Ok(_) => format!("read {text:?}"),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

/// All that there is at once.
pub(super) fn greedy_stdin() -> String {
    match wasip2::cli::stdin::get_stdin().blocking_read(u64::MAX) {
        Ok(read) => format!("read {} bytes", read.len()),
        Err(StreamError::Closed) => "closed".to_owned(),
        Err(StreamError::LastOperationFailed(error)) => error.to_debug_string(),
    }
}

pub(super) fn settings() -> String {
    SETTINGS.get().map_or_else(|| "none".to_owned(), |settings| settings.as_written.clone())
}
