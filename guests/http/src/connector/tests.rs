mod single;
mod tokens;

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
