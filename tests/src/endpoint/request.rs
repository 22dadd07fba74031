//! A request as it came, and the records in it.

use std::{collections::BTreeMap, io::Read};

use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST` and so on.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// By name in lower case; of repeated ones the last.
    pub headers: BTreeMap<String, String>,
    /// The bytes, not decompressed.
    pub body: Bytes,
    /// Whether it was answered with 2xx.
    pub accepted: bool,
}

impl Request {
    pub(super) fn new(head: &hyper::http::request::Parts, body: Bytes) -> Self {
        let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: head.headers.iter().map(header).collect(),
            body,
            accepted: false,
        }
    }

    /// The body as text, decompressed.
    pub fn text(&self) -> String {
        match self.headers.get("content-encoding").map(String::as_str) {
            Some("gzip") => {
                let mut text = String::new();
                GzDecoder::new(&self.body[..]).read_to_string(&mut text).unwrap();
                text
            }
            _ => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    /// The records in it: of an array, of `{"records": [...]}`, of lines of JSON; else the body as one string.
    pub fn records(&self) -> Vec<Value> {
        let text = self.text();
        let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
        match documents {
            Err(_) => vec![Value::from(text)],
            Ok(documents) => documents.into_iter().flat_map(records_in).collect(),
        }
    }
}

fn records_in(document: Value) -> Vec<Value> {
    match document {
        Value::Array(records) => records,
        Value::Object(mut object) => match object.remove("records") {
            Some(Value::Array(records)) => records,
            Some(_) | None => vec![Value::Object(object)],
        },
        single @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => vec![single],
    }
}
