//! Tokens of OAuth2: fetched, kept, and fetched anew.

use super::*;

/// Takes the token that it gave last, which changes when `revoke` says so before a request.
fn guarded(mut revoke: impl FnMut(usize) -> bool + 'static) -> impl FnMut(&Request) -> Result<Response, http::Error> {
    let (mut given, mut good, mut asked) = (0, 0, 0);
    move |request| {
        if request.url() == "http://auth/" {
            given += 1;
            good = given;
            let token = json!({ "access_token": format!("t{given}"), "expires_in": 3600 });
            return Ok(Response::new(200).with_body(Body::Text(token.to_string())));
        }
        asked += 1;
        if revoke(asked) {
            good = 0;
        }
        let is_good = request.header_value("authorization") == Some(&format!("Bearer t{good}"));
        Ok(Response::new(if is_good { 200 } else { 401 }))
    }
}

fn with_tokens(format: &str) -> Value {
    let oauth2 = json!({ "token_url": "http://auth/", "client_id": "c", "client_secret": "s" });
    json!({ "url": "http://h/", "format": format, "concurrency": 2, "oauth2": oauth2 })
}

#[test]
fn a_token_is_fetched_once_and_anew_when_it_is_not_taken() {
    let urls = |rig: &Rig| {
        let requests = rig.requests.borrow();
        requests.iter().map(|request| if request.url() == "http://auth/" { 'T' } else { 'r' }).collect::<String>()
    };
    let mut rig = Rig::start(with_tokens("json_array"), "Shared", guarded(|asked| asked == 2));
    for _ in 0..3 {
        assert!(rig.deliver(&["1"]).expect("it is written").all_written());
    }
    assert_eq!(urls(&rig), "TrrTrr");
    let mut rig = Rig::start(with_tokens("single"), "Shared", guarded(|asked| asked == 2));
    assert!(rig.deliver(&["1", "2", "3"]).expect("they are written").all_written());
    assert_eq!(urls(&rig), "TrrTrr", "only what was refused goes again");
}

#[test]
fn a_new_token_that_is_not_taken_stops_the_connector() {
    let mut rig = Rig::start(with_tokens("json_array"), "Shared", guarded(|_| true));
    assert_eq!(rig.deliver(&["1"]), Err(Error::fatal("status 401")));
    assert_eq!(rig.requests.borrow().len(), 4, "a token, the records, another token, the records");
}

#[test]
fn a_token_server_that_is_away_fails_the_batch() {
    for format in ["json_array", "single"] {
        let mut rig = Rig::start(with_tokens(format), "Shared", |_| Err(http::Error::Connect("refused".to_owned())));
        let expected = Error::retryable("oauth2: cannot connect: refused");
        assert_eq!(rig.deliver(&["1", "2"]), Err(expected));
    }
}
