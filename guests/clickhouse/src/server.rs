//! ClickHouse's HTTP interface: queries and inserts, and what its answers mean.

use std::{collections::BTreeSet, io::Write, time::Duration};

use danube_sink::{
    Error, Result,
    http::{self, Request, Response},
};
use flate2::{Compression, write::GzEncoder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use sink_common::{Class, Refusal};

use crate::code;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How much of an error goes into a reason, in characters.
const EXCERPT: usize = 300;

/// Where ClickHouse is and how it is spoken to.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) gzip: bool,
    pub(crate) timeout: Duration,
}

/// What the server knows, by the names of its settings.
pub(crate) struct Abilities {
    settings: BTreeSet<String>,
}

/// The settings that make a difference here: ClickHouse refuses a query with one that it does not know.
const ASKED_FOR: &str = "SELECT name FROM system.settings WHERE name IN ('async_insert', 'async_insert_deduplicate', \
                         'date_time_input_format', 'input_format_null_as_default', 'insert_deduplication_token', \
                         'wait_for_async_insert')";

#[derive(serde::Deserialize)]
struct Name {
    name: String,
}

impl Abilities {
    /// Asks the server.
    pub(crate) fn of(server: &Server) -> Result<Self> {
        let settings = server.rows::<Name>(ASKED_FOR)?.into_iter().map(|Name { name }| name).collect();
        Ok(Self { settings })
    }

    /// Whether the server knows a setting.
    pub(crate) fn has(&self, setting: &str) -> bool {
        self.settings.contains(setting)
    }
}

impl Server {
    /// Runs a query that returns nothing.
    ///
    /// # Errors
    ///
    /// As [`code::class`] says.
    pub(crate) fn execute(&self, query: &str) -> Result<()> {
        self.ask(query).map(drop)
    }

    /// Runs a query and reads its rows.
    ///
    /// # Errors
    ///
    /// As [`code::class`] says; `Retryable` when the answer is not what was asked for.
    pub(crate) fn rows<T: DeserializeOwned>(&self, query: &str) -> Result<Vec<T>> {
        let answer = self.ask(&format!("{query} FORMAT JSONEachRow"))?;
        let rows = answer.lines().filter(|line| !line.is_empty()).map(serde_json::from_str).collect::<Result<_, _>>();
        rows.map_err(|error| Error::retryable(format!("the server's answer is not what was asked for: {error}")))
    }

    /// Whether a query has any row.
    ///
    /// # Errors
    ///
    /// As [`code::class`] says.
    pub(crate) fn has_rows(&self, query: &str) -> Result<bool> {
        Ok(!self.ask(&format!("{query} FORMAT JSONEachRow"))?.trim().is_empty())
    }

    fn ask(&self, query: &str) -> Result<String> {
        let request = self.request(&self.url).text(query).timeout(self.timeout);
        let answer = check(request.send()).map_err(|refusal| refusal.error)?;
        Ok(answer.text().into_owned())
    }

    /// Sends rows. `query` says where they go, `settings` are ClickHouse's.
    ///
    /// # Errors
    ///
    /// As [`code::class`] says, with the row that the server blames.
    pub(crate) fn insert(
        &self,
        query: &str,
        settings: &[(String, String)],
        rows: &[u8],
        timeout: Duration,
    ) -> Result<(), Refusal> {
        let mut url = format!("{}?query={}", self.url, utf8_percent_encode(query, ENCODED));
        for (name, value) in settings {
            url.extend(["&", name, "="]);
            url.extend(utf8_percent_encode(value, ENCODED));
        }
        let request = self.request(&url).timeout(timeout);
        let request =
            if self.gzip { request.header("content-encoding", "gzip").bytes(gzip(rows)?) } else { request.bytes(rows) };
        check(request.send()).map(drop)
    }

    fn request(&self, url: &str) -> Request {
        let mut request = Request::post(url);
        if let Some(username) = &self.username {
            request = request.header("x-clickhouse-user", username);
        }
        if let Some(password) = &self.password {
            request = request.header("x-clickhouse-key", password);
        }
        request
    }
}

/// The same rows always give the same bytes.
fn gzip(rows: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(rows)?;
    Ok(encoder.finish()?)
}

/// The answer if it is none of an error.
fn check(answer: Result<Response, http::Error>) -> Result<Response, Refusal> {
    let answer = answer.map_err(Error::from)?;
    let body = answer.text();
    let header = answer.header("x-clickhouse-exception-code").and_then(|code| code.parse().ok());
    let code = header.or_else(|| code_in(&body).filter(|_| !answer.is_success()));
    let Some(code) = code else {
        return match answer.check_status() {
            Ok(()) => Ok(answer),
            // Fewer rows may do. Whatever else is refused without a word of ClickHouse's own is not about the records.
            Err(Error::Rejected { reason }) if answer.status() == 413 => Err(Error::rejected(reason).into()),
            Err(Error::Rejected { reason }) => Err(Error::fatal(reason).into()),
            Err(error) => Err(error.into()),
        };
    };
    let class = code::class(code, &body);
    let error = class.error(format!("ClickHouse error {code}: {}", message(&body, class)));
    Err(Refusal { error, suspect: row_in(&body).filter(|_| class == Class::Reject) })
}

