//! Records that go in requests of their own: what goes at once, and what waits.

use super::*;

/// Answers as the last segment of the path says, with a pause where it is `503p`.
fn as_asked(request: &Request) -> Result<Response, http::Error> {
    match request.url().rsplit('/').next() {
        Some("refused") => Err(http::Error::Connect("refused".to_owned())),
        Some("429") => Ok(Response::new(429).with_header("retry-after", "3")),
        Some(status) => Ok(Response::new(status.parse().expect("the path ends in a status"))),
        None => Err(http::Error::InvalidRequest("no path".to_owned())),
    }
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
fn a_record_whose_url_no_path_covers_stops_nobody() {
    let granted = |request: &Request| match request.url().contains("%2F") {
        true => Err(http::Error::Denied("it is not granted".to_owned())),
        false => Ok(Response::new(200)),
    };
    let mut rig = single("Shared", granted);
    let outcomes = rig.deliver(&["1", "\"../a\"", "2"]).expect("the others are written");
    let reason = "servers differ in what the path of its URL means, so that the grant's path does not cover it";
    assert_eq!(summary(&outcomes), [(1, false, reason)]);
    // Where nothing in the record accounts for it, the grant is what is wrong.
    let mut rig = single("Shared", |_| Err(http::Error::Denied("it is not granted".to_owned())));
    assert!(rig.deliver(&["1"]).is_err_and(|error| error.is_fatal()));
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
