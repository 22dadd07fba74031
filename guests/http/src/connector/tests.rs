use std::{cell::RefCell, rc::Rc, time::Instant};

use danube_sink::{
    Failure,
    http::{self, Response},
    testing::{Host, RecordBuilder, answer_http},
};
use serde_json::{Value, json};

use super::*;

const TOPIC: &str = "/default/orders";

/// A sink with `settings` for one topic and an endpoint that keeps the requests.
struct Rig {
    host: Host<HttpSink>,
    requests: Rc<RefCell<Vec<Request>>>,
}

impl Rig {
    fn start(
        settings: Value,
        subscription_type: &str,
        mut endpoint: impl FnMut(&Request) -> Result<Response, http::Error> + 'static,
    ) -> Self {
        let mut settings = settings;
        settings["topic_mappings"] =
            json!([{ "topic": TOPIC, "subscription": "s", "subscription_type": subscription_type }]);
        let requests = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&requests);
        answer_http(move |request| {
            kept.borrow_mut().push(request.clone());
            endpoint(request)
        });
        Self { host: Host::start(&settings).expect("the settings are valid"), requests }
    }

    fn with_time_limit(self, limit: Duration) -> Self {
        Self { host: self.host.with_time_limit(limit), ..self }
    }

    fn deliver(&mut self, documents: &[&str]) -> Result<Outcomes> {
        self.host.deliver(TOPIC, documents.iter().map(|document| RecordBuilder::json(*document).routing_key(*document)))
    }

    fn bodies(&self) -> Vec<String> {
        let text = |request: &Request| {
            String::from_utf8_lossy(request.body().expect("the request has a body").bytes()).into_owned()
        };
        self.requests.borrow().iter().map(text).collect()
    }
}

fn array(status: u16) -> Rig {
    Rig::start(json!({ "url": "http://h/" }), "Shared", move |_| Ok(Response::new(status)))
}

fn single(subscription_type: &str, endpoint: impl FnMut(&Request) -> Result<Response, http::Error> + 'static) -> Rig {
    let settings = json!({ "url": "http://h/{key}", "format": "single", "concurrency": 2 });
    Rig::start(settings, subscription_type, endpoint)
}

/// Answers as the last segment of the path says, with a pause where it is `503p`.
fn as_asked(request: &Request) -> Result<Response, http::Error> {
    match request.url().rsplit('/').next() {
        Some("refused") => Err(http::Error::Connect("refused".to_owned())),
        Some("429") => Ok(Response::new(429).with_header("retry-after", "3")),
        Some(status) => Ok(Response::new(status.parse().expect("the path ends in a status"))),
        None => Err(http::Error::InvalidRequest("no path".to_owned())),
    }
}

fn summary(outcomes: &Outcomes) -> Vec<(usize, bool, &str)> {
    outcomes.failures().map(|(index, failure)| (index, failure.is_retry(), failure.reason())).collect()
}

#[test]
fn a_batch_is_one_request_that_names_its_records() {
    let mut rig = array(204);
    assert!(rig.deliver(&["1", "2", "3"]).expect("the endpoint takes it").all_written());
    assert_eq!(rig.bodies(), ["[1,2,3]"]);
    let request = rig.requests.borrow()[0].clone();
    assert_eq!((request.method(), request.url()), ("POST", "http://h/"));
    let expected = [("content-type", "application/json"), ("idempotency-key", "/default/orders@0-2")];
    assert_eq!(request.headers().collect::<Vec<_>>(), expected);
}

#[test]
fn the_status_decides_over_the_whole_batch() {
    for status in [408, 425, 429, 500, 503] {
        let error = array(status).deliver(&["1", "2"]).expect_err("it is not written");
        assert_eq!(error, Error::retryable(format!("status {status}")));
    }
    for status in [400, 403, 404, 422] {
        let error = array(status).deliver(&["1", "2"]).expect_err("it is not written");
        assert_eq!(error, Error::rejected(format!("status {status}")));
    }
    for status in [301, 401] {
        assert!(array(status).deliver(&["1"]).is_err_and(|error| error.is_fatal()), "{status}");
    }
}

#[test]
fn no_answer_is_retried_and_no_permission_is_fatal() {
    let deliver = |error: http::Error| {
        Rig::start(json!({ "url": "http://h/" }), "Shared", move |_| Err(error.clone())).deliver(&["1"])
    };
    assert!(deliver(http::Error::Connect(String::new())).is_err_and(|error| error.is_retryable()));
    assert!(deliver(http::Error::Timeout(String::new())).is_err_and(|error| error.is_retryable()));
    assert!(deliver(http::Error::Denied(String::new())).is_err_and(|error| error.is_fatal()));
}

