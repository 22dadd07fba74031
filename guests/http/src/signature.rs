//! A signature of the body, so that the endpoint can tell who sent it: HMAC with SHA-256.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::http::Request;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// The settings' `signature`, as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signature {
    secret: String,
    #[serde(default = "default_header")]
    pub(crate) header: String,
    #[serde(default)]
    pub(crate) prefix: String,
    #[serde(default)]
    encoding: Encoding,
    /// The header that carries the time, in seconds since 1970. It is signed too then: the time, a dot, the body.
    pub(crate) timestamp_header: Option<String>,
}

fn default_header() -> String {
    "x-signature".to_owned()
}

/// How the signature is written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    #[default]
    Hex,
    Base64,
}

impl Signature {
    /// Signs a request whose body is complete.
    pub(crate) fn sign(&self, request: Request) -> Request {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.sign_at(request, now)
    }

    fn sign_at(&self, request: Request, seconds: u64) -> Request {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else { return request };
        let mut request = request;
        if let Some(header) = &self.timestamp_header {
            let seconds = seconds.to_string();
            mac.update(seconds.as_bytes());
            mac.update(b".");
            request = request.header(header, seconds);
        }
        mac.update(request.body().map_or(b"".as_slice(), |body| body.bytes()));
        let digest = mac.finalize().into_bytes();
        let digest = match self.encoding {
            Encoding::Hex => hex::encode(digest),
            Encoding::Base64 => STANDARD.encode(digest),
        };
        request.header(&self.header, format!("{}{digest}", self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(settings: serde_json::Value, body: &str) -> Vec<(String, String)> {
        let signature: Signature = serde_json::from_value(settings).expect("the settings are valid");
        let request = signature.sign_at(Request::post("http://h/").text(body), 1_700_000_000);
        request.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_body_is_signed() {
        // The example in GitHub's documentation of webhooks.
        let settings =
            json!({ "secret": "It's a Secret to Everybody", "header": "X-Hub-Signature-256", "prefix": "sha256=" });
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signed(settings, "Hello, World!"), [header("X-Hub-Signature-256", expected)]);
    }

    #[test]
    fn the_time_is_signed_with_it() {
        let with_time = json!({ "secret": "s", "timestamp_header": "x-time", "encoding": "base64" });
        let by_hand = json!({ "secret": "s", "encoding": "base64" });
        let [time, signature] = signed(with_time, "{}").try_into().expect("there are two");
        assert_eq!(time, header("x-time", "1700000000"));
        assert_eq!([signature], signed(by_hand, "1700000000.{}")[..]);
    }
}
