//! The contract's `http` import from inside a guest.

use std::future::pending;

use axum::{Router, extract::Request};
use tokio::net::TcpListener;

use super::*;

/// Posts `body` to the URL that its settings are. The response's text becomes a rejection, an error's text is fatal, but
/// for too large a request it is retryable.
fn sender(body: &str) -> Core {
    let strings = vec![(3000, b"POST".to_vec()), (3004, body.as_bytes().to_vec())];
    let length = body.len();
    let call = format!(
        r"(call $send (i32.const 3000) (i32.const 4)
            (global.get $settings) (global.get $settings_len)
            (i32.const 0) (i32.const 0)
            (i32.const 1) (i32.const 0) (i32.const 3004) (i32.const {length})
            (i32.const 0) (i32.const 0)
            (i32.const 3200))
        (i32.store8 (i32.const 2048) (i32.const 1))
        (if (i32.load8_u (i32.const 3200))
            (then
                (i32.store8 offset=4 (i32.const 2048)
                    (select (i32.const 0) (i32.const 2) (i32.eq (i32.load8_u offset=4 (i32.const 3200)) (i32.const 2))))
                (i64.store offset=8 align=4 (i32.const 2048) (i64.load offset=8 align=4 (i32.const 3200))))
            (else
                (i32.store8 offset=4 (i32.const 2048) (i32.const 1))
                (i64.store offset=8 align=4 (i32.const 2048) (i64.load offset=20 align=4 (i32.const 3200)))))
        (i32.const 2048)"
    );
    Core { imports: SEND, data: strings, ..Core::processing(call) }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

async fn outcome(url: &str, body: &str, grants: Vec<Grant>, deadline: Option<Duration>) -> Error {
    let options = InstanceOptions { settings: url.into(), ..options(grants) };
    let mut instance = Instance::start(&compiled(&sender(body)).await, &options).await.unwrap();
    instance.process_batch(&batch(&["a"]), deadline).await.unwrap_err()
}

#[tokio::test]
async fn a_guest_sends_what_it_is_granted() {
    let echo = |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body))
    };
    let url = serve(Router::new().fallback(echo)).await;
    let answered = outcome(&url, "body", vec![Grant::parse(&url).unwrap()], None).await;
    assert!(matches!(&answered, Error::Rejected { reason } if reason == "POST /in body"), "{answered:?}");

    let denied = outcome(&url, "body", vec![], None).await;
    let Error::Fatal { reason } = &denied else { panic!("{denied:?}") };
    assert!(reason.starts_with(&format!("`POST {url}` is not granted to connector `orders`")), "{reason}");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_told_from_an_invalid_one() {
    let grants = || vec![Grant::parse("http://127.0.0.1:1").unwrap()];
    let large = outcome("http://127.0.0.1:1/", "123456789", grants(), None).await;
    let expected = "the body of the request is larger than 8 bytes";
    assert!(matches!(&large, Error::Retryable { reason, .. } if reason == expected), "{large:?}");
    // The limit itself goes out, to a port where nobody listens.
    let fits = outcome("http://127.0.0.1:1/", "12345678", grants(), None).await;
    assert!(matches!(&fits, Error::Fatal { reason } if reason.contains("no connection to")), "{fits:?}");
    let invalid = outcome("nowhere", "", grants(), None).await;
    assert!(matches!(&invalid, Error::Fatal { .. }), "{invalid:?}");
    let denied = outcome("http://127.0.0.1:2/", "123456789", grants(), None).await;
    assert!(matches!(&denied, Error::Fatal { reason } if reason.contains("not granted")), "{denied:?}");
}

#[tokio::test]
async fn the_deadline_covers_what_the_host_does_for_the_guest() {
    let url = serve(Router::new().fallback(|| async { pending::<()>().await })).await;
    let late = outcome(&url, "body", vec![Grant::parse(&url).unwrap()], Some(Duration::from_millis(100))).await;
    assert!(matches!(late, Error::Deadline { limit, .. } if limit.as_millis() == 100), "{late:?}");
}