#[test]
fn a_pause_is_passed_on() {
    let mut rig =
        Rig::start(json!({ "url": "http://h/" }), "Shared", |_| Ok(Response::new(503).with_header("retry-after", "5")));
    let expected = Error::retryable("status 503").after(Duration::from_secs(5));
    assert_eq!(rig.deliver(&["1"]), Err(expected));
}

#[test]
fn a_batch_that_is_too_large_is_split() {
    let refusals = [
        (Ok(Response::new(413)), "status 413"),
        (Err(http::Error::RequestTooLarge("6 bytes".to_owned())), "request too large: 6 bytes"),
    ];
    for (refusal, reason) in refusals {
        let too_large = |request: &Request| request.body().is_some_and(|body| body.bytes().len() > 6);
        let mut rig = Rig::start(json!({ "url": "http://h/" }), "Shared", move |request| {
            if too_large(request) { refusal.clone() } else { Ok(Response::new(200)) }
        });
        let outcomes = rig.deliver(&["1", "2", "12345", "4"]).expect("most of it is written");
        assert_eq!(rig.bodies(), ["[1,2,12345,4]", "[1,2]", "[12345,4]", "[12345]", "[4]"]);
        assert_eq!(summary(&outcomes), [(2, false, reason)]);
        assert_split_keys(&rig);
    }
}

fn assert_split_keys(rig: &Rig) {
    let keys: Vec<_> =
        rig.requests.borrow().iter().filter_map(|r| r.header_value("idempotency-key").map(str::to_owned)).collect();
    assert_eq!(keys[1..], ["/default/orders@0-1", "/default/orders@2-3", "/default/orders@2", "/default/orders@3"]);
}

#[test]
fn a_split_batch_stops_at_the_first_retry() {
    let mut answers = [413, 200, 503].into_iter();
    let mut rig = Rig::start(json!({ "url": "http://h/" }), "Exclusive", move |_| {
        Ok(Response::new(answers.next().expect("no more is asked")))
    });
    let outcomes = rig.deliver(&["1", "2", "3", "4"]).expect("half of it is written");
    assert_eq!(summary(&outcomes), [(2, true, "status 503"), (3, true, "status 503")]);
}

#[test]
fn single_records_have_outcomes_of_their_own() {
    let mut rig = single("Shared", as_asked);
    let outcomes = rig.deliver(&["200", "503", "422", "200", "201"]).expect("some are written");
    assert_eq!(summary(&outcomes), [(1, true, "status 503"), (2, false, "status 422")]);
    let requests = rig.requests.borrow();
    assert_eq!(
        (requests[1].url(), requests[1].header_value("idempotency-key")),
        ("http://h/503", Some("/default/orders@1"))
    );
}

#[test]
fn nothing_more_is_sent_when_nothing_gets_through() {
    let mut rig = single("Shared", as_asked);
    let outcomes = rig.deliver(&["200", "200", "503", "503", "200"]).expect("some are written");
    let expected = [(2, true, "status 503"), (3, true, "status 503"), (4, true, "not sent: status 503")];
    assert_eq!(summary(&outcomes), expected);
    assert_eq!(rig.requests.borrow().len(), 4);
}

#[test]
fn nothing_more_is_sent_when_the_endpoint_asks_for_a_pause() {
    let mut rig = single("Shared", as_asked);
    let outcomes = rig.deliver(&["200", "429", "200"]).expect("some are written");
    let pause = Some(Duration::from_secs(3));
    assert_eq!(outcomes.failure(1), Some(&Failure::Retry { reason: "status 429".into(), after: pause }));
    assert_eq!(outcomes.failure(2), Some(&Failure::Retry { reason: "not sent: status 429".into(), after: pause }));
}

#[test]
fn an_endpoint_that_is_down_fails_the_batch() {
    let mut rig = single("Shared", |_| Err(http::Error::Connect("refused".to_owned())));
    assert_eq!(rig.deliver(&["1", "2", "3"]), Err(Error::retryable("cannot connect: refused")));
    assert_eq!(rig.requests.borrow().len(), 2);
}

/// Long enough for one slow answer, not for two.
const SHORT: Duration = Duration::from_millis(2);

