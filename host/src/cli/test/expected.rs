//! The file that says what a target answers, what it must be asked, and what must become of each record.

use std::{collections::BTreeMap, fmt, io, path::Path, str::FromStr, time::Duration};

use ::http::{HeaderName, HeaderValue, Method, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use url::Url;

use crate::{
    capability::http::{self, Script, Scripted},
    cli::{
        Stop,
        json::{self, Json},
    },
};

/// Headers of a reply that follow from the rest of it.
const NOT_SCRIPTED: [HeaderName; 3] = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// All that is expected. What is not there is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) http: Option<Vec<Exchange>>,
    pub(super) records: Option<Vec<Outcome>>,
    /// Why the connector stopped. Without it, it must not.
    pub(super) stopped: Option<String>,
    /// Why it gave its records back to the broker. Without it, it must not.
    pub(super) parked: Option<String>,
}

/// A request, and what it gets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    #[serde(default)]
    pub(super) request: Request,
    #[serde(default)]
    pub(super) reply: Reply,
    #[serde(default)]
    pub(super) times: Times,
}

/// How many requests an exchange stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Exactly(u32),
    Any,
}

/// What a request must be. The method and the URL also decide whether it gets this reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) method: Option<MethodName>,
    pub(super) url: Option<AbsoluteUrl>,
    /// Others may be there too.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// A text: the body is exactly that. Anything else: the body is this JSON document, however it is spaced.
    #[serde(default, deserialize_with = "json::given")]
    pub(super) body: Option<Box<RawValue>>,
    pub(super) body_base64: Option<BytesText>,
}

/// What a target answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) status: Option<Status>,
    #[serde(default)]
    pub(super) headers: Headers,
    /// A text: the body is exactly that. Anything else: it is this JSON document as it stands here.
    #[serde(default, deserialize_with = "json::given")]
    pub(super) body: Option<Box<RawValue>>,
    pub(super) body_base64: Option<BytesText>,
    #[serde(default)]
    pub(super) delay_ms: u64,
    pub(super) failure: Option<Failure>,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Failure {
    Refused,
    Unresolved,
    Tls,
    Reset,
    Timeout,
    /// With the rest of the reply, which breaks off at its end.
    Truncated,
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unresolved => "unresolved",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
        }
    }
}

/// What must become of a record: the outcome by itself, or more about it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) outcome: Ending,
    pub(super) reason: Option<String>,
    pub(super) stage: Option<String>,
    /// `None`: they are not looked at.
    pub(super) retries: Option<Vec<Retry>>,
}

/// How a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ending {
    /// It is safe in the target.
    Written,
    /// It will never be written.
    Rejected,
    /// It would be tried again: retries are used up, and the broker keeps it.
    Retry,
    /// The connector stopped before it was tried to the end.
    Unsettled,
}

impl Ending {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Rejected => "rejected",
            Self::Retry => "retry",
            Self::Unsettled => "unsettled",
        }
    }
}

/// What was said of a record in a call that did not settle it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    pub(super) reason: Option<String>,
    pub(super) after_ms: Option<u64>,
}

impl Expected {
    /// Reads the file. `None`: it is not there, and need not be since it is about to be written.
    pub(super) fn read(path: &Path, is_written: bool) -> Result<Option<Self>, Stop> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if is_written && error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let path = path.display();
                let help = "help: --write makes it from what happens";
                return Err(Stop::Usage(format!("error: cannot read {path}: {error}\n{help}")));
            }
        };
        let expected: Self = json::read(path, &text, 0..text.len()).map_err(Stop::Usage)?;
        for (at, exchange) in expected.http.iter().flatten().enumerate() {
            exchange.check().map_err(|what| Stop::Usage(format!("error: {}: http[{at}]: {what}", path.display())))?;
        }
        Ok(Some(expected))
    }

    /// The replies, for the gate.
    pub(super) fn script(&self) -> Script {
        Script::new(self.http.iter().flatten().map(Exchange::scripted).collect())
    }

    /// Everything gets an empty 200.
    pub(super) fn no_script() -> Script {
        Script::new(Vec::new())
    }
}

impl Exchange {
    fn check(&self) -> Result<(), &'static str> {
        let Self { request, reply, times: _ } = self;
        if request.body.is_some() && request.body_base64.is_some()
            || reply.body.is_some() && reply.body_base64.is_some()
        {
            return Err("a body is given by `body` or by `body_base64`, not by both");
        }
        let response = reply.status.is_some() || reply.body.is_some() || reply.body_base64.is_some();
        match reply.failure {
            None | Some(Failure::Truncated) => Ok(()),
            Some(Failure::Refused | Failure::Unresolved | Failure::Tls | Failure::Reset | Failure::Timeout)
                if response || !reply.headers.0.is_empty() =>
            {
                Err("a request that fails gets no status, headers or body")
            }
            Some(Failure::Refused | Failure::Unresolved | Failure::Tls | Failure::Reset | Failure::Timeout) => Ok(()),
        }
    }

    fn scripted(&self) -> Scripted {
        let Self { request, reply, times } = self;
        Scripted {
            method: request.method.as_ref().map(|MethodName(method)| method.clone()),
            url: request.url.as_ref().map(|AbsoluteUrl(url)| url.clone()),
            times: match times {
                Times::Exactly(times) => Some(*times),
                Times::Any => None,
            },
            reply: reply.scripted(),
        }
    }
}

