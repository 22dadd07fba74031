//! Requests to places that are not granted, in every notation, over both of the ways that a guest has to send one.

use danube_wasm_tests::{endpoint::Answer, rig::Rig};
use serde_json::json;

use super::{Bystander, Closed, Row, attempt, expecting, grant, probe};

const DENIED: &str = "ErrorCode::HttpRequestDenied";
const NO_AUTHORITY: &str = "authority: refused";
const NO_PATH: &str = "path: refused";
const NO_HOST: &str = "ErrorCode::InternalError(Some(\"not an absolute URL";

const USER: &str = "ErrorCode::InternalError(Some(\"the URL has a user name in it";
const OTHER_SCHEME: &str = "ErrorCode::HttpProtocolError";

/// A name, a URL, what the contract's import says of it, and what `wasi:http` does. `{e}` is the endpoint, whose `/ingest/` is
/// granted; `{c}` is a port of the machine that is not, `{m}` that of the host's own pages, `{k}` the broker's.
type Destination = (&'static str, &'static str, &'static str, &'static str);

/// The one port in all its clothes.
const ADDRESSES: &[Destination] = &[
    ("plain", "http://127.0.0.1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("as one number", "http://2130706433:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("hexadecimal", "http://0x7f000001:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("hexadecimal parts", "http://0x7f.0x0.0x0.0x1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("octal", "http://017700000001:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("octal parts", "http://0177.0.0.01:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("two parts", "http://127.1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("three parts", "http://127.0.1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("trailing dot", "http://127.0.0.1.:{c}/", "denied: `GET http://127.0.0.1:{c}/`", DENIED),
    ("another loopback address", "http://127.3.2.1:{c}/", "denied: `GET http://127.3.2.1:{c}/`", DENIED),
    ("number too large", "http://4294967297:{c}/", "invalid: not an absolute URL: invalid IPv4", NO_HOST),
    ("zero", "http://0:{c}/", "denied: `GET http://0.0.0.0:{c}/`", DENIED),
    ("unspecified", "http://0.0.0.0:{c}/", "denied: `GET http://0.0.0.0:{c}/`", DENIED),
    ("broadcast", "http://255.255.255.255:{c}/", "denied: `GET http://255.255.255.255:{c}/`", DENIED),
    ("IPv6 loopback", "http://[::1]:{c}/", "denied: `GET http://[::1]:{c}/`", DENIED),
    ("IPv6 unspecified", "http://[::]:{c}/", "denied: `GET http://[::]:{c}/`", DENIED),
    ("IPv4-mapped", "http://[::ffff:127.0.0.1]:{c}/", "denied: `GET http://[::ffff:7f00:1]:{c}/`", DENIED),
    ("IPv4-mapped in hexadecimal", "http://[::ffff:7f00:1]:{c}/", "denied: `GET http://[::ffff:7f00:1]:{c}/`", DENIED),
    ("IPv4-compatible", "http://[::127.0.0.1]:{c}/", "denied: `GET http://[::7f00:1]:{c}/`", DENIED),
    ("IPv4-translated", "http://[::ffff:0:127.0.0.1]:{c}/", "denied: `GET http://[::ffff:0:7f00:1]:{c}/`", DENIED),
    ("NAT64", "http://[64:ff9b::127.0.0.1]:{c}/", "denied: `GET http://[64:ff9b::7f00:1]:{c}/`", DENIED),
    ("6to4", "http://[2002:7f00:1::]:{c}/", "denied: `GET http://[2002:7f00:1::]:{c}/`", DENIED),
    ("Teredo", "http://[2001:0:7f00:1::]:{c}/", "denied: `GET http://[2001:0:7f00:1::]:{c}/`", DENIED),
    ("zone", "http://[fe80::1%lo]:{c}/", "invalid: not an absolute URL: invalid IPv6", NO_HOST),
    ("encoded zone", "http://[fe80::1%25lo]:{c}/", "invalid: not an absolute URL: invalid IPv6", NO_HOST),
    ("future address", "http://[v1.x]:{c}/", "invalid: not an absolute URL: invalid IPv6", NO_HOST),
    ("localhost", "http://localhost:{c}/", "denied: `GET http://localhost:{c}/`", DENIED),
    ("localhost with a dot", "http://localhost.:{c}/", "denied: `GET http://localhost.:{c}/`", DENIED),
    ("localhost in capitals", "http://LOCALHOST:{c}/", "denied: `GET http://localhost:{c}/`", DENIED),
    ("below localhost", "http://a.localhost:{c}/", "denied: `GET http://a.localhost:{c}/`", DENIED),
    ("metadata service", "http://169.254.169.254/", "denied: `GET http://169.254.169.254/`", DENIED),
    ("metadata service as a number", "http://2852039166/", "denied: `GET http://169.254.169.254/`", DENIED),
    ("metadata service, IPv6", "http://[fd00:ec2::254]/", "denied: `GET http://[fd00:ec2::254]/`", DENIED),
    ("metadata service, mapped", "http://[::ffff:a9fe:a9fe]/", "denied: `GET http://[::ffff:a9fe:a9fe]/`", DENIED),
    ("metadata service by name", "http://metadata.google.internal/", "denied: `GET http://metadata.google", DENIED),
    ("the host's own pages", "http://127.0.0.1:{m}/status", "denied: `GET http://127.0.0.1:{m}/status`", DENIED),
    ("the broker", "http://127.0.0.1:{k}/", "denied: `GET http://127.0.0.1:{k}/`", DENIED),
    ("the broker's admin", "http://127.0.0.1:50051/", "denied: `GET http://127.0.0.1:50051/`", DENIED),
];

/// Characters that are mapped to others, and characters that only look like others.
const NAMES: &[Destination] = &[
    ("fullwidth digits", "http://１２７.0.0.1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", NO_AUTHORITY),
    ("ideographic dots", "http://127。0。0。1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", NO_AUTHORITY),
    ("circled digits", "http://①②⑦.0.0.1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", NO_AUTHORITY),
    ("encoded digits", "http://%31%32%37.0.0.1:{c}/", "denied: `GET http://127.0.0.1:{c}/`", NO_AUTHORITY),
    ("soft hyphen", "http://local\u{ad}host:{c}/", "denied: `GET http://localhost:{c}/`", NO_AUTHORITY),
    ("small roman numeral", "http://loca\u{217c}host:{c}/", "denied: `GET http://localhost:{c}/`", NO_AUTHORITY),
    ("Kelvin sign", "http://\u{212a}afka.granted.test/", "denied: `GET http://kafka.granted.test/`", NO_AUTHORITY),
    ("Cyrillic o", "http://l\u{43e}calhost:{c}/", "denied: `GET http://xn--lcalhost-nbh:{c}/`", NO_AUTHORITY),
    ("zero width space", "http://a.granted\u{200b}.test:7/", "denied: `GET http://a.granted.test:7/`", NO_AUTHORITY),
    ("the wildcard's own name", "http://granted.test:8/", "denied: `GET http://granted.test:8/`", DENIED),
    ("a name that ends in it", "http://notgranted.test:8/", "denied: `GET http://notgranted.test:8/`", DENIED),
    (
        "a name that begins with it",
        "http://a.granted.test.evil:8/",
        "denied: `GET http://a.granted.test.evil:8/`",
        DENIED,
    ),
    ("a rooted name", "http://a.granted.test.:8/", "denied: `GET http://a.granted.test.:8/`", DENIED),
    ("an empty label", "http://.granted.test:8/", "denied: `GET http://.granted.test:8/`", DENIED),
    ("a wildcard of the guest's", "http://*:{c}/", "denied: `GET http://*:{c}/`", DENIED),
];

/// Parts of a URL that readers of URLs disagree on.
const URLS: &[Destination] = &[
    ("granted", "http://{e}/ingest/a", "200", "200"),
    ("granted in another notation", "http://0x7f.1:{p}/ingest/a", "200", "200"),
    ("granted with a query", "http://{e}/ingest/a?q=/../../admin", "200", "200"),
    ("a user that looks like the host", "http://{e}@127.0.0.1:{c}/", "invalid: the URL has a user", USER),
    ("a user and a password", "http://u:p@{e}/ingest/a", "invalid: the URL has a user", USER),
    ("an empty user", "http://@{e}/ingest/a", "200", "200"),
    (
        "a host behind a fragment",
        "http://127.0.0.1:{c}#@{e}/ingest/a",
        "denied: `GET http://127.0.0.1:{c}/`",
        NO_AUTHORITY,
    ),
    (
        "a host behind a query",
        "http://127.0.0.1:{c}?@{e}/ingest/a",
        "denied: `GET http://127.0.0.1:{c}/`",
        NO_AUTHORITY,
    ),
    (
        "a host behind a backslash",
        "http://127.0.0.1:{c}\\@{e}/ingest/a",
        "denied: `GET http://127.0.0.1:{c}/@127",
        NO_AUTHORITY,
    ),
    ("slashes too many", "http:////127.0.0.1:{c}/ingest/a", "denied: `GET http://127.0.0.1:{c}/", NO_AUTHORITY),
    ("no slashes", "http:127.0.0.1:{c}/ingest/a", "denied: `GET http://127.0.0.1:{c}/", "url: no scheme"),
    ("no scheme", "//{e}/ingest/a", "invalid: not an absolute URL", "url: no scheme"),
    ("spaces around it", " http://127.0.0.1:{c}/ ", "denied: `GET http://127.0.0.1:{c}/`", "scheme: refused"),
    ("a line end in it", "http://127.0.0.1:{c}/\r\nHost: {e}", "invalid: the URL has control characters", NO_PATH),
    ("a tab in the host", "http://127.0.\t0.1:{c}/", "invalid: the URL has control characters", NO_AUTHORITY),
    ("a NUL in the path", "http://{e}/ingest/\0", "invalid: the URL has control characters", NO_PATH),
    ("port 0", "http://127.0.0.1:0/", "denied: `GET http://127.0.0.1:0/`", DENIED),
    ("a port too large", "http://127.0.0.1:65536/", "invalid: not an absolute URL: invalid port", NO_HOST),
    ("no port", "http://127.0.0.1/ingest/a", "denied: `GET http://127.0.0.1/ingest/a`", DENIED),
    ("the granted port over https", "https://{e}/ingest/a", "denied: `GET https://127.0.0.1:{p}/ingest/a`", DENIED),
    ("a file", "file:///etc/passwd", "invalid: the URL must start with http", NO_AUTHORITY),
    ("a file on a host", "file://localhost/etc/passwd", "invalid: the URL must start with http", OTHER_SCHEME),
    ("ftp", "ftp://{e}/ingest/a", "invalid: the URL must start with http", OTHER_SCHEME),
    ("a web socket", "ws://{e}/ingest/a", "invalid: the URL must start with http", OTHER_SCHEME),
    ("a socket of the system", "unix:///var/run/docker.sock", "invalid: the URL must start with http", NO_AUTHORITY),
    ("gopher", "gopher://127.0.0.1:{c}/_GET%20/", "invalid: the URL must start with http", OTHER_SCHEME),
    ("data", "data:text/plain,hello", "invalid: the URL must start with http", "url: no scheme"),
];

/// The way out of a granted path.
const PATHS: &[Destination] = &[
    ("beside it", "http://{e}/admin", "denied: `GET http://{e}/admin`", DENIED),
    ("nothing", "http://{e}", "denied: `GET http://{e}/`", DENIED),
    ("without the slash", "http://{e}/ingest", "denied: `GET http://{e}/ingest`", DENIED),
    ("in capitals", "http://{e}/INGEST/a", "denied: `GET http://{e}/INGEST/a`", DENIED),
    ("two slashes in front", "http://{e}//ingest/a", "denied: `GET http://{e}//ingest/a`", DENIED),
    ("dots", "http://{e}/ingest/../admin", "denied: `GET http://{e}/admin`", DENIED),
    ("encoded dots", "http://{e}/ingest/%2e%2e/admin", "denied: `GET http://{e}/admin`", DENIED),
    ("half-encoded dots", "http://{e}/ingest/.%2E/admin", "denied: `GET http://{e}/admin`", DENIED),
    (
        "twice encoded dots",
        "http://{e}/ingest/%252e%252e/admin",
        "denied: `GET http://{e}/ingest/%252e%252e/admin`",
        DENIED,
    ),
    ("an encoded slash", "http://{e}/ingest/..%2fadmin", "denied: `GET http://{e}/ingest/..%2fadmin`", DENIED),
    ("a twice encoded slash", "http://{e}/ingest/..%252fadmin", "denied: `GET http://{e}/ingest/..%252fadmin`", DENIED),
    ("a backslash", "http://{e}/ingest/..\\admin", "denied: `GET http://{e}/admin`", DENIED),
    ("an encoded backslash", "http://{e}/ingest/..%5cadmin", "denied: `GET http://{e}/ingest/..%5cadmin`", DENIED),
    ("dots with parameters", "http://{e}/ingest/..;a=b/admin", "denied: `GET http://{e}/ingest/..;a=b/admin`", DENIED),
    ("a NUL, encoded", "http://{e}/ingest/a%00", "denied: `GET http://{e}/ingest/a%00`", DENIED),
    ("out and in again", "http://{e}/admin/../ingest/a", "200", "200"),
];

#[tokio::test]
async fn reaches_only_what_is_granted_in_whatever_notation() {
    let rig = Rig::start().await;
    let (topic, closed, bystander) = (rig.topic().await, Closed::new(), Bystander::new(&rig).await);
    let granted = vec![
        grant(&rig.endpoint.url(), &["POST"], "/report"),
        grant(&rig.endpoint.url(), &["GET"], "/ingest/"),
        "http://*.granted.test:8".into(),
    ];
    let connector = probe(&rig, &topic).set("capabilities.http", granted);
    let host = rig.run(&[connector.clone(), bystander.connector.clone()]).await;

    let endpoint = rig.endpoint.url().replace("http://", "");
    let port = |text: &str| text.rsplit(':').next().unwrap_or_default().to_owned();
    let places = [
        ("{e}", endpoint.clone()),
        ("{p}", port(&endpoint)),
        ("{c}", closed.addr().port().to_string()),
        ("{m}", host.addr().port().to_string()),
        ("{k}", port(rig.broker_url())),
    ];
    let filled = |text: &str| places.iter().fold(text.to_owned(), |text, (mark, place)| text.replace(mark, place));
    let both = |(name, url, contract, wasi): &Destination| {
        let request = json!({ "url": filled(url) });
        [
            Row::new(format!("http, {name}"), json!({ "http": request }), filled(contract)),
            Row::new(format!("wasi:http, {name}"), json!({ "wasi_http": request }), filled(wasi)),
        ]
    };
    let rows: Vec<Row> = [ADDRESSES, NAMES, URLS, PATHS].concat().iter().flat_map(both).collect();
    attempt(&rig, &topic, &rows).await;

    // Nothing came through that no row expects, and all that was denied is counted.
    let requests = rig.endpoint.requests();
    assert!(requests.iter().all(|request| request.path.starts_with("/ingest/") || request.path == "/report"));
    assert_eq!(requests.iter().filter(|request| request.path != "/report").count(), expecting(&rows, "200"));
    let denied = host.count("danube_wasm_http_requests_total", &format!(r#"{}",outcome="denied""#, connector.name()));
    assert_eq!(denied, (expecting(&rows, "denied: ") + expecting(&rows, DENIED)) as f64);
    closed.was_left_alone();
    bystander.goes_on(&rig, &host).await;
    assert_eq!(super::status(&host, &connector).await["phase"], "running");
}

/// The control for the test above: what stands in the way is the grant, and not that nobody understands these notations.
#[tokio::test]
async fn reaches_what_is_granted_in_every_notation() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let granted = vec![grant(&rig.endpoint.url(), &["POST"], "/report"), grant(&rig.endpoint.url(), &["GET"], "/")];
    let _host = rig.run(&[probe(&rig, &topic).set("capabilities.http", granted)]).await;
    let port = rig.endpoint.url().rsplit(':').next().unwrap().to_owned();
    let is_it = |(.., contract, _): &&Destination| contract.contains("GET http://127.0.0.1:{c}/`");
    let row =
        |(name, url, ..): &Destination| Row::new(*name, json!({ "http": { "url": url.replace("{c}", &port) } }), "200");
    let rows: Vec<_> = [ADDRESSES, NAMES].concat().iter().filter(is_it).map(row).collect();
    assert!(rows.len() > 10);
    attempt(&rig, &topic, &rows).await;
}

#[tokio::test]
async fn nobody_follows_where_an_answer_leads() {
    let rig = Rig::start().await;
    let (topic, closed) = (rig.topic().await, Closed::new());
    let granted =
        vec![grant(&rig.endpoint.url(), &["POST"], "/report"), grant(&rig.endpoint.url(), &["GET"], "/ingest/")];
    let _host = rig.run(&[probe(&rig, &topic).set("capabilities.http", granted)]).await;
    let at = closed.addr();
    let answers = [
        (301, "location", format!("http://{at}/")),
        (302, "location", "http://169.254.169.254/latest/meta-data/".to_owned()),
        (303, "location", format!("//{at}/")),
        (307, "location", format!("http://localhost:{}/", at.port())),
        (308, "location", format!("http://[::ffff:127.0.0.1]:{}/", at.port())),
        (305, "location", format!("http://{at}/")),
        (300, "location", format!("http://{at}/")),
        (401, "www-authenticate", format!("Basic realm=\"http://{at}/\"")),
        (407, "proxy-authenticate", format!("Basic realm=\"http://{at}/\"")),
        (200, "refresh", format!("0; url=http://{at}/")),
        (201, "content-location", format!("http://{at}/")),
        (203, "alt-svc", format!("h2=\"{at}\"; ma=60, h3=\"{at}\"; ma=60")),
    ];
    let by_path = answers.clone();
    rig.endpoint.judge(move |request| {
        let answer = by_path.iter().find(|(status, ..)| request.path == format!("/ingest/{status}"));
        answer.map_or(Answer::status(200), |(status, name, value)| Answer::status(*status).header(name, value))
    });
    // Each is asked for twice: the first answer may have changed where the second request goes.
    let rows: Vec<Row> = ["http", "wasi_http", "http", "wasi_http"]
        .iter()
        .enumerate()
        .flat_map(|(round, via)| {
            let url = |status: &u16| format!("{}/ingest/{status}", rig.endpoint.url());
            let row = move |status: &u16, url| {
                Row::new(format!("{via} {status}, {round}"), json!({ *via: { "url": url } }), status.to_string())
            };
            answers
                .iter()
                .map(move |(status, ..)| (status, url(status)))
                .map(move |(status, url)| row(status, url))
                .collect::<Vec<_>>()
        })
        .collect();
    attempt(&rig, &topic, &rows).await;
    assert_eq!(rig.endpoint.requests().iter().filter(|request| request.path != "/report").count(), rows.len());
    closed.was_left_alone();
}
