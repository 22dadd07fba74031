//! OAuth2 with client credentials (RFC 6749, section 4.4): a token is fetched, kept while it is good, and fetched anew.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use danube_sink::{Error, Result, http::Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How long before its end a token is replaced: a request that is under way shall not outlive it. Of one that is shorter
/// lived, a tenth.
const EARLY: Duration = Duration::from_secs(30);

/// How long a token is kept when the server does not say how long it is good.
const UNSAID: Duration = Duration::from_secs(300);

/// The settings' `oauth2`, as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth2 {
    pub(crate) token_url: String,
    client_id: String,
    client_secret: String,
    scope: Option<String>,
    audience: Option<String>,
    #[serde(default)]
    credentials: Credentials,
}

/// How the client's name and secret are sent.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Credentials {
    /// As `Authorization: Basic`, which every server must understand.
    #[default]
    Basic,
    /// In the body.
    Body,
}

/// Where tokens come from, with the last one.
pub(crate) struct Tokens {
    settings: OAuth2,
    timeout: Duration,
    current: RefCell<Option<Token>>,
}

struct Token {
    value: String,
    replace_at: Instant,
}

/// The server's answer. Other fields do not matter.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// In seconds.
    expires_in: Option<f64>,
}

impl Tokens {
    pub(crate) fn new(settings: OAuth2, timeout: Duration) -> Self {
        Self { settings, timeout, current: RefCell::new(None) }
    }

    /// A token that is good, fetched if there is none.
    ///
    /// # Errors
    ///
    /// `Fatal` when the server refuses the client, `Retryable` when it cannot answer now.
    pub(crate) fn get(&self) -> Result<String> {
        let mut current = self.current.borrow_mut();
        if let Some(token) = current.as_ref().filter(|token| Instant::now() < token.replace_at) {
            return Ok(token.value.clone());
        }
        let token = self.fetch().map_err(|error| error.context("oauth2"))?;
        Ok(current.insert(token).value.clone())
    }

    /// Forgets a token that the endpoint did not take.
    pub(crate) fn forget(&self) {
        *self.current.borrow_mut() = None;
    }

    fn fetch(&self) -> Result<Token> {
        let asked = Instant::now();
        let response = self.request().timeout(self.timeout).send()?;
        if let Err(error) = response.check_status() {
            // A client that is refused stays refused, and it is not the records' fault. The body may quote a secret.
            let is_refused = (400..500).contains(&response.status()) && !error.is_retryable();
            let refused = || Error::fatal(format!("the token server refuses the client: status {}", response.status()));
            return Err(if is_refused { refused() } else { error });
        }
        let Answer { access_token, expires_in } =
            response.json().map_err(|_| Error::fatal("the token server's answer has no `access_token`"))?;
        if access_token.is_empty() || !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::fatal("the token server's `access_token` does not fit into a header"));
        }
        let good_for = expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(UNSAID);
        // A century is as good as for ever, and cannot overflow.
        let good_for = good_for.min(Duration::from_secs(100 * 365 * 86400));
        Ok(Token { value: access_token, replace_at: asked + (good_for - EARLY.min(good_for / 10)) })
    }

    fn request(&self) -> Request {
        let OAuth2 { token_url, client_id, client_secret, scope, audience, credentials } = &self.settings;
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
        fields.extend(audience.as_deref().map(|audience| ("audience", audience)));
        let mut request = Request::post(token_url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json");
        match credentials {
            // Encoded first, as the RFC wants it.
            Credentials::Basic => request = request.basic_auth(&encoded(client_id), &encoded(client_secret)),
            Credentials::Body => fields.extend([("client_id", client_id.as_str()), ("client_secret", client_secret)]),
        }
        let form: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        request.text(form.join("&"))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use danube_sink::{
        http::{Body, Response},
        testing::answer_http,
    };
    use serde_json::{Value, json};

    use super::*;

    fn tokens(own: Value) -> Tokens {
        let mut settings = json!({ "token_url": "http://auth/token", "client_id": "a b", "client_secret": "s&" });
        if let (Value::Object(settings), Value::Object(own)) = (&mut settings, own) {
            settings.extend(own);
        }
        Tokens::new(serde_json::from_value(settings).expect("the settings are valid"), Duration::from_secs(1))
    }

    /// Answers with numbered tokens that are good for so long, and counts them.
    fn serve(expires_in: Value) -> Rc<Cell<u32>> {
        let served = Rc::new(Cell::new(0));
        let count = Rc::clone(&served);
        answer_http(move |_| {
            count.set(count.get() + 1);
            let answer = json!({ "access_token": format!("t{}", count.get()), "expires_in": expires_in });
            Ok(Response::new(200).with_body(Body::Text(answer.to_string())))
        });
        served
    }

    #[test]
    fn a_token_is_kept_while_it_is_good() {
        let served = serve(json!(3600));
        let tokens = tokens(json!({}));
        assert_eq!([tokens.get(), tokens.get()], [Ok("t1".to_owned()), Ok("t1".to_owned())]);
        tokens.forget();
        assert_eq!((tokens.get(), served.get()), (Ok("t2".to_owned()), 2));
    }

    #[test]
    fn a_token_that_has_expired_is_replaced() {
        let served = serve(json!(0));
        let tokens = tokens(json!({}));
        assert_eq!([tokens.get(), tokens.get()], [Ok("t1".to_owned()), Ok("t2".to_owned())]);
        assert_eq!(served.get(), 2);
        for odd in [json!(1e300), json!(-1), json!(null)] {
            serve(odd);
            tokens.forget();
            assert_eq!([tokens.get(), tokens.get()], [Ok("t1".to_owned()), Ok("t1".to_owned())]);
        }
    }

    #[test]
    fn the_client_is_named_as_wanted() {
        let basic = tokens(json!({ "scope": "a b" })).request();
        assert_eq!(basic.body().map(Body::bytes), Some(&b"grant_type=client_credentials&scope=a%20b"[..]));
        let expected = Request::get("").basic_auth("a%20b", "s%26");
        assert_eq!(basic.header_value("authorization"), expected.header_value("authorization"));
        let body = tokens(json!({ "credentials": "body", "audience": "x" })).request();
        let expected = b"grant_type=client_credentials&audience=x&client_id=a%20b&client_secret=s%26";
        assert_eq!((body.header_value("authorization"), body.body().map(Body::bytes)), (None, Some(&expected[..])));
    }

    #[test]
    fn a_server_that_refuses_is_told_from_one_that_is_busy() {
        for (status, body, expected) in [
            (401, "s&", Error::fatal("oauth2: the token server refuses the client: status 401")),
            (400, "s&", Error::fatal("oauth2: the token server refuses the client: status 400")),
            (503, "", Error::retryable("oauth2: status 503")),
            (200, "{}", Error::fatal("oauth2: the token server's answer has no `access_token`")),
            (
                200,
                r#"{"access_token": "a\nb"}"#,
                Error::fatal("oauth2: the token server's `access_token` does not fit into a header"),
            ),
        ] {
            answer_http(move |_| Ok(Response::new(status).with_body(Body::Text(body.to_owned()))));
            assert_eq!(tokens(json!({})).get(), Err(expected));
        }
    }
}
