//! The examples that AWS publishes: "Create a signed AWS API request" (IAM) and "Signature Calculations for the
//! Authorization Header" (S3).

use std::time::{Duration, SystemTime};

use super::*;
use crate::capability::http::message;

/// Names and values.
type Given<'a> = &'a [(&'a str, &'a str)];

/// 2013-05-24T00:00:00Z and 2015-08-30T12:36:00Z.
const S3_TIME: Duration = Duration::from_secs(1_369_353_600);
const IAM_TIME: Duration = Duration::from_secs(1_440_938_160);

fn signer(service: &str, (id, key): (&str, &str)) -> Signer {
    let keys = Keys { access_key_id: id.into(), secret_access_key: key.into(), session_token: None };
    Signer::new(service, "us-east-1", keys)
}

/// The signature of a request as a guest gives it, after the URL parser.
fn signed(signer: &Signer, at: Duration, line: &str, given: Given<'_>, body: &str) -> HeaderMap {
    let (method, url) = line.split_once(' ').unwrap();
    let uri = message::uri(message::url(url).unwrap()).unwrap();
    let given = given.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    let mut headers: HeaderMap = given.collect();
    let payload = Payload::Whole(body.as_bytes());
    signer.sign(&method.parse().unwrap(), &uri, &mut headers, payload, SystemTime::UNIX_EPOCH + at).unwrap();
    headers
}

fn authorization(headers: &HeaderMap) -> (&str, &str) {
    let value = headers["authorization"].to_str().unwrap();
    let (head, signature) = value.rsplit_once(", Signature=").unwrap();
    (head.split_once("SignedHeaders=").unwrap().1, signature)
}

#[test]
fn iam_list_users() {
    let signer = signer("iam", ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let url = "GET https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
    let headers = signed(&signer, IAM_TIME, url, &form, "");
    assert_eq!(
        headers["authorization"],
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
    assert_eq!(headers["x-amz-date"], "20150830T123600Z");
    assert!(!headers.contains_key("x-amz-content-sha256"));
    assert!(headers["authorization"].is_sensitive());
}

#[test]
fn s3_objects_and_buckets() {
    let signer = signer("s3", ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
    let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
    let table: [(&str, Given<'_>, &str, &str, &str); 4] = [
        (
            "GET https://examplebucket.s3.amazonaws.com/test.txt",
            &[("range", "bytes=0-9")],
            "",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT https://examplebucket.s3.amazonaws.com/test$file.text",
            &put,
            "Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET https://examplebucket.s3.amazonaws.com/?lifecycle",
            &[],
            "",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            &[],
            "",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ];
    for (line, given, body, names, signature) in table {
        let headers = signed(&signer, S3_TIME, line, given, body);
        assert_eq!(authorization(&headers), (names, signature), "{line}");
    }
}

#[test]
fn an_s3_path_is_signed_as_s3_makes_it_out_and_others_are_encoded_twice() {
    let keys = ("AKIDEXAMPLE", "key");
    let signature = |service, path: &str| {
        let line = format!("GET https://x.example{path}");
        authorization(&signed(&signer(service, keys), S3_TIME, &line, &[], "")).1.to_owned()
    };
    assert_eq!(signature("s3", "/day=1/a(b)"), signature("s3", "/day%3D1/a%28b%29"));
    assert_eq!(signature("s3", "/%41%2d"), signature("s3", "/A-"));
    assert_ne!(signature("s3", "/a//b"), signature("s3", "/a/b"));
    assert_ne!(signature("es", "/day=1"), signature("es", "/day%3D1"));
    assert_eq!(signature("es", "/a//b"), signature("es", "/a/b"));
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let token = Some("session".into());
    let keys = Keys { access_key_id: "AKID".into(), secret_access_key: "key".into(), session_token: token };
    let signer = Signer::new("s3", "us-east-1", keys);
    let headers = signed(&signer, S3_TIME, "GET https://x.example/", &[], "");
    assert_eq!(authorization(&headers).0, "host;x-amz-content-sha256;x-amz-date;x-amz-security-token");
    assert_eq!(headers["x-amz-security-token"], "session");
    assert!(!format!("{headers:?} {signer:?}").contains("session"), "{headers:?} {signer:?}");
}