/// The number in `Code: 27, e.displayText() = ...` and `Code: 27. DB::Exception: ...`.
fn code_in(body: &str) -> Option<u32> {
    let (_, rest) = body.split_once("Code: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The row in `(at row 2)`, counted from 0.
fn row_in(body: &str) -> Option<usize> {
    let (_, rest) = body.split_once("(at row ")?;
    let row: usize = rest.split(')').next()?.parse().ok()?;
    row.checked_sub(1)
}

/// After these words the server quotes the data that it could not read.
const QUOTES: [&str; 7] = [" before: ", " here: ", "parse uuid ", "parse IPv4 ", "parse IPv6 ", "element ", "value "];

/// What the server says, without what is the same each time and without the piece of the data that it quotes.
fn message(body: &str, class: Class) -> String {
    let line = body.trim().lines().next().unwrap_or_default();
    let text = line.rsplit_once("Exception: ").map_or(line, |(_, text)| text);
    let text = text.split(", e.what()").next().unwrap_or(text);
    // The column: `(while read the value of key a)`, `(while reading the value of key a)`.
    let (text, place) = text.split_once(": (while ").unwrap_or((text, ""));
    let place = place.split(')').next().filter(|place| !place.is_empty());
    let quote = QUOTES.iter().filter_map(|words| text.find(words).map(|start| start + words.len())).min();
    let text = match (class, quote) {
        (Class::Reject, Some(end)) => text.get(..end).unwrap_or(text).trim_end_matches([' ', ':']),
        (Class::Reject, None) | (Class::Retry | Class::Fatal, _) => text,
    };
    let text: String = text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    match place {
        Some(place) => format!("{text} (while {place})"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refusal {
        let answer = Response::new(status).with_body(http::Body::Text(body.to_owned()));
        check(Ok(answer)).expect_err("it is an error")
    }

    #[test]
    fn both_generations_of_errors_are_read_without_the_data_that_they_quote() {
        // As version 18.16 and the engine of 26.9 put it.
        for (code, body, expected) in [
            (
                27,
                "Code: 27, e.displayText() = DB::Exception: Cannot parse input: expected \" before: foo\",\"b\":\"s3cret\"}: \
                 (while read the value of key a): (at row 2)\n, e.what() = DB::Exception\n",
                "Cannot parse input: expected \" before (while read the value of key a)",
            ),
            (
                27,
                "Code: 27. DB::Exception: Cannot parse input: expected 'false' before: 'oo\",\"b\":\"s3cret\"}': (while \
                 reading the value of key a): (at row 2)\n: While executing ParallelParsingBlockInputFormat. \
                 (CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.9.2.1)",
                "Cannot parse input: expected 'false' before (while reading the value of key a)",
            ),
            (
                376,
                "Code: 376, e.displayText() = DB::Exception: Cannot parse uuid s3cret\"}: (while read the value of key u): (at \
                 row 2)\n, e.what() = DB::Exception",
                "Cannot parse uuid (while read the value of key u)",
            ),
            (
                38,
                "Code: 38. DB::Exception: Code: 38. DB::Exception: Cannot parse date here: s3cret: (while reading the value of \
                 key d): (at row 2)\n: While executing ParallelParsingBlockInputFormat",
                "Cannot parse date here (while reading the value of key d)",
            ),
        ] {
            let expected = Error::rejected(format!("ClickHouse error {code}: {expected}"));
            assert_eq!(refused(500, body), Refusal { error: expected, suspect: Some(1) });
        }
        let old = "Code: 49, e.displayText() = DB::Exception: Unknown element 's3cret' for type Enum8('x' = 1): (while read the \
                   value of key b), e.what() = DB::Exception";
        let expected = Error::rejected("ClickHouse error 49: Unknown element (while read the value of key b)");
        assert_eq!(refused(500, old), Refusal { error: expected, suspect: None });
    }

    #[test]
    fn every_class_of_codes_comes_out() {
        let old = |code: u32| format!("Code: {code}, e.displayText() = DB::Exception: why, e.what() = DB::Exception");
        for (status, code, expected) in [
            (500, 241, Error::retryable("ClickHouse error 241: why")),
            (400, 26, Error::rejected("ClickHouse error 26: why")),
            (401, 193, Error::fatal("ClickHouse error 193: why")),
            (404, 60, Error::fatal("ClickHouse error 60: why")),
            (404, 115, Error::fatal("ClickHouse error 115: why")),
            (500, 999_999, Error::retryable("ClickHouse error 999999: why")),
        ] {
            assert_eq!(refused(status, &old(code)), Refusal { error: expected, suspect: None });
        }
    }

    #[test]
    fn an_error_after_a_good_status_is_one() {
        let answer = Response::new(200).with_header("X-ClickHouse-Exception-Code", "241");
        assert!(check(Ok(answer)).is_err_and(|refusal| refusal.error.is_retryable()));
        let data = Response::new(200).with_body(http::Body::Text("Code: 27".to_owned()));
        assert!(check(Ok(data)).is_ok(), "it may be a row");
    }

    #[test]
    fn what_stands_in_front_of_the_server_has_statuses_only() {
        for (status, retryable) in [(502, true), (503, true), (429, true), (403, false), (404, false), (302, false)] {
            let error = refused(status, "<html>").error;
            assert_eq!((error.is_retryable(), error.is_fatal()), (retryable, !retryable), "{status}");
        }
        assert!(refused(413, "").error.is_rejected());
        let broken = check(Err(http::Error::Connect("refused".to_owned())));
        assert!(broken.is_err_and(|refusal| refusal.error.is_retryable()));
    }
}