impl Reply {
    fn scripted(&self) -> http::Reply {
        let Self { status, headers, body, body_base64, delay_ms, failure } = self;
        let response = |truncated| http::Answer::Response {
            status: status.map_or(200, |Status(status)| status),
            headers: headers.0.clone(),
            body: bytes(body.as_deref(), body_base64.as_ref()),
            truncated,
        };
        let answer = match failure {
            None => response(false),
            Some(Failure::Truncated) => response(true),
            Some(Failure::Refused) => http::Answer::Refused,
            Some(Failure::Unresolved) => http::Answer::Unresolved,
            Some(Failure::Tls) => http::Answer::Tls,
            Some(Failure::Reset) => http::Answer::Reset,
            Some(Failure::Timeout) => http::Answer::Timeout,
        };
        http::Reply { delay: Duration::from_millis(*delay_ms), answer }
    }

    /// As it stands in the file. `None`: nothing that would have to be said.
    pub(super) fn as_json(&self) -> Option<Json> {
        let Self { status, headers, body, body_base64, delay_ms, failure } = self;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<_> =
            headers.0.iter().map(|(name, value)| (name.as_str().to_owned(), Json::text(text(value)))).collect();
        let reply = Json::object([
            ("status", status.map(|Status(status)| Json::number(status))),
            ("headers", (!headers.is_empty()).then_some(Json::Object(headers))),
            ("body", body.as_deref().and_then(Json::of)),
            ("body_base64", body_base64.as_ref().map(|BytesText(bytes)| Json::text(STANDARD.encode(bytes)))),
            ("delay_ms", (*delay_ms > 0).then(|| Json::number(delay_ms))),
            ("failure", failure.map(|failure| Json::text(failure.name()))),
        ]);
        (reply != Json::Object(Vec::new())).then_some(reply)
    }
}

fn bytes(body: Option<&RawValue>, base64: Option<&BytesText>) -> Bytes {
    match (body, base64) {
        (Some(body), _) => match Json::of(body) {
            Some(Json::Text(text)) => text.into(),
            Some(_) | None => body.get().to_owned().into(),
        },
        (None, Some(BytesText(bytes))) => bytes.clone(),
        (None, None) => Bytes::new(),
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::Exactly(1)
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Times;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 1, or \"any\"")
            }

            fn visit_u64<E: de::Error>(self, times: u64) -> Result<Times, E> {
                match u32::try_from(times) {
                    Ok(times @ 1..) => Ok(Times::Exactly(times)),
                    Ok(0) | Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(times), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Times, E> {
                if text == "any" { Ok(Times::Any) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct More {
            outcome: Ending,
            reason: Option<String>,
            stage: Option<String>,
            retries: Option<Vec<Retry>>,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Outcome;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an outcome: \"written\", \"rejected\", \"retry\", \"unsettled\", or an object with more about it",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Outcome, E> {
                let outcome = Ending::deserialize(de::value::StrDeserializer::new(text))?;
                Ok(Outcome { outcome, reason: None, stage: None, retries: None })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Outcome, A::Error> {
                let More { outcome, reason, stage, retries } =
                    More::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Outcome { outcome, reason, stage, retries })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Makes a type of a text in a file, checked where it stands.
macro_rules! checked {
    ($(#[$doc:meta])* $name:ident($inner:ty), $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let check: fn(&str) -> Result<$inner, String> = $check;
                check(&text).map(Self).map_err(de::Error::custom)
            }
        }
    };
}

checked!(
    /// An HTTP method.
    MethodName(Method),
    |text| Method::from_str(text).map_err(|_| format!("`{text}` is not an HTTP method"))
);
checked!(
    /// A URL as the gate writes it.
    AbsoluteUrl(String),
    |text| Url::parse(text).map(String::from).map_err(|error| format!("`{text}` is not an absolute URL: {error}"))
);
checked!(
    /// Bytes, in base64.
    BytesText(Bytes),
    |text| STANDARD.decode(text).map(Bytes::from).map_err(|error| format!("not base64: {error}"))
);

/// A status code of a final response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status(pub(super) u16);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u16::deserialize(deserializer)? {
            status @ 200..600 => Ok(Self(status)),
            other => Err(de::Error::custom(format!("{other} is not the status of a response: 200 to 599"))),
        }
    }
}

/// The headers of a reply.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = BTreeMap::<String, String>::deserialize(deserializer)?;
        let header = |(name, value): (String, String)| {
            let wrong = |what: &str| Err(de::Error::custom(format!("the header `{name}` {what}")));
            match (HeaderName::from_str(&name), HeaderValue::from_str(&value)) {
                (Ok(name), _) if NOT_SCRIPTED.contains(&name) => wrong("follows from the rest of a reply"),
                (Ok(name), Ok(value)) => Ok((name, value)),
                (Err(_), _) => wrong("has a malformed name"),
                (_, Err(_)) => wrong("has a malformed value"),
            }
        };
        given.into_iter().map(header).collect::<Result<_, _>>().map(Self)
    }
}
