//! The HTTP sink as its user would write it without the host: danube-client and reqwest, a batch after the other.

use std::time::Duration;

use anyhow::Context;
use danube_core::message::StreamMessage;

use super::bare::Bare;

/// Posts batches as JSON arrays and acknowledges them, until it is dropped.
#[expect(clippy::disallowed_types, reason = "it is what the host is held against")]
pub(super) async fn run(mut consumer: Bare, url: String, batch: usize) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().build()?;
    loop {
        let messages = consumer.batch(batch, Duration::from_millis(100)).await.context("the consumer has ended")?;
        let request = client.post(format!("{url}/ingest")).header("content-type", "application/json");
        request.body(array(&messages)).send().await?.error_for_status()?;
        consumer.acknowledge(messages);
    }
}

fn array(messages: &[StreamMessage]) -> Vec<u8> {
    let mut body = Vec::with_capacity(messages.iter().map(|message| message.payload.len() + 1).sum::<usize>() + 1);
    for message in messages {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&message.payload);
    }
    body.push(b']');
    body
}
