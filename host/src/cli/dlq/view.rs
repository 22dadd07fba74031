//! A dead letter as people and as machines read it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::filter::stage;
use crate::broker::{Letter, header};

/// How much of a reason a line shows.
const LONGEST_REASON: usize = 200;

/// The names of the columns of [`line`].
pub(super) fn heading() -> String {
    columns(["TIME", "RECORD", "STAGE", "TRIES", "CONNECTOR", "REASON"])
}

/// One line.
pub(super) fn line(letter: &Letter) -> String {
    let mut reason = one_line(letter.header(header::REASON).unwrap_or("-"));
    if let Some((cut, _)) = reason.char_indices().nth(LONGEST_REASON) {
        reason.truncate(cut);
        reason.push_str("...");
    }
    columns([
        &letter.time_text(),
        &one_line(&position(letter)),
        stage(letter).unwrap_or("-"),
        letter.header(header::ATTEMPT).unwrap_or("-"),
        &one_line(letter.header(header::CONNECTOR).unwrap_or("-")),
        &reason,
    ])
}

fn columns([time, record, stage, tries, connector, reason]: [&str; 6]) -> String {
    format!("{time:<24}  {record:<32}  {stage:<7}  {tries:<5}  {connector:<20}  {reason}")
}

/// Where the record came from: `/namespace/topic@offset`.
pub(super) fn position(letter: &Letter) -> String {
    match letter.header(header::TOPIC) {
        Some(topic) => format!("{topic}@{}", letter.header(header::OFFSET).unwrap_or("?")),
        None => "-".to_owned(),
    }
}

/// The payload in one line.
pub(super) fn payload(letter: &Letter) -> String {
    match std::str::from_utf8(&letter.content.payload) {
        Ok(text) => one_line(text),
        Err(_) => format!("base64:{}", BASE64_STANDARD.encode(&letter.content.payload)),
    }
}

/// Everything. `topic` is the dead-letter topic.
pub(super) fn object(letter: &Letter, topic: &str) -> Value {
    let (original_topic, partition) = letter.original_topic().unzip();
    let number = |name| letter.header(name).and_then(|text| text.parse::<u64>().ok());
    let attributes: BTreeMap<_, _> = letter.attributes().collect();
    let headers: BTreeMap<_, _> = header::ALL.iter().filter_map(|name| Some((*name, letter.header(name)?))).collect();
    let mut object = json!({
        "time": letter.time_text(),
        "dead_letter": { "topic": topic, "offset": letter.offset() },
        "topic": original_topic,
        "partition": partition.flatten(),
        "offset": number(header::OFFSET),
        "subscription": letter.header(header::SUBSCRIPTION),
        "stage": stage(letter),
        "attempts": number(header::ATTEMPT),
        "connector": letter.header(header::CONNECTOR),
        "reason": letter.header(header::REASON),
        "routing_key": letter.content.routing_key,
        "schema_id": letter.content.schema_id,
        "schema_version": letter.content.schema_version,
        "attributes": attributes,
        "headers": headers,
    });
    let (name, payload) = match std::str::from_utf8(&letter.content.payload) {
        Ok(text) => ("payload", text.to_owned()),
        Err(_) => ("payload_base64", BASE64_STANDARD.encode(&letter.content.payload)),
    };
    object[name] = payload.into();
    object
}

/// Strangers' text must neither break the table nor steer the terminal.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        assert_eq!(one_line("a\nb\u{1b}[2Jé"), "a\\nb\\u{1b}[2Jé");
    }
}
