//! Many records in large batches, within the default limit of memory.

use super::{Language, trial::Trial};

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
