//! Every limit of the gate, hit by a request and counted.

use super::*;
use crate::capability::limit::Limit;

fn hits(session: &Session) -> Vec<(&'static str, u64)> {
    let hits = session.gate.hits();
    let hit = |limit: &&Limit| hits.count(**limit) > 0;
    Limit::ALL.iter().filter(hit).map(|limit| (limit.name(), hits.count(*limit))).collect()
}

async fn echo() -> Server {
    let length = |request: Incoming| async move {
        axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap().len().to_string()
    };
    Server::start(Router::new().fallback(length)).await
}

#[tokio::test]
async fn a_list_that_is_too_long_is_refused_whole() {
    let server = echo().await;
    let session = session(GateOptions { batch: 3, ..rig::options(&server) });
    let answers = session.send_all(vec![get_request(&server.url("/")); 4]).await;
    let refused = Error::InvalidRequest("4 requests at once, more than 3 (limits.http_batch)".into());
    assert_eq!(answers, vec![Err(refused); 4]);
    assert_eq!((server.connections(), hits(&session)), (0, vec![("http_batch", 1)]));
    assert_eq!([count(&session.gate.stats().requests), count(&session.gate.stats().invalid)], [4, 4]);
    let answers = session.send_all(vec![get_request(&server.url("/")); 3]).await;
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_long_list_of_denials_makes_room_for_others_and_answers_in_few_words() {
    let session = session(GateOptions::new("orders", "orders.toml", vec![]));
    let mut sending = Box::pin(session.send_all(vec![get_request("http://192.0.2.1/"); 10_000]));
    let mut turns = 0;
    let answers = loop {
        tokio::select! {
            biased;
            answers = &mut sending => break answers,
            () = tokio::task::yield_now() => turns += 1,
        }
    };
    assert!(turns > 10, "{turns}");
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Denied(text)) if text.len() < 300)));
}

#[tokio::test]
async fn no_error_repeats_what_is_endless() {
    let origin = "http://192.0.2.1";
    let near =
        (0..100).map(|n| Grant::parse(&format!("{origin}/p{n}/")).unwrap().with_methods(vec![http::Method::PUT]));
    let session = session(GateOptions::new("orders", "orders.toml", near.map(Result::unwrap).collect()));
    let long = "a".repeat(15_000);
    let (cut, encoded) = (format!("{origin}/{}", "ab/".repeat(5_000)), format!("{origin}/{}%2f", "ab/".repeat(5_000)));
    let endless = [
        get_request(&format!("{origin}/{long}")),
        get_request(&cut),
        get_request(&encoded),
        post(&format!("http://{long}.example/"), ""),
        Request { method: "PUT".into(), ..get_request(&cut) },
        Request { method: "PUT".into(), ..get_request(&encoded) },
        Request { method: long.clone(), ..get_request(origin) },
        Request { method: "\u{1}".repeat(15_000), ..get_request(origin) },
        Request {
            method: "PUT".into(),
            headers: vec![("\u{1}".repeat(15_000), String::new())],
            ..get_request(&format!("{origin}/p1/"))
        },
        Request {
            method: "PUT".into(),
            headers: vec![(long.clone(), "\n".into())],
            ..get_request(&format!("{origin}/p1/"))
        },
    ];
    for request in endless {
        let text = session.send(request).await.unwrap_err().to_string();
        assert!(text.len() < 2_000, "{} bytes: {text}", text.len());
    }
}

#[tokio::test]
async fn headers_are_bounded_both_ways() {
    let many = |n: usize| vec![("a".to_owned(), "b".to_owned()); n];
    let server = Server::start(Router::new().fallback(|request: Incoming| async move {
        let (lines, bytes) = request.uri().path()[1..].split_once('/').unwrap();
        let value = "v".repeat(bytes.parse().unwrap());
        let headers = (0..lines.parse().unwrap()).map(|n| (format!("x-{n}").parse().unwrap(), value.parse().unwrap()));
        headers.collect::<http::HeaderMap>()
    }))
    .await;
    let options = || GateOptions { headers: 10, header_bytes: 1000, ..rig::options(&server) };
    let out = session(options());
    let request = |headers| Request { headers, ..get_request(&server.url("/0/0")) };
    out.send(request(many(10))).await.unwrap();
    assert_eq!(hits(&out), []);
    assert!(matches!(out.send(request(many(11))).await, Err(Error::InvalidRequest(_))));
    assert_eq!(hits(&out), [("http_headers", 1)]);
    let large = vec![("a".to_owned(), "b".repeat(1000))];
    assert!(matches!(out.send(request(large)).await, Err(Error::InvalidRequest(_))));
    assert_eq!(hits(&out), [("http_headers", 1), ("http_header_bytes", 1)]);

    for (path, hit) in [("/9/1", "http_headers"), ("/2/600", "http_header_bytes")] {
        let back = session(options());
        let error = back.send(get_request(&server.url(path))).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge(_)), "{error:?}");
        assert!(hits(&back).contains(&(hit, 1)), "{path}: {:?}", hits(&back));
    }
}

