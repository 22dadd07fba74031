//! Writing where the endpoint says what becomes of each record: what it remembers outlives instances and hosts.

use std::time::Instant;

use danube_sink::{Batch, Error, Order, Outcomes, Record, Result, http::Request};
use serde::Deserialize;

use super::{Command, Settings, obey};

/// How the endpoint is asked.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// With a request for the batch.
    Batch,
    /// With a request for each record, in order, until one has to be tried again.
    Record,
}

/// Posts records and does what the answer says of each. It is done before the host would end the call.
pub(super) fn write(by: By, settings: &Settings, batch: &Batch) -> Result<Outcomes> {
    let begun = Instant::now();
    let in_order = batch.order() != Order::Any && !settings.ignores_order;
    match by {
        By::Batch => {
            let orders = ask(settings, batch, batch.records(), in_order, begun)?;
            let mut outcomes = Outcomes::written();
            for (index, (record, order)) in batch.iter().zip(orders).enumerate() {
                outcomes.set(index, obey(order, batch, record).map(drop))?;
            }
            Ok(outcomes)
        }
        By::Record => {
            let write = |record: &Record| {
                let orders = ask(settings, batch, std::slice::from_ref(record), in_order, begun)?;
                match orders.into_iter().next() {
                    Some(order) => obey(order, batch, record).map(drop),
                    None => Err(Error::fatal("the endpoint answered for no record")),
                }
            };
            if in_order {
                return batch.process_each(write);
            }
            let mut outcomes = Outcomes::written();
            for (index, record) in batch.iter().enumerate() {
                outcomes.set(index, write(record))?;
            }
            Ok(outcomes)
        }
    }
}

fn ask(settings: &Settings, batch: &Batch, records: &[Record], in_order: bool, begun: Instant) -> Result<Vec<Command>> {
    let Some(url) = &settings.url else { return Err(Error::fatal("a judge needs an url")) };
    let left = (batch.time_limit() * 4 / 5).saturating_sub(begun.elapsed());
    if left.is_zero() {
        return Err(Error::retryable("no time is left in this call").after(left));
    }
    let lines: Vec<String> = records.iter().map(Record::envelope_line).collect();
    let body = format!(r#"{{"in_order":{in_order},"records":[{}]}}"#, lines.join(","));
    let answer = Request::post(format!("{url}/judge")).timeout(left).text(body).send()?.error_for_status()?;
    answer.json().map_err(|error| Error::fatal(format!("the endpoint's orders are unreadable: {error}")))
}