/// Answers after half of the time that a [`SHORT`] call has.
fn slowly(status: u16) -> impl FnMut(&Request) -> Result<Response, http::Error> {
    move |_| {
        let started = Instant::now();
        while started.elapsed() < SHORT / 2 {
            std::hint::spin_loop();
        }
        Ok(Response::new(status))
    }
}

#[test]
fn a_call_ends_before_the_host_cuts_it_off() {
    let mut rig = single("Shared", slowly(200)).with_time_limit(SHORT);
    let outcomes = rig.deliver(&["1", "2", "3"]).expect("some are written");
    let reason = "not sent: the endpoint is slow, and a call has only so much time".to_owned();
    let expected = Failure::Retry { reason, after: Some(Duration::ZERO) };
    assert_eq!(outcomes.failures().collect::<Vec<_>>(), [(2, &expected)]);

    let mut first = true;
    let mut slow = slowly(200);
    let mut rig = Rig::start(json!({ "url": "http://h/", "concurrency": 1 }), "Shared", move |request| {
        if std::mem::take(&mut first) { Ok(Response::new(413)) } else { slow(request) }
    });
    rig = rig.with_time_limit(SHORT);
    let outcomes = rig.deliver(&["1", "2", "3"]).expect("some are written");
    assert_eq!(outcomes.failures().collect::<Vec<_>>(), [(1, &expected), (2, &expected)]);
}

#[test]
fn a_request_ends_before_the_call() {
    let settings = |timeout: u32| json!({ "url": "http://h/", "timeout_ms": timeout });
    let timeout = |settings| {
        let rig = Rig::start(settings, "Shared", |_| Ok(Response::new(200)));
        let mut rig = rig.with_time_limit(Duration::from_secs(3600));
        rig.deliver(&["1"]).expect("the endpoint takes it");
        let timeout = rig.requests.borrow()[0].timeout_value();
        timeout.expect("every request has one")
    };
    assert_eq!(timeout(settings(1000)), Duration::from_secs(1));
    assert!(timeout(settings(u32::MAX)) < Duration::from_secs(3600));
}

#[test]
fn one_record_at_a_time_where_all_count() {
    for subscription_type in ["Exclusive", "Failover"] {
        let mut rig = single(subscription_type, as_asked);
        let outcomes = rig.deliver(&["200", "422", "503", "200"]).expect("some are written");
        let held_back = "held back behind /default/orders@2: status 503";
        assert_eq!(summary(&outcomes), [(1, false, "status 422"), (2, true, "status 503"), (3, true, held_back)]);
        assert_eq!(rig.bodies(), ["200", "422", "503"], "{subscription_type}");
    }
}

/// Records whose documents say how they are to be answered, each with its routing key.
fn keyed<const N: usize>(records: [(&str, &str); N]) -> [RecordBuilder; N] {
    records.map(|(key, status)| RecordBuilder::json(status).routing_key(key))
}

/// A sink that posts records one by one on a Key-Shared subscription, to an endpoint that answers what they say.
fn obeyed(concurrency: u32) -> Rig {
    let settings = json!({ "url": "http://h/", "format": "single", "concurrency": concurrency });
    Rig::start(settings, "Key-Shared", |request| {
        let status = request.body().and_then(|body| String::from_utf8_lossy(body.bytes()).trim().parse().ok());
        Ok(Response::new(status.expect("the body is a status")))
    })
}

#[test]
fn several_keys_are_under_way_at_once() {
    let mut rig = obeyed(8);
    // Each one with a number of its own, so that the requests show the rounds.
    let records = keyed([("a", "200"), ("a", "201"), ("b", "202"), ("a", "203"), ("b", "204")]);
    assert!(rig.host.deliver(TOPIC, records).expect("the endpoint takes them").all_written());
    assert_eq!(rig.bodies(), ["200", "202", "201", "204", "203"]);
}

#[test]
fn a_failed_key_holds_up_no_other() {
    let mut rig = obeyed(8);
    let records = keyed([("a", "503"), ("b", "200"), ("a", "201"), ("b", "202")]);
    let outcomes = rig.host.deliver(TOPIC, records).expect("some are written");
    let held_back = "held back behind /default/orders@0: status 503";
    assert_eq!(summary(&outcomes), [(0, true, "status 503"), (2, true, held_back)]);
    assert_eq!(rig.bodies(), ["503", "200", "202"]);
}

