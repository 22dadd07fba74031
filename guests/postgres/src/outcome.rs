//! What each error of the server or the connection means for the records that met it. The table stands in the README, and
//! the end-to-end suite has a test for each of its rows.

use std::{borrow::Cow, error::Error as _, io};

use danube_sink::Error;
use sink_common::{Class, Refusal};
use tokio_postgres::error::{DbError, ErrorPosition};

/// Of a message of the server's so many characters are told on.
const MESSAGE_LENGTH: usize = 300;

/// Why something was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The row that the server blames, counted from the first of the statement.
    pub(crate) suspect: Option<usize>,
    /// The connection is of no more use.
    pub(crate) broken: bool,
}

impl Failure {
    /// The connection did not answer, or is gone.
    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self { error: Error::retryable(reason), suspect: None, broken: true }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, suspect: None, broken: false }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refused) => Self {
                error: class(refused.code().code()).error(told(refused)),
                suspect: suspect(refused),
                broken: matches!(refused.severity(), "FATAL" | "PANIC"),
            },
            None => Self::lost(chain(&error)),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(Failure { error, suspect, broken: _ }: Failure) -> Self {
        Self { error, suspect }
    }
}

/// Why there is no session. Here an error that is not the server's or the network's is one of the settings.
pub(crate) fn refused(error: &tokio_postgres::Error) -> Error {
    if let Some(refused) = error.as_db_error() {
        return class(refused.code().code()).error(told(refused));
    }
    let by_network = error.is_closed() || matches!(error.source(), Some(source) if source.is::<io::Error>());
    let class = if by_network { Class::Retry } else { Class::Fatal };
    class.error(chain(error))
}

/// What a SQLSTATE means: the first that matches of all five characters, then the class, which are the first two.
fn class(code: &str) -> Class {
    match code {
        // Waiting for a lock, or the statement timeout, or somebody who cancelled it.
        "55P03" | "55006" | "57014" => Class::Retry,
        // A standby: it may become the primary.
        "25006" => Class::Retry,
        // The session ended while it waited in a transaction, and a transaction that failed before.
        "25P02" | "25P03" | "25P04" => Class::Retry,
        // A trigger of the table says no.
        "P0001" => Class::Reject,
        // Data of a page is damaged.
        "XX001" | "XX002" => Class::Fatal,
        code => match code.get(..2).unwrap_or_default() {
            // Connection, rolled back by a conflict, out of resources, an operator's intervention, I/O, a bug.
            "08" | "40" | "53" | "57" | "58" | "XX" => Class::Retry,
            // Cardinality, data, integrity, WITH CHECK OPTION, a row too large for an index or a page.
            "21" | "22" | "23" | "44" | "54" => Class::Reject,
            // Syntax or access, credentials, no such database or schema, not supported, and whatever else there is.
            _ => Class::Fatal,
        },
    }
}

/// What a person is told. The details are left out, since they repeat whole rows.
fn told(error: &DbError) -> String {
    let message = without_data(error.message(), error.code().code());
    let mut told: String = message.chars().take(MESSAGE_LENGTH).collect();
    if told.len() < message.len() {
        told.push('…');
    }
    let context = copy_context(error).and_then(|(_, column)| column);
    if let Some(column) = error.column().or(context) {
        told.push_str(&format!(" (column `{column}`)"));
    }
    if let Some(ErrorPosition::Internal { position: _, query: _ }) = error.position() {
        told.push_str(" (in a function of the server)");
    }
    let code = error.code().code();
    match error.hint() {
        Some(hint) => format!("SQLSTATE {code}: {told}; {hint}"),
        None => format!("SQLSTATE {code}: {told}"),
    }
}

/// What is quoted in a message about data is the data.
fn without_data<'a>(message: &'a str, code: &str) -> Cow<'a, str> {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last && code.starts_with("22") => {
            format!("{}…{}", &message[..=first], &message[last..]).into()
        }
        _ => message.into(),
    }
}

fn suspect(error: &DbError) -> Option<usize> {
    copy_context(error).and_then(|(line, _)| line.checked_sub(1))
}

/// The line and the column of `COPY orders, line 3, column total: "x"`. In another language there is nothing to be found.
fn copy_context(error: &DbError) -> Option<(usize, Option<&str>)> {
    let context = error.where_()?;
    context.lines().rev().find_map(|line| line_and_column(line.strip_prefix("COPY ")?))
}

fn line_and_column(context: &str) -> Option<(usize, Option<&str>)> {
    let (_, rest) = context.split_once(", line ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let column = rest[digits.len()..].strip_prefix(", column ").and_then(|rest| rest.split([':', ',']).next());
    Some((digits.parse().ok()?, column))
}

/// An error with its causes.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlstate_has_a_meaning() {
        for (class_is, codes) in [
            (
                Class::Retry,
                &["08006", "40001", "40P01", "53100", "53300", "57014", "57P01", "58030", "55P03", "25006", "XX000"][..],
            ),
            (
                Class::Reject,
                &["22P02", "22003", "23505", "23502", "23503", "23514", "21000", "44000", "54000", "P0001"],
            ),
            (
                Class::Fatal,
                &["28P01", "28000", "3D000", "3F000", "42P01", "42501", "42703", "0A000", "XX001", "ZZ999", ""],
            ),
        ] {
            for code in codes {
                assert_eq!(class(code), class_is, "{code}");
            }
        }
    }

    #[test]
    fn no_value_is_told_on() {
        for (code, message, expected) in [
            (
                "22P02",
                "invalid input syntax for type integer: \"a \"b\" c\"",
                "invalid input syntax for type integer: \"…\"",
            ),
            ("22003", "value \"99\" is out of range for type integer", "value \"…\" is out of range for type integer"),
            ("22001", "value too long for type character(3)", "value too long for type character(3)"),
            (
                "23505",
                "duplicate key value violates unique constraint \"a\"",
                "duplicate key value violates unique constraint \"a\"",
            ),
        ] {
            assert_eq!(without_data(message, code), expected);
        }
    }

    #[test]
    fn copy_says_which_row_is_bad() {
        for (context, expected) in [
            ("orders, line 3, column total: \"x\"", Some((3, Some("total")))),
            ("orders, line 12", Some((12, None))),
            ("a, line 1, line 7, column b, null input", Some((1, None))),
            ("orders, Zeile 3", None),
        ] {
            assert_eq!(line_and_column(context), expected, "{context}");
        }
    }
}
