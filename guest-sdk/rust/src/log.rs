//! Log lines of a sink: events of the host's log, with the connector's name.

use std::{fmt, panic};

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should look at.
    Warn,
    /// What an operator must look at.
    Error,
}

/// Writes one line; the macros [`info!`](crate::info) and so on call it. Long messages are cut by the host, and a sink
/// that writes too many lines per second has some dropped. Natively, in unit tests, the line goes to standard error.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    match message.as_str() {
        Some(message) => emit(level, message),
        None => emit(level, &message.to_string()),
    }
}

#[cfg(target_family = "wasm")]
fn emit(level: Level, message: &str) {
    use crate::bindings::danube::sink::log;

    let level = match level {
        Level::Trace => log::Level::Trace,
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::log(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn emit(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}

/// Has panics logged on one line, in place of what they print to standard error.
pub(crate) fn report_panics() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        match panic.location() {
            Some(place) => write(Level::Error, format_args!("panicked at {place}: {message}")),
            None => write(Level::Error, format_args!("panicked: {message}")),
        }
    }));
}

/// Logs every step, with the arguments of [`format!`].
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Trace, ::core::format_args!($($message)+)) };
}

/// Logs what helps to find a mistake, with the arguments of [`format!`].
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($message)+)) };
}

/// Logs what an operator may want to know, with the arguments of [`format!`].
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($message)+)) };
}

/// Logs what an operator should look at, with the arguments of [`format!`].
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($message)+)) };
}

/// Logs what an operator must look at, with the arguments of [`format!`].
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($message)+)) };
}
