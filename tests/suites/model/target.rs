//! The model's target: it decides what becomes of each record, so that this outlives guests and hosts. What it writes it
//! writes at the moment when the request has come, whatever becomes of the answer.

use std::{collections::HashSet, time::Duration};

use danube_wasm_tests::endpoint::{Answer, Request};
use serde::Deserialize;

use super::{
    ledger::{Entry, Ledger, Outage, Partition, Row, place},
    schedule::Fate,
};

/// What the guest posts.
#[derive(Deserialize)]
struct Asked {
    in_order: bool,
    records: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    partition: Partition,
    offset: u64,
}

/// What the guest is told to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Written,
    Later { after_ms: Option<u64> },
    Reject,
    Panic,
    Allocate,
    Spin,
}

/// How the answer comes.
#[derive(Default)]
struct Delivery {
    delay: Duration,
    lost: bool,
}

/// Longer than any guest waits.
const SILENCE: Duration = Duration::from_secs(60);

impl Ledger {
    /// Answers a request.
    pub(super) fn judge(&mut self, request: &Request) -> Answer {
        match self.outage {
            Some(Outage::Unavailable) => return Answer::status(503),
            Some(Outage::Broken | Outage::Down) => return Answer::broken(),
            Some(Outage::Silent) => return Answer::broken().after(SILENCE),
            None if request.path == "/health" => return Answer::status(200),
            None => self.requests += 1,
        }
        let Asked { in_order, records } = serde_json::from_slice(&request.body).unwrap();
        let (mut held_up, mut delivery) = (HashSet::new(), Delivery::default());
        let mut orders = Vec::new();
        for Line { partition, offset } in records {
            let row = self.row(partition, offset);
            // A record waits for those before it that will be written yet.
            let order = match in_order && held_up.contains(&row) {
                true => Order::Later { after_ms: None },
                false => self.order(&row, offset, &mut delivery),
            };
            if matches!(order, Order::Later { .. }) || (order == Order::Panic && self.is_good(partition, offset)) {
                held_up.insert(row);
            }
            orders.push(order.text());
        }
        let Delivery { delay, lost } = delivery;
        let answer = if lost { Answer::broken() } else { Answer::status(200).body(&format!("[{}]", orders.join(","))) };
        answer.after(delay)
    }

    fn is_good(&mut self, partition: Partition, offset: u64) -> bool {
        self.entry(partition, offset).is_some_and(|entry| !entry.fate.is_bad())
    }

    /// Decides for one record, and writes it if that is the decision.
    fn order(&mut self, row: &Row, offset: u64, delivery: &mut Delivery) -> Order {
        let partition = row.0;
        let Some(entry) = self.entry(partition, offset) else {
            self.violations.push(format!("{} came to the target and was never published", place(partition, offset)));
            return Order::Written;
        };
        let order = entry.next(delivery);
        if order == Order::Written {
            entry.writes += 1;
            self.note(partition, offset, "written");
            self.rows.entry(row.clone()).or_default().push(offset);
        } else {
            self.note(partition, offset, "refused");
        }
        order
    }
}

impl Entry {
    /// What its fate is this time.
    fn next(&mut self, delivery: &mut Delivery) -> Order {
        self.asked += 1;
        match self.fate {
            Fate::Later { times, after_ms } if self.asked <= times => return Order::Later { after_ms },
            Fate::PanicOnce if self.asked == 1 => return Order::Panic,
            Fate::Reject => return Order::Reject,
            Fate::Panic => return Order::Panic,
            Fate::Allocate => return Order::Allocate,
            Fate::Spin => return Order::Spin,
            Fate::Slow { ms } if self.asked == 1 => delivery.delay = delivery.delay.max(Duration::from_millis(ms)),
            Fate::AnswerLost if self.asked == 1 => delivery.lost = true,
            Fate::Written | Fate::Later { .. } | Fate::PanicOnce | Fate::Slow { .. } | Fate::AnswerLost => {}
        }
        Order::Written
    }
}

impl Order {
    /// As the guest reads it.
    fn text(self) -> String {
        match self {
            Self::Written => r#"{"do":"written"}"#.to_owned(),
            Self::Later { after_ms: None } => r#"{"do":"later"}"#.to_owned(),
            Self::Later { after_ms: Some(pause) } => format!(r#"{{"do":"later","after_ms":{pause}}}"#),
            Self::Reject => r#"{"do":"reject"}"#.to_owned(),
            Self::Panic => r#"{"do":"panic"}"#.to_owned(),
            Self::Allocate => r#"{"do":"allocate"}"#.to_owned(),
            Self::Spin => r#"{"do":"spin"}"#.to_owned(),
        }
    }
}
