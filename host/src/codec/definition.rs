//! The definition of a schema, out of the JSON that the broker answers around it: `{"Avro": {"raw_schema": "..."}}`. A
//! registry that answers the bare definition is understood as well.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

/// A definition as it was registered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition<'a> {
    pub(super) text: Cow<'a, [u8]>,
    /// Which of a Protobuf file's messages is meant. The broker (0.15.1) says `DefaultMessage` of every file.
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
struct Wrapped {
    #[serde(alias = "raw_proto")]
    raw_schema: String,
    message_name: Option<String>,
}

/// Takes the broker's JSON away, if `answered` is wrapped in it under the name `kind`.
pub(super) fn unwrap<'a>(answered: &'a [u8], kind: &str) -> Definition<'a> {
    let wrapped = serde_json::from_slice::<BTreeMap<String, Wrapped>>(answered).ok();
    match wrapped.and_then(|mut wrapped| wrapped.remove(kind)) {
        Some(Wrapped { raw_schema, message_name }) => {
            Definition { text: raw_schema.into_bytes().into(), message: message_name }
        }
        None => Definition { text: answered.into(), message: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_taken_with_and_without_the_brokers_json() {
        let answered = br#"{"Avro":{"raw_schema":"\"long\"","fingerprint":"sha256:0"}}"#;
        assert_eq!(unwrap(answered, "Avro").text.as_ref(), br#""long""#);
        for bare in [&br#""long""#[..], br#"{"type":"long"}"#, b"{}", b"\xff"] {
            assert_eq!(unwrap(bare, "Avro"), Definition { text: bare.into(), message: None });
        }
        let answered = br#"{"Protobuf":{"raw_proto":"message A {}","message_name":"A","fingerprint":""}}"#;
        let expected = Definition { text: b"message A {}".into(), message: Some("A".to_owned()) };
        assert_eq!(unwrap(answered, "Protobuf"), expected);
    }
}
