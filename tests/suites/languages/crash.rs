//! Errors that nobody foresaw: never a success, never without a word, and one bad record costs one record.

use super::{Language, Unexpected, trial::Trial};

/// So many records, of which some do this.
fn records(count: usize, bad: &[usize], what: &str) -> Vec<String> {
    let record = |n: usize| match bad.contains(&n) {
        true => format!(r#"{{"n":{n},"{what}":true}}"#),
        false => format!(r#"{{"n":{n}}}"#),
    };
    (0..count).map(record).collect()
}

pub(super) async fn an_unexpected_error_costs_one_record(language: Language) {
    let report = Trial::new(language).await.records(records(20, &[13], "crash")).run().await;
    let mut outcomes = report.outcomes();
    let bad = outcomes.remove(13);
    assert_eq!(outcomes, ["written"; 19], "{}", report.log);
    assert!(report.log.contains("told to crash"), "its words are in the log: {}", report.log);
    match language.error {
        Unexpected::Outcome => {
            assert_eq!(bad, "retry");
            assert!(report.reason(13).contains("told to crash"), "{}", report.happened);
        }
        Unexpected::Crash => {
            assert_eq!(bad, "rejected");
            assert!(report.reason(13).contains("crash"), "{}", report.happened);
        }
    }
}

pub(super) async fn an_error_in_every_record_loses_none(language: Language) {
    let report = Trial::new(language).await.records(records(3, &[0, 1, 2], "crash")).run().await;
    match language.error {
        Unexpected::Outcome => {
            assert_eq!(report.outcomes(), ["retry"; 3], "{}", report.log);
            assert!(report.parked().contains("told to crash"), "{}", report.happened);
        }
        // The host finds each of them out.
        Unexpected::Crash => assert_eq!(report.outcomes(), ["rejected"; 3], "{}", report.log),
    }
}

pub(super) async fn a_promise_is_no_success(language: Language) {
    let report = Trial::new(language).await.records(records(20, &[7], "promise")).run().await;
    let mut outcomes = report.outcomes();
    assert_eq!(outcomes.remove(7), "retry", "{}", report.log);
    assert_eq!(outcomes, ["written"; 19], "{}", report.log);
}
