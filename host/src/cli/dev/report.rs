//! What `dev` says: what it set up, and in the end what arrived and whether that is what was sent.

use std::collections::{HashMap, HashSet};

use danube_dev_broker::DevBroker;

use super::{
    progress::Outcome,
    receiver::{Arrived, Receiver},
    workbench::Workbench,
};
use crate::cli::{json::Json, records::Record};

/// How many of the first records are shown.
const SHOWN: usize = 3;

/// The text around a run.
pub(super) struct Summary {
    topic: String,
}

/// What was sent, held against what arrived.
#[derive(Debug, Default, PartialEq, Eq)]
struct Comparison {
    arrived: usize,
    missing: Vec<String>,
    changed: Vec<String>,
    repeated: usize,
}

impl Summary {
    /// Says what is set up.
    pub(super) fn begin(
        workbench: &Workbench,
        broker: &DevBroker,
        receiver: &Receiver,
        topic: &str,
        records: usize,
    ) -> Self {
        println!("broker     {} (in memory, for development)", broker.url());
        println!("connector  {} ({})", workbench.config.connector_name, workbench.origin);
        println!("receiver   http://{}", receiver.addr);
        println!("publishing {records} records to {topic}");
        Self { topic: topic.to_owned() }
    }

    /// Says what came of it. `true`: everything that was asked for.
    pub(super) fn finish(
        &self,
        outcome: &Outcome,
        records: &[Record],
        arrived: &Arrived,
        acknowledged: usize,
        expect_arrival: bool,
    ) -> bool {
        let comparison = compare(records, &arrived.records);
        println!("arrived    {} of {} records, in {} requests", comparison.arrived, records.len(), arrived.requests);
        for record in arrived.first.iter().take(SHOWN) {
            println!("           {record}");
        }
        if comparison.repeated > 0 {
            println!("repeated   {} records arrived more than once (delivery is at least once)", comparison.repeated);
        }
        println!("acked      {acknowledged} records by the broker");
        let problem = match outcome {
            Outcome::Complete => None,
            Outcome::Failed(cause) => Some(cause.clone()),
            Outcome::Stuck(patience) => Some(format!("nothing moved for {patience:?}")),
            Outcome::Interrupted => Some("interrupted".to_owned()),
        };
        let problem = problem.or_else(|| expect_arrival.then(|| comparison.problem()).flatten());
        match problem {
            None => {
                let what = if expect_arrival { "arrived exactly as it was published" } else { "was written" };
                println!("ok: every record of {} {what}", self.topic);
                true
            }
            Some(problem) => {
                eprintln!("error: {problem}");
                if expect_arrival && acknowledged > 0 {
                    if arrived.requests == 0 {
                        eprintln!(
                            "help: nothing came to the receiver; for a sink that writes elsewhere use --expect acks"
                        );
                    } else if !comparison.changed.is_empty() {
                        eprintln!("help: for a sink that writes records in a form of its own use --expect acks");
                    }
                }
                false
            }
        }
    }
}

impl Comparison {
    fn problem(&self) -> Option<String> {
        match (self.missing.first(), self.changed.first()) {
            (None, None) => None,
            (Some(missing), Some(changed)) => Some(format!(
                "{} records did not arrive as they were published\n  sent     {missing}\n  arrived  {changed}",
                self.missing.len()
            )),
            (Some(missing), None) => {
                Some(format!("{} records did not arrive, the first: {missing}", self.missing.len()))
            }
            (None, Some(changed)) => {
                Some(format!("{} records arrived that nobody sent, the first: {changed}", self.changed.len()))
            }
        }
    }
}

/// Digit by digit; how a document is spaced, and in which order its keys stand, does not count.
fn compare(records: &[Record], arrived: &HashMap<String, usize>) -> Comparison {
    let mut comparison = Comparison::default();
    let mut sent: HashMap<String, usize> = HashMap::new();
    for record in records {
        *sent.entry(record.as_json()).or_default() += 1;
    }
    // Most arrive to the letter.
    let (known, mut others): (Vec<_>, Vec<_>) = arrived
        .iter()
        .map(|(record, came)| (record.as_str(), *came))
        .partition(|(record, _)| sent.contains_key(*record));
    let known: HashMap<_, _> = known.into_iter().collect();
    let mut respaced: HashMap<String, usize> = HashMap::new();
    for (record, came) in &others {
        *respaced.entry(normal(record)).or_default() += came;
    }
    for (record, times) in &sent {
        let mut came = known.get(record.as_str()).copied().unwrap_or(0);
        if came < *times && !respaced.is_empty() {
            came += respaced.get(&normal(record)).copied().unwrap_or(0);
        }
        comparison.arrived += came.min(*times);
        comparison.repeated += came.saturating_sub(*times);
        comparison.missing.extend((came < *times).then(|| record.clone()));
    }
    if !others.is_empty() {
        let sent: HashSet<_> = sent.keys().map(|record| normal(record)).collect();
        others.retain(|(record, _)| !sent.contains(&normal(record)));
    }
    comparison.changed = others.into_iter().map(|(record, _)| record.to_owned()).collect();
    comparison.missing.sort_unstable();
    comparison.changed.sort_unstable();
    comparison
}

/// The same for all texts of a document.
fn normal(text: &str) -> String {
    Json::parse(text).map_or_else(|| text.to_owned(), |json| json.sorted().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(records: &[&str]) -> Vec<Record> {
        records.iter().map(|record| Record::of_payload((*record).to_owned())).collect()
    }

    fn came(records: &[(&str, usize)]) -> HashMap<String, usize> {
        records.iter().map(|(record, times)| ((*record).to_owned(), *times)).collect()
    }

    #[test]
    fn records_must_arrive_to_the_letter() {
        assert_eq!(compare(&sent(&["1", "2", "2"]), &came(&[("1", 1), ("2", 2)])).problem(), None);
        assert_eq!(compare(&sent(&["1"]), &came(&[("1", 3)])).repeated, 2);
        let spaced = compare(&sent(&[r#"{"a":1,"b":[2,3]}"#]), &came(&[(r#"{"b": [2, 3], "a": 1}"#, 1)]));
        assert_eq!((spaced.arrived, spaced.problem()), (1, None));
        let lost = compare(&sent(&["1", "2"]), &came(&[("1", 1)])).problem().expect("one is missing");
        assert!(lost.contains("1 records did not arrive") && lost.ends_with('2'), "{lost}");
        let changed = compare(&sent(&["1.10"]), &came(&[("1.1", 1)])).problem().expect("a digit is gone");
        assert!(changed.contains("sent     1.10") && changed.contains("arrived  1.1"), "{changed}");
    }
}
