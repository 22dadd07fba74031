//! What becomes of records, by what the target answers.

use serde_json::json;

use super::{Language, trial::Trial};
use crate::numbered;

pub(super) async fn parts_of_a_batch_fail(language: Language) {
    let said = json!([{ "index": 1, "reject": "bad: ü" }, { "index": 2, "retry": "later", "after_ms": 1500 }]);
    let trial = Trial::new(language).await.records(numbered(4)).reply(&json!({ "body": said }));
    let report = trial.run().await;
    assert_eq!(report.outcomes(), ["written", "rejected", "written", "written"]);
    assert_eq!(report.reason(1), "bad: ü");
    assert_eq!(report.retries(2), [json!({ "reason": "later", "after_ms": 1500 })]);
    assert_eq!(report.happened["http"][1]["request"]["body"][0]["attempt"], 2);
    assert_eq!(report.happened["http"][1]["request"]["body"].as_array().unwrap().len(), 1);
}

pub(super) async fn statuses_mean_what_they_mean(language: Language) {
    for (status, outcome) in [(201, "written"), (400, "rejected"), (404, "rejected"), (422, "rejected")] {
        let report = Trial::new(language)
            .await
            .records(numbered(2))
            .reply(&json!({ "status": status, "body": "why" }))
            .run()
            .await;
        assert_eq!(report.outcomes(), [outcome; 2], "{status}");
        assert_eq!(report.reason(0).contains("why") && report.reason(0).contains("400"), status == 400);
    }
    for status in [408, 425, 429, 500, 503, 599] {
        let report = Trial::new(language).await.records(numbered(2)).reply(&json!({ "status": status })).run().await;
        assert_eq!(report.outcomes(), ["written"; 2], "{status}");
        let reason = report.retries(1)[0]["reason"].to_string();
        assert!(reason.contains(&status.to_string()), "{reason}");
    }
    for status in [401, 407] {
        let reply = json!({ "status": status, "body": "why" });
        let report = Trial::new(language).await.records(numbered(1)).reply(&reply).run().await;
        assert!(report.stopped().contains(&format!("status {status}: why")), "{}", report.happened);
    }
    let moved = json!({ "status": 302, "headers": { "location": "http://127.0.0.1:9/there" } });
    let report = Trial::new(language).await.records(numbered(1)).reply(&moved).run().await;
    assert!(report.stopped().contains("http://127.0.0.1:9/there"), "{}", report.happened);
}

/// Where the engine has `fetch` and waits for promises.
pub(super) async fn fetch_is_waited_for(language: Language) {
    let records = ["{}", r#"{"fetch":true}"#, "{}", "{}"];
    let said = json!([{ "index": 1, "reject": "bad: ü" }, { "index": 2, "retry": "later" }]);
    let trial = Trial::new(language).await.records(records);
    let trial = trial.reply(&json!({ "status": 503, "body": "busy" })).reply(&json!({ "body": said }));
    let report = trial.run().await;
    assert_eq!(report.outcomes(), ["written", "rejected", "written", "written"], "{}", report.log);
    assert_eq!((report.reason(1), report.retries(2).len()), ("bad: ü", 2));
    assert_eq!(report.retries(3), [json!({ "reason": "fetch: status 503: busy" })]);
}

pub(super) async fn a_pause_is_asked_for(language: Language) {
    let busy = json!({ "status": 503, "headers": { "retry-after": "7" }, "body": "busy" });
    let report = Trial::new(language).await.records(numbered(2)).reply(&busy).run().await;
    assert_eq!(report.outcomes(), ["written"; 2]);
    let retry = &report.retries(0)[0];
    assert_eq!(retry["after_ms"], 7000, "{retry}");
    assert!(retry["reason"].as_str().unwrap().contains("503") && retry["reason"].as_str().unwrap().contains("busy"));
}

pub(super) async fn an_unreachable_target_is_tried_again(language: Language) {
    for failure in ["refused", "unresolved", "reset", "timeout"] {
        let report = Trial::new(language).await.records(numbered(2)).reply(&json!({ "failure": failure })).run().await;
        assert_eq!(report.outcomes(), ["written"; 2], "{failure}: {}", report.log);
        let reason = report.retries(0)[0]["reason"].to_string();
        assert!(reason.contains("http://127.0.0.1:9"), "{failure}: {reason}");
    }
    let trial = Trial::new(language).await.records(numbered(2));
    let report = (0..10).fold(trial, |trial, _| trial.reply(&json!({ "failure": "refused" }))).run().await;
    assert_eq!(report.outcomes(), ["retry"; 2]);
    assert!(report.parked().contains("http://127.0.0.1:9"), "{}", report.happened);
}

pub(super) async fn what_is_not_granted_is_fatal(language: Language) {
    let trial = Trial::new(language).await.settings("url = \"http://127.0.0.1:10/in\"\n").records(numbered(2));
    let report = trial.run().await;
    assert_eq!(report.outcomes(), ["unsettled"; 2]);
    assert!(!report.stopped().is_empty(), "{}", report.happened);
    assert!(report.log.contains("http://127.0.0.1:10"), "the log says what was refused: {}", report.log);
}
