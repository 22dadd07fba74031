//! Many records in large batches, within the default limit of memory.

use danube_wasm_tests::guests;

use super::{Language, trial::Trial};
use crate::numbered;

const RECORDS: usize = 100_000;
const BATCH: u32 = 1000;

pub(super) async fn a_hundred_thousand_records_in_batches_of_a_thousand(language: Language) {
    let filler = "x".repeat(100);
    let records = (0..RECORDS).map(|n| format!(r#"{{"n":{n},"filler":"{filler}"}}"#));
    let report = Trial::new(language).await.batch_size(BATCH).records(records).run().await;
    let written = report.outcomes().into_iter().filter(|outcome| *outcome == "written").count();
    assert_eq!(written, RECORDS, "{}", report.log);
    let requests = report.happened["http"].as_array().unwrap();
    let bodies = requests.iter().filter_map(|exchange| exchange["request"]["body"].as_array());
    let came: Vec<_> = bodies.flatten().map(|record| record["payload"]["n"].as_u64().unwrap()).collect();
    // Each of them once: a batch that fails would come again.
    assert_eq!(came, (0..RECORDS as u64).collect::<Vec<_>>());
}

/// Heaps grow by megabytes here, in the hands of the host as well, where nothing may call out: Go's runtime once read the clock.
pub(super) async fn large_records_break_nothing(language: Language) {
    let list = vec![format!("{:?}", "x".repeat(50)); 40_000].join(",");
    let records = (0..12).map(|n| format!(r#"{{"n":{n},"list":[{list}]}}"#));
    let report = Trial::new(language).await.records(records).run().await;
    // One that broke the instance has more to say.
    assert_eq!(report.happened["records"], serde_json::json!(vec!["written"; 12]), "{}", report.log);
}

/// It would need a hundred megabytes: without being replaced in time it would crash, and its records would be tried again.
#[tokio::test]
async fn an_instance_that_leaks_is_replaced_before_it_crashes() {
    let trial = Trial::of(guests::GUEST_SCRIPTED.to_owned()).settings("leaks = 1048576\n").memory("16MiB");
    let report = trial.batch_size(BATCH).records(numbered(RECORDS)).run().await;
    let records = report.happened["records"].as_array().unwrap();
    let written = records.iter().filter(|record| *record == "written").count();
    assert_eq!(written, RECORDS, "{}", report.log);
}