#[tokio::test]
async fn bodies_are_counted_when_they_are_too_large() {
    let server = Server::start(Router::new().fallback(|| async { "x".repeat(100) })).await;
    let bounded = session(GateOptions { request_body: 10, response_body: 99, ..rig::options(&server) });
    assert!(matches!(bounded.send(post(&server.url("/"), "12345678901")).await, Err(Error::RequestTooLarge(_))));
    assert!(matches!(bounded.send(post(&server.url("/"), "1234567890")).await, Err(Error::TooLarge(_))));
    assert_eq!(hits(&bounded), [("http_request_body", 1), ("http_response_body", 1)]);

    let small = gate(rig::options(&server)).session(99);
    assert!(matches!(small.send(get_request(&server.url("/"))).await, Err(Error::TooLarge(_))));
    assert_eq!(hits(&small), [("memory", 1)]);
}

#[tokio::test]
async fn waiting_for_a_turn_counts() {
    let open = Arc::new(Notify::new());
    let door = open.clone();
    let server = Server::start(Router::new().fallback(move || {
        let door = door.clone();
        async move { door.notified().await }
    }))
    .await;
    let session = session(GateOptions { concurrency: 1, ..rig::options(&server) });
    let both = async {
        tokio::join!(session.send(get_request(&server.url("/"))), session.send(get_request(&server.url("/"))))
    };
    let opening = async {
        while hits(&session).is_empty() {
            tokio::task::yield_now().await;
        }
        open.notify_one();
        open.notify_one();
        // The second comes to the door only when the first has gone.
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            open.notify_one();
        }
    };
    let (first, second) = tokio::select! {
        both = both => both,
        () = opening => unreachable!(),
    };
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(hits(&session), [("http_concurrency", 1)]);
}

#[tokio::test]
async fn a_list_whose_requests_wait_for_each_other_counts() {
    let server = echo().await;
    let session = session(GateOptions { concurrency: 2, ..rig::options(&server) });
    for (requests, counted) in [(2, vec![]), (3, vec![("http_concurrency", 1)])] {
        let answers = session.send_all(vec![get_request(&server.url("/")); requests]).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(hits(&session), counted);
    }
}

#[tokio::test]
async fn connections_have_places_and_give_them_back() {
    let (server, closing) = (echo().await, raw("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await);
    let grants = vec![Grant::parse(&server.url("")).unwrap(), Grant::parse(&closing).unwrap()];
    let options = GateOptions {
        connections: 1,
        connect_timeout: Duration::from_millis(300),
        ..GateOptions::new("orders", "orders.toml", grants)
    };
    let session = session(options);
    // Closed ones make room for others.
    for _ in 0..3 {
        session.send(get_request(&closing)).await.unwrap();
    }
    session.send(get_request(&server.url("/"))).await.unwrap();
    session.send(get_request(&server.url("/"))).await.unwrap();
    let before = session.gate.hits().count(Limit::HttpConnections);
    // The one to the server is kept.
    let error = session.send(get_request(&closing)).await.unwrap_err();
    let text = "within 300ms: the connector has 1 open already (limits.http_connections)";
    assert!(matches!(&error, Error::Connect(reason) if reason.ends_with(text)), "{error:?}");
    assert_eq!(session.gate.hits().count(Limit::HttpConnections), before + 1);
    assert_eq!(session.send(get_request(&server.url("/"))).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_sent_keeps_to_the_rate_and_arrives_whole() {
    let server = echo().await;
    let session = session(GateOptions { bytes_per_second: Some(1_000_000), ..rig::options(&server) });
    let answer = session.send(post(&server.url("/"), &"x".repeat(900_000))).await.unwrap();
    assert_eq!((answer.body.as_slice(), hits(&session)), (b"900000".as_slice(), vec![]));
    let answer = session.send(post(&server.url("/"), &"x".repeat(1_050_000))).await.unwrap();
    assert_eq!(answer.body, b"1050000");
    assert!(hits(&session)[0].0 == "bytes_out_per_second", "{:?}", hits(&session));
    assert_eq!(count(&session.gate.stats().bytes_out), 1_950_000);
}

#[tokio::test]
async fn the_ranges_of_one_grant_are_not_another_s() {
    let server = echo().await;
    let grant = |path: &str| Grant::parse(&format!("http://localtest.invalid{path}")).unwrap();
    let inside = grant("/in/").with_addresses(vec!["127.0.0.0/8".parse().unwrap()]);
    let gate = gate(GateOptions::new("orders", "orders.toml", vec![inside, grant("/out/"), grant("/out2/")]));
    assert_eq!(gate.of_grant, [1, 0, 0]);
    let found = vec![server.address];
    let target = Target::of(&"http://localtest.invalid/".parse().unwrap()).unwrap();
    for (grants, allowed) in [(&gate.grants[..1], true), (&gate.grants[1..], false)] {
        assert_eq!(super::super::dial::permit(found.clone(), &target, grants, None).is_ok(), allowed);
    }
}

#[tokio::test]
async fn the_first_byte_has_a_limit_of_its_own() {
    let server = Server::start(Router::new().fallback(|| async { std::future::pending::<()>().await })).await;
    let options = GateOptions {
        connect_timeout: Duration::from_millis(400),
        first_byte_timeout: Duration::from_millis(100),
        ..rig::options(&server)
    };
    let error = session(options).send(get_request(&server.url("/"))).await.unwrap_err();
    let text = format!("no response from `{}` within 500ms (limits.http_first_byte_timeout)", server.url(""));
    assert_eq!(error, Error::Timeout(text));
}
