//! What sinks do in every language: one suite over the guests `echo-http`, of which there is one for each SDK. Each is built
//! by its own `build.sh`, as an author would build it.

mod built;
mod crash;
mod load;
mod outcomes;
mod payloads;
mod running;
mod start;
mod trial;

use danube_wasm_tests::rig::{Connector, Rig, Topic};

/// A guest of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Language {
    /// As in `echo-http-<folder>`.
    folder: &'static str,
    /// Of those that its folder can be built for. Empty: it has one.
    engine: &'static str,
    /// What installs its toolchain. Empty: Rust alone does.
    tool: &'static str,
    /// What an unexpected error does: it is an outcome with its text, or a crash of the instance.
    error: Unexpected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unexpected {
    Outcome,
    Crash,
}

/// A test for each behaviour, named after the language and the behaviour.
macro_rules! language {
    ($name:ident: $folder:literal $engine:literal by $tool:literal, $error:ident $(, $file:ident: $more:ident)*) => {
        mod $name {
            use super::{Language, Unexpected};

            pub(super) const LANGUAGE: Language =
                Language { folder: $folder, engine: $engine, tool: $tool, error: Unexpected::$error };

            language!(@tests payloads: every_kind_arrives, unicode_arrives, empty_and_large_payloads_arrive,
                integers_keep_their_digits, all_that_is_known_of_a_record_arrives, order_is_told);
            language!(@tests outcomes: parts_of_a_batch_fail, statuses_mean_what_they_mean, a_pause_is_asked_for,
                an_unreachable_target_is_tried_again, what_is_not_granted_is_fatal);
            language!(@tests start: settings_that_are_wrong_are_named);
            language!(@tests crash: an_unexpected_error_costs_one_record, an_error_in_every_record_loses_none);
            $(language!(@tests $file: $more);)*
            language!(@tests running: an_outage_loses_nothing, it_says_goodbye);
            language!(@tests load: a_hundred_thousand_records_in_batches_of_a_thousand, large_records_break_nothing);
        }
    };
    (@tests $file:ident: $($behaviour:ident),*) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                super::$file::$behaviour(LANGUAGE).await;
            }
        )*
    };
}

language!(rust: "rust" "" by "", Crash);
language!(python: "python" "" by "python", Outcome);
language!(js_quickjs: "js" "qjs" by "js", Outcome, crash: a_promise_is_no_success);
language!(js_starlingmonkey: "js" "starling" by "js", Outcome, crash: a_promise_is_no_success,
    outcomes: fetch_is_waited_for);
language!(ts: "ts" "" by "js", Outcome, crash: a_promise_is_no_success);
language!(go: "go" "" by "go", Outcome);
language!(c: "c" "" by "c", Crash);

const ALL: &[Language] = &[
    rust::LANGUAGE,
    python::LANGUAGE,
    js_quickjs::LANGUAGE,
    js_starlingmonkey::LANGUAGE,
    ts::LANGUAGE,
    go::LANGUAGE,
    c::LANGUAGE,
];

#[test]
fn every_guest_has_its_tests() {
    let guests = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/guests")).unwrap();
    let names = guests.map(|guest| guest.unwrap().file_name().into_string().unwrap());
    let mut folders: Vec<_> = names.filter_map(|name| name.strip_prefix("echo-http-").map(str::to_owned)).collect();
    folders.sort();
    let mut tested: Vec<_> = ALL.iter().map(|language| language.folder).collect();
    tested.sort_unstable();
    tested.dedup();
    assert_eq!(folders, tested);
}

impl Language {
    /// The component, built from its sources.
    async fn component(self) -> String {
        tokio::task::spawn_blocking(move || built::component(self)).await.unwrap()
    }

    /// A connector that posts the records of a topic to the endpoint.
    async fn connector(self, rig: &Rig, topic: &Topic) -> Connector {
        rig.connector(&self.component().await)
            .set("capabilities.http", vec![rig.endpoint.url()])
            .set("settings.url", rig.endpoint.url())
            .set("processing.on_reject", "skip")
            .set("limits.compile_timeout", "5m")
            .set("limits.start_timeout", "2m")
            .consume(topic)
    }
}
