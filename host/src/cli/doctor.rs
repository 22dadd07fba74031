//! `danube-wasm doctor`: is there what building a sink needs, for which language, and which command installs what is not?

mod need;
mod version;

use std::process::ExitCode;

use self::need::{Finding, Need};
use super::{Stop, json::Json, language::Language};

/// `danube-wasm doctor`
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// Only what this language needs. Default: all of them.
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What came of looking for one thing.
struct Looked {
    language: Language,
    need: Need,
    finding: Finding,
}

impl Doctor {
    pub(super) fn execute(&self) -> Result<ExitCode, Stop> {
        let languages = self.lang.map_or_else(|| Language::ALL.to_vec(), |language| vec![language]);
        let looked: Vec<Looked> = languages
            .iter()
            .flat_map(|language| need::of(*language).into_iter().map(move |need| (*language, need)))
            .map(|(language, need)| Looked { language, finding: need.look(), need })
            .collect();
        let is_well = |looked: &Looked| matches!(looked.finding, Finding::There { .. });
        let well = looked.iter().all(is_well);
        if self.json {
            let needs = looked.iter().map(Looked::as_json).collect();
            println!("{}", Json::object([("ok", Some(Json::Bool(well))), ("needs", Some(Json::Array(needs)))]));
        } else {
            for language in languages {
                print(language, &looked);
            }
        }
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// What a language needs, and what of it is missing.
fn print(language: Language, looked: &[Looked]) {
    let of_it: Vec<_> = looked.iter().filter(|looked| looked.language == language).collect();
    println!("{} (--lang {})", language.title(), language.name());
    for Looked { need, finding, .. } in of_it {
        match finding {
            Finding::There { version, path } => println!("  ok       {} {version} ({path})", need.what),
            Finding::TooOld { version, path } => {
                println!("  too old  {} {version} ({path}), {} or newer is needed", need.what, need.least_for_people());
                println!("           install: {}", need.install);
            }
            Finding::Missing { tried } => {
                println!("  missing  {}: {tried}", need.what);
                println!("           install: {}", need.install);
            }
        }
    }
    if let Some(besides) = need::besides(language) {
        println!("  besides  {besides}");
    }
}

impl Looked {
    fn as_json(&self) -> Json {
        let Self { language, need, finding } = self;
        let (state, version, path, tried) = match finding {
            Finding::There { version, path } => ("ok", Some(version), Some(path), None),
            Finding::TooOld { version, path } => ("too old", Some(version), Some(path), None),
            Finding::Missing { tried } => ("missing", None, None, Some(tried)),
        };
        Json::object([
            ("language", Some(Json::text(language.name()))),
            ("what", Some(Json::text(need.what))),
            ("state", Some(Json::text(state))),
            ("version", version.map(Json::text)),
            ("least", Some(Json::text(need.least_for_people()))),
            ("path", path.map(Json::text)),
            ("tried", tried.map(Json::text)),
            ("install", Some(Json::text(need.install))),
        ])
    }
}
