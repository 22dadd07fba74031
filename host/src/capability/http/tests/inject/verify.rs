//! The service's side of AWS Signature Version 4, written after the documentation and not after the crate.

use std::fmt::Write as _;

use axum::{extract::Request as Incoming, http::HeaderName};
use sha2::{Digest, Sha256};

use super::KEY;

/// `good` or `unsigned`, with the length of the body; else what does not hold.
pub(super) async fn check(request: Incoming) -> String {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| {
        let values: Vec<_> = head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        match (name, values.as_slice()) {
            // Of HTTP/2.
            ("host", []) => head.uri.authority().unwrap().to_string(),
            _ => values.join(","),
        }
    };
    let authorization = header("authorization");
    let [credential, names, signature] = ["Credential=", "SignedHeaders=", "Signature="].map(|part| {
        let rest = authorization.split_once(part).unwrap().1;
        rest.split(',').next().unwrap().to_owned()
    });
    let scope: Vec<&str> = credential.split('/').collect();
    let [_, day, region, service, "aws4_request"] = scope[..] else { return format!("bad scope {scope:?}") };
    let required = ["host", "x-amz-date", "x-amz-security-token"].into_iter();
    let sent = head.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    for name in required.chain(sent) {
        if !names.split(';').any(|signed| signed == name) {
            return format!("{name} is not signed");
        }
    }

    let hash = match header("x-amz-content-sha256").as_str() {
        "" if service != "s3" => hex::encode(Sha256::digest(&body)),
        "UNSIGNED-PAYLOAD" => "UNSIGNED-PAYLOAD".into(),
        hash if hash == hex::encode(Sha256::digest(&body)) => hash.to_owned(),
        other => return format!("the body does not have the hash `{other}`"),
    };
    let path = match service {
        "s3" => encoded(&decoded(head.uri.path()), "/"),
        _ => encoded(head.uri.path().as_bytes(), "/"),
    };
    let mut query: Vec<String> = Vec::new();
    for pair in head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        query.push(format!("{}={}", encoded(&decoded(name), ""), encoded(&decoded(value), "")));
    }
    query.sort();
    let lines: String = names.split(';').map(|name| format!("{name}:{}\n", header(name))).collect();
    let canonical = format!("{}\n{path}\n{}\n{lines}\n{names}\n{hash}", head.method, query.join("&"));

    let digest = hex::encode(Sha256::digest(&canonical));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{}\n{day}/{region}/{service}/aws4_request\n{digest}", header("x-amz-date"));
    let mut key = format!("AWS4{KEY}").into_bytes();
    for part in [day, region, service, "aws4_request", &to_sign] {
        key = hmac(&key, part.as_bytes());
    }
    if hex::encode(key) != signature {
        return format!("the signature does not hold for\n{canonical}");
    }
    let kind = if hash == "UNSIGNED-PAYLOAD" { "unsigned" } else { "good" };
    format!("{kind} {}", body.len())
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |byte: u8| block.map(|key| key ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn encoded(bytes: &[u8], kept: &str) -> String {
    let mut text = String::new();
    for byte in bytes {
        let char = char::from(*byte);
        if char.is_ascii_alphanumeric() || "-._~".contains(char) || kept.contains(char) {
            text.push(char);
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
    }
    text
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| hex::decode(code).ok());
        match code {
            Some(code) => {
                bytes.extend(code);
                rest = &tail[2..];
            }
            None => bytes.push(*first),
        }
    }
    bytes
}