#[test]
fn keys_are_sent_no_more_at_once_than_wanted() {
    let mut rig = obeyed(2);
    let records = keyed([("a", "503"), ("b", "500"), ("c", "200"), ("a", "201")]);
    let outcomes = rig.host.deliver(TOPIC, records);
    // Nothing of the round got through, so that the third key was not tried.
    assert_eq!(outcomes, Err(Error::retryable("status 503")));
    assert_eq!(rig.bodies(), ["503", "500"]);
}

#[test]
fn partitions_are_under_way_at_once() {
    let settings = json!({ "url": "http://h/{partition}/{offset}", "format": "single" });
    let mut rig = Rig::start(settings, "Exclusive", |_| Ok(Response::new(200)));
    let records = [0, 0, 1, 1].map(|partition| RecordBuilder::json("1").partition(partition));
    assert!(rig.host.deliver(TOPIC, records).expect("the endpoint takes them").all_written());
    let urls: Vec<_> = rig.requests.borrow().iter().map(|request| request.url().to_owned()).collect();
    assert_eq!(urls, ["http://h/0/0", "http://h/1/2", "http://h/0/1", "http://h/1/3"]);
}

#[test]
fn a_key_goes_on_behind_a_record_that_makes_no_url() {
    let settings = json!({ "url": "http://h/{attribute:id}", "format": "single" });
    let mut rig = Rig::start(settings, "Key-Shared", |_| Ok(Response::new(200)));
    let record = |key: &str| RecordBuilder::json("1").routing_key(key);
    let records = [record("a"), record("a").attribute("id", "1"), record("b").attribute("id", "2")];
    let outcomes = rig.host.deliver(TOPIC, records).expect("the others are written");
    assert_eq!(summary(&outcomes).iter().map(|(index, retry, _)| (*index, *retry)).collect::<Vec<_>>(), [(0, false)]);
    assert_eq!(rig.requests.borrow().len(), 2);
}

#[test]
fn a_record_that_makes_no_url_is_rejected_alone() {
    let mut rig = single("Shared", |_| Ok(Response::new(200)));
    let records = [
        RecordBuilder::json("1").routing_key("a"),
        RecordBuilder::json("2"),
        RecordBuilder::json("3").routing_key("c"),
    ];
    let outcomes = rig.host.deliver(TOPIC, records).expect("the others are written");
    assert_eq!(summary(&outcomes), [(1, false, "it has no routing key, which `url` needs")]);
    assert_eq!(rig.bodies(), ["1", "3"]);
}

#[test]
fn settings_shape_the_request() {
    let settings = json!({
        "url": "http://h/{topic_name}", "method": "put", "format": "ndjson", "gzip": true, "idempotency_key": false,
        "headers": { "X-Source": "danube", "Content-Type": "application/jsonl" }, "bearer_token": "t",
    });
    let mut rig = Rig::start(settings, "Shared", |_| Ok(Response::new(200)));
    rig.deliver(&["1"]).expect("the endpoint takes it");
    let request = rig.requests.borrow()[0].clone();
    assert_eq!((request.method(), request.url()), ("PUT", "http://h/orders"));
    let expected = [
        ("authorization", "Bearer t"),
        ("content-type", "application/jsonl"),
        ("x-source", "danube"),
        ("content-encoding", "gzip"),
    ];
    assert_eq!(request.headers().collect::<Vec<_>>(), expected);
    assert!(matches!(request.body(), Some(Body::Binary(bytes)) if bytes.starts_with(&[0x1f, 0x8b])));
}

#[test]
fn health_is_what_the_endpoint_says() {
    let settings = || json!({ "url": "http://h/", "health_url": "http://h/up", "basic_auth": { "username": "u", "password": "p" } });
    let mut rig = Rig::start(settings(), "Shared", |_| Ok(Response::new(204)));
    assert_eq!(rig.host.sink().health_check(), Ok(()));
    let request = rig.requests.borrow()[0].clone();
    assert_eq!((request.method(), request.url()), ("GET", "http://h/up"));
    assert_eq!(request.header_value("authorization"), Some("Basic dTpw"));
    let mut rig = Rig::start(settings(), "Shared", |_| Ok(Response::new(404)));
    assert_eq!(rig.host.sink().health_check(), Err(Error::retryable("health_url: status 404")));
    let mut rig = array(500);
    assert_eq!(rig.host.sink().health_check(), Ok(()));
}

