//! A response and what its status means for the records that the request carried.

use std::{
    borrow::Cow,
    fmt,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;

use crate::http::{Body, Error};

/// How much of a body goes into the reason of an error, in characters.
const EXCERPT: usize = 200;

/// A response, with whatever status.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: Body,
}

impl Response {
    /// A response without headers and body, for [`testing::answer_http`](crate::testing::answer_http).
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Text(String::new()) }
    }

    /// A response from outside.
    #[cfg(target_family = "wasm")]
    pub(crate) fn from_parts(status: u16, headers: Vec<(String, String)>, body: Body) -> Self {
        Self { status, headers, body }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header; upper and lower case make no difference.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The headers, with names in lower case. The values of one name stand together, in the order received.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.body {
            Body::Text(text) => Cow::Borrowed(text),
            Body::Binary(bytes) => String::from_utf8_lossy(bytes),
        }
    }

    /// The body's bytes, as they came: not decompressed.
    pub fn bytes(&self) -> &[u8] {
        self.body.bytes()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when it is not, or does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.bytes()).map_err(|error| Error::Protocol(format!("unexpected JSON: {error}")))
    }

    /// The pause that the server asks for with `Retry-After`, in seconds or as a date.
    pub fn retry_after(&self) -> Option<Duration> {
        pause(self.header("retry-after")?.trim(), SystemTime::now)
    }

    /// The response itself if its status is 2xx, else what the status means for the records of the request.
    ///
    /// # Errors
    ///
    /// | status | error |
    /// |---|---|
    /// | 408, 425, 429, 5xx | `Retryable`, with the pause of [`retry_after`](Self::retry_after) |
    /// | 401, 407 | `Fatal`, with the first 200 characters of the body: no record is to blame for credentials |
    /// | other 4xx | `Rejected`, with the first 200 characters of the body |
    /// | 3xx | `Fatal`, with the `Location`: the URL in the settings is not the right one |
    pub fn error_for_status(self) -> Result<Self, crate::Error> {
        self.check_status().map(|()| self)
    }

    /// Whether the status is 2xx, like [`error_for_status`](Self::error_for_status) without giving the response away.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn check_status(&self) -> Result<(), crate::Error> {
        match self.status {
            200..300 => Ok(()),
            300..400 => Err(crate::Error::fatal(self.redirect())),
            408 | 425 | 429 => Err(self.busy()),
            401 | 407 => Err(crate::Error::fatal(self.refusal())),
            400..500 => Err(crate::Error::rejected(self.refusal())),
            // No final response is below 200 or above 599: whatever sent it does not work as it should just now.
            500.. | ..200 => Err(self.busy()),
        }
    }

    fn busy(&self) -> crate::Error {
        crate::Error::Retryable { reason: self.refusal(), after: self.retry_after() }
    }

    fn redirect(&self) -> String {
        let target = self.header("location").unwrap_or("nowhere");
        format!("status {}: redirected to `{target}`, and redirects are not followed", self.status)
    }

    /// The status and the beginning of the body, on one line.
    fn refusal(&self) -> String {
        let text = self.text();
        let text = text.trim();
        let excerpt: String = text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if excerpt.is_empty() {
            format!("status {}", self.status)
        } else {
            format!("status {}: {excerpt}", self.status)
        }
    }
}

impl From<Response> for Body {
    fn from(response: Response) -> Self {
        response.body
    }
}

/// Leaves out header values and the body: they may hold secrets and data.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("body_bytes", &self.bytes().len())
            .finish()
    }
}

/// What `Retry-After: value` asks for. A date that has passed asks for no pause.
fn pause(value: &str, now: impl FnOnce() -> SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16) -> Result<(), crate::Error> {
        Response::new(status).with_body(Body::Text("why".to_owned())).check_status()
    }

    #[test]
    fn success_is_2xx() {
        assert_eq!([200, 201, 202, 204, 299].map(outcome), [const { Ok(()) }; 5]);
    }

    #[test]
    fn what_passes_is_retried() {
        for status in [408, 425, 429, 500, 501, 502, 503, 504, 599, 600, 101] {
            assert_eq!(outcome(status), Err(crate::Error::retryable(format!("status {status}: why"))));
        }
    }

    #[test]
    fn what_the_server_refuses_is_bad_data() {
        for status in [400, 403, 404, 409, 413, 422, 451, 499] {
            assert_eq!(outcome(status), Err(crate::Error::rejected(format!("status {status}: why"))));
        }
    }

    #[test]
    fn no_record_is_to_blame_for_credentials() {
        for status in [401, 407] {
            assert_eq!(outcome(status), Err(crate::Error::fatal(format!("status {status}: why"))));
        }
    }

    #[test]
    fn a_redirect_is_a_wrong_setting() {
        let response = Response::new(301).with_header("Location", "https://new.example.com/");
        let expected = "status 301: redirected to `https://new.example.com/`, and redirects are not followed";
        assert_eq!(response.check_status(), Err(crate::Error::fatal(expected)));
    }

    #[test]
    fn the_body_is_quoted_up_to_a_point_and_on_one_line() {
        let response = Response::new(400).with_body(Body::Text(format!("  a\nb{}", "ü".repeat(500))));
        let expected = format!("status 400: a b{}", "ü".repeat(197));
        assert_eq!(response.check_status(), Err(crate::Error::rejected(expected)));
        assert_eq!(Response::new(404).check_status(), Err(crate::Error::rejected("status 404")));
    }

    #[test]
    fn retry_after_is_honoured() {
        let error = Response::new(503).with_header("Retry-After", "7").check_status().expect_err("503 is an error");
        assert_eq!(error, crate::Error::retryable("status 503").after(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:40 GMT", Some(3)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
        ] {
            assert_eq!(pause(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_the_servers_fault() {
        let response = Response::new(200).with_body(Body::Text("<html>".to_owned()));
        assert!(matches!(response.json::<u32>(), Err(Error::Protocol(_))));
        assert_eq!(Response::new(200).with_body(Body::Binary(b"[7]".to_vec())).json::<Vec<u32>>(), Ok(vec![7]));
    }
}
