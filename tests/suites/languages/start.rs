//! Settings that are wrong stop the connector at its start, and the reason says which key.

use super::{
    Language,
    trial::{Trial, URL},
};
use crate::numbered;

pub(super) async fn settings_that_are_wrong_are_named(language: Language) {
    let table = [
        (format!("url = {URL:?}\nurll = 1\n"), "urll"),
        ("health_url = \"http://127.0.0.1:9/health\"\n".to_owned(), "url"),
        ("url = 5\n".to_owned(), "url"),
        (format!("url = {URL:?}\nhealth_url = []\n"), "health_url"),
    ];
    for (settings, key) in table {
        let report = Trial::new(language).await.settings(&settings).records(numbered(1)).run().await;
        assert!(report.stopped().contains(key), "{settings}: {}", report.happened);
        assert_eq!(report.outcomes(), ["unsettled"]);
    }
}
