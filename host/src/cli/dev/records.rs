//! The records that `dev` publishes: made up, or a line each from a file or from standard input.

use std::{io::Read, path::Path};

use anyhow::Context;
use serde_json::value::RawValue;

/// A record to publish, and what must arrive for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) payload: String,
}

impl Record {
    /// What a JSON target receives for this record: the document itself, or the text as a JSON string.
    pub(super) fn as_json(&self) -> String {
        match serde_json::from_str::<&RawValue>(&self.payload) {
            Ok(document) => document.get().to_owned(),
            Err(_) => serde_json::Value::from(self.payload.as_str()).to_string(),
        }
    }
}

/// Orders of an imaginary shop, always the same ones.
pub(super) fn sample(count: usize) -> Vec<Record> {
    const CUSTOMERS: [&str; 5] = ["ada", "grace", "edsger", "barbara", "Zoë"];
    const ITEMS: [&str; 4] = ["teapot", "lamp", "chair", "notebook"];
    let order = |n: usize| {
        let (customer, item) = (CUSTOMERS[n % CUSTOMERS.len()], ITEMS[n % ITEMS.len()]);
        let (quantity, cents) = (n % 3 + 1, (n * 37) % 10_000);
        let payload = format!(
            r#"{{"order":{n},"customer":"{customer}","item":"{item}","quantity":{quantity},"price":{}.{:02}}}"#,
            cents / 100,
            cents % 100
        );
        Record { payload }
    };
    (1..=count).map(order).collect()
}

/// A record a line; empty lines are left out. `-` is standard input.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Record>> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read records from standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read records from {}", path.display()))?;
    }
    let records: Vec<Record> =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| Record { payload: line.to_owned() }).collect();
    anyhow::ensure!(!records.is_empty(), "there are no records in {}: it wants one on each line", path.display());
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_distinct_json_documents() {
        let records = sample(500);
        let distinct: std::collections::HashSet<_> = records.iter().map(|record| &record.payload).collect();
        assert_eq!(distinct.len(), 500);
        for record in &records {
            assert_eq!(record.as_json(), record.payload);
        }
    }

    #[test]
    fn text_arrives_as_a_json_string() {
        assert_eq!(Record { payload: "say \"hi\"".to_owned() }.as_json(), r#""say \"hi\"""#);
    }
}