/// Answers each request with the statuses of its records, as bulk interfaces do: a record is the status that it gets.
fn bulk(request: &Request) -> Result<Response, http::Error> {
    let body = request.body().map(Body::bytes).unwrap_or_default();
    let statuses: Vec<u16> = serde_json::from_slice(body).expect("the records are numbers");
    let items: Vec<_> = statuses.iter().map(|status| json!({ "status": status, "why": "so" })).collect();
    Ok(Response::new(200).with_body(Body::Text(json!({ "items": items }).to_string())))
}

#[test]
fn records_have_outcomes_of_their_own_in_one_answer() {
    let items = json!({ "list": "/items", "status": "/status", "reason": "/why" });
    let settings = json!({ "url": "http://h/", "item_failures": items, "records_per_request": 3 });
    let mut rig = Rig::start(settings, "Shared", bulk);
    let outcomes = rig.deliver(&["200", "400", "201", "429", "200"]).expect("some are written");
    let reject = Failure::Reject { reason: "status 400: so".to_owned() };
    let retry = Failure::Retry { reason: "status 429: so".to_owned(), after: None };
    assert_eq!(outcomes.failures().collect::<Vec<_>>(), [(1, &reject), (3, &retry)]);
    assert_eq!(rig.bodies(), ["[200,400,201]", "[429,200]"]);
}

#[test]
fn nothing_goes_behind_a_record_that_has_to_be_tried_again_where_the_order_counts() {
    let items = json!({ "list": "/items", "status": "/status" });
    let settings = json!({ "url": "http://h/", "item_failures": items, "records_per_request": 2 });
    let mut rig = Rig::start(settings, "Exclusive", bulk);
    let outcomes = rig.deliver(&["200", "429", "200", "200"]).expect("some are written");
    let retries: Vec<_> = outcomes.failures().map(|(index, failure)| (index, failure.is_retry())).collect();
    assert_eq!(retries, [(1, true), (2, true), (3, true)]);
    assert_eq!(rig.bodies(), ["[200,429]"]);
}

#[test]
fn a_batch_goes_in_requests_of_the_wanted_size() {
    let settings = || json!({ "url": "http://h/", "records_per_request": 2, "format": "ndjson" });
    let busy_at = |number: &'static str| {
        move |request: &Request| {
            let is_busy = request.body().is_some_and(|body| String::from_utf8_lossy(body.bytes()).contains(number));
            Ok(Response::new(if is_busy { 503 } else { 200 }))
        }
    };
    let failed = |outcomes: Outcomes| outcomes.failures().map(|(index, _)| index).collect::<Vec<_>>();
    let mut rig = Rig::start(settings(), "Shared", busy_at("3"));
    assert_eq!(failed(rig.deliver(&["1", "2", "3", "4", "5"]).expect("some are written")), [2, 3]);
    assert_eq!(rig.bodies(), ["1\n2\n", "3\n4\n", "5\n"]);
    // Where the order counts, nothing goes behind what has to be tried again.
    let mut rig = Rig::start(settings(), "Exclusive", busy_at("3"));
    assert_eq!(failed(rig.deliver(&["1", "2", "3", "4", "5"]).expect("some are written")), [2, 3, 4]);
    assert_eq!(rig.bodies(), ["1\n2\n", "3\n4\n"]);
}

#[test]
fn headers_have_what_the_record_has() {
    let settings = json!({
        "url": "http://h/{field:id}", "format": "single", "record_headers": { "X-Who": "{field:who.name}/{key}" },
        "signature": { "secret": "s", "prefix": "v1=" },
    });
    let mut rig = Rig::start(settings, "Shared", |_| Ok(Response::new(200)));
    let record = RecordBuilder::json(r#"{"id": 7, "who": {"name": "Ada"}}"#);
    let records = [record.clone().routing_key("k"), record, RecordBuilder::json("{}").routing_key("k")];
    let outcomes = rig.host.deliver(TOPIC, records).expect("some are written");
    assert_eq!(
        outcomes.failures().map(|(index, failure)| (index, failure.is_retry())).collect::<Vec<_>>(),
        [(1, false), (2, false)]
    );
    let request = rig.requests.borrow()[0].clone();
    assert_eq!((request.url(), request.header_value("x-who")), ("http://h/7", Some("Ada/k")));
    assert!(request.header_value("x-signature").is_some_and(|signature| signature.starts_with("v1=")));
}

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
