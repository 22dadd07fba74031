//! Secrets, from the operator's file to the endpoint and nowhere else.

use danube_wasm_tests::{
    endpoint::Request,
    process::{Process, Signal, get},
    rig::{CACHE, Connector, Rig},
};
use toml::{Table, Value};

use crate::{COMMAND, distinct_numbers, numbered};

/// What the host adds, and what the guest is given.
const VARIABLES: [(&str, &str); 3] =
    [("INJECTED", "injected-secret"), ("HANDED", "handed-secret"), ("AWS_KEY", "signing-secret")];

/// Everything of all that handles requests. The compiler's own traces would take minutes.
const LOGGED: &str = "info,danube_wasm=trace,hyper=trace,hyper_util=trace,h2=trace,rustls=trace,wasmtime_wasi=trace,\
                      wasmtime_wasi_http=trace,aws_sigv4=trace";

fn entry(keys: &[(&str, &str)]) -> Value {
    Value::Table(keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect::<Table>())
}

/// The `http` sink with a secret in its settings; the host adds one, and signs what goes to `/s3`.
fn secretive(rig: &Rig, connector: Connector) -> Connector {
    let (url, signed) = (rig.endpoint.url(), format!("{}/s3", rig.endpoint.url()));
    let header = [("url", url.as_str()), ("header", "Authorization"), ("value", "Bearer ${env:INJECTED}")];
    let signature = [
        ("url", signed.as_str()),
        ("sign", "aws-sigv4"),
        ("service", "s3"),
        ("region", "eu-central-1"),
        ("access_key_id", "AKIDEXAMPLE"),
        ("secret_access_key", "${env:AWS_KEY}"),
    ];
    connector
        .set("capabilities.http_headers", vec![entry(&header), entry(&signature)])
        .set("settings.headers", entry(&[("x-own", "${env:HANDED}")]))
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).map_or("", String::as_str)
}

#[tokio::test]
async fn secrets_reach_the_endpoint_and_show_nowhere_else() {
    let rig = Rig::start().await;
    let topics = [rig.topic().await, rig.topic().await];
    let plain = secretive(&rig, rig.http(&topics[0]));
    let signed = secretive(&rig, rig.http(&topics[1])).set("settings.url", format!("{}/s3/a=b", rig.endpoint.url()));
    let files = [rig.write(&plain), rig.write(&signed)];
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    let args = ["run", "--listen", "127.0.0.1:0", "--cache-dir", CACHE, "--log-level", LOGGED, files[0], files[1]];
    let host = Process::start_with(COMMAND, rig.folder(), &args, &VARIABLES, "");
    let addr = host.until_ready().await;
    rig.publish(&topics[0], numbered(3)).await;
    rig.publish(&topics[1], numbered(6).split_off(3)).await;
    let records = rig.endpoint.until_records(6).await;
    assert_eq!(distinct_numbers(&records), Vec::from_iter(0..6));
    for request in rig.endpoint.requests() {
        let added = header(&request, "authorization");
        if request.path.starts_with("/s3") {
            assert!(added.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{added}");
        } else {
            assert_eq!(added, "Bearer injected-secret");
        }
        assert_eq!(header(&request, "x-own"), "handed-secret");
    }

    let pages = [get(&addr, "/status").await, get(&addr, "/metrics").await];
    host.signal(Signal::Term).await;
    let ran = host.end().await;
    let args = ["check", "--print-config", files[0], files[1]];
    let checked = Process::start_with(COMMAND, rig.folder(), &args, &VARIABLES, "").end().await;
    assert!(ran.stderr.contains("TRACE") && checked.stdout.contains("<redacted>"), "{}", checked.stdout);
    assert!(pages.iter().all(|page| page.contains(plain.name())), "{pages:?}");
    for shown in [&ran.stdout, &ran.stderr, &checked.stdout, &checked.stderr, &pages[0], &pages[1]] {
        for secret in VARIABLES.iter().map(|(_, secret)| *secret).chain(["AWS4-HMAC-SHA256"]) {
            assert_eq!(shown.lines().find(|line| line.contains(secret)), None);
        }
    }
}

#[tokio::test]
async fn a_guest_can_not_set_what_the_host_adds() {
    let rig = Rig::start().await;
    let topic = rig.topic().await;
    let header = [("url", rig.endpoint.url()), ("header", "X-Tenant".into()), ("value", "theirs".into())];
    let header = header.each_ref().map(|(key, value): &(&str, String)| (*key, value.as_str()));
    let forging = rig
        .http(&topic)
        .set("capabilities.http_headers", vec![entry(&header)])
        .set("settings.headers", entry(&[("x-tenant", "mine")]));
    let host = rig.run(std::slice::from_ref(&forging)).await;
    rig.publish(&topic, numbered(1)).await;
    let cause = host.until_failed(&forging).await;
    assert!(cause.contains("the header `x-tenant` is set by the host for this URL"), "{cause}");
    assert!(rig.endpoint.requests().is_empty());
}
