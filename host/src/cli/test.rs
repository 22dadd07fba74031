//! `danube-wasm test`: a component without a broker and without a network, as the unit test of whoever wrote it. Records and
//! replies come from files; what it sent and what became of each record is held against what is expected.

mod compare;
mod expected;
mod happened;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;

use self::{compare::Difference, expected::Expected, happened::Happened};
use super::{Operator, Stop, json::Json, one_config, records, records::Record, storage::Storage};
use crate::{
    codec::Codec,
    config::{Config, Environment},
    connector::{Rehearsal, Unrehearsed, compile_limits},
    guest::Engine,
    pipeline::Published,
    record::{Payload, SchemaInfo},
};

/// When the first record was published, where its line does not say: the first of January 2026. The next one comes a
/// millisecond later.
const FIRST_PUBLISHED: u64 = 1_767_225_600_000_000;
/// Who published records whose lines do not say.
const PRODUCER: &str = "test";
/// What stands for the receiver of `dev` in a connector's file.
const RECEIVER: (&str, &str) = ("DANUBE_DEV_RECEIVER", "http://127.0.0.1:8080");

/// `danube-wasm test`
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// The component.
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The records, one on each line: a JSON document or text, or `{"$record": {...}}` for one with a key, attributes, bytes
    /// and so on. `-`: standard input.
    #[arg(long, value_name = "FILE|-")]
    records: PathBuf,
    /// What the target answers, what it must be asked, and what must become of each record. Without it every request gets an
    /// empty 200, and what happens is only shown.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Write what happened into the file that --expect names, the replies of the target left as they are.
    #[arg(long, visible_alias = "accept", requires = "expect")]
    write: bool,
    /// The connector's file, with its settings, grants and limits; which component it names does not matter. Default: the
    /// .toml of the component's name, beside it or in `config` there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: Operator,
    #[command(flatten)]
    storage: Storage,
}

impl Test {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let expected = self.expect.as_deref().map(|path| Expected::read(path, self.write)).transpose()?;
        let expected = expected.flatten();
        let records = records::read(&self.records)?;
        let config = self.config(environment)?;
        let script = expected.as_ref().map_or_else(Expected::no_script, Expected::script);
        let engine = Engine::new(self.storage.engine(environment)?)?;
        let limits = compile_limits(&config.limits);
        let component = engine.compile_file(&self.component, None, &limits).await;
        let component = component.map_err(|error| Stop::Usage(format!("error: {error}")))?;
        let published = records.into_iter().enumerate().map(|(at, record)| published(at, record));
        let rehearsal = Rehearsal { config, engine, component, script: script.clone() };
        let seen = rehearsal.run(published.collect()).await.map_err(|error| match error {
            Unrehearsed::Connector(_) | Unrehearsed::Topic { .. } => Stop::Usage(format!("error: {error}")),
        })?;
        let happened = Happened::new(seen, script.captured());

        if let (true, Some(path)) = (self.write, &self.expect) {
            let text = happened.as_expected(expected.as_ref()).pretty();
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let differences = match (&expected, self.write) {
            (Some(expected), false) => compare::differences(expected, &happened),
            (Some(_) | None, _) => Vec::new(),
        };
        self.say(&happened, &differences);
        Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    /// The connector's file. In it, what stands for the receiver of `dev` has a value.
    fn config(&self, environment: &Environment) -> Result<Config, Stop> {
        let file = match &self.config {
            Some(file) => file.clone(),
            None => beside(&self.component)?,
        };
        let policy = self.operator.policy(environment)?;
        let environment = match environment.get(RECEIVER.0) {
            Some(_) => environment.clone(),
            None => environment.clone().with(RECEIVER.0, RECEIVER.1),
        };
        one_config(&file, &environment, &policy)?.map_err(|error| Stop::Usage(error.render(super::color())))
    }

    fn say(&self, happened: &Happened, differences: &[Difference]) {
        if self.json {
            let differences = differences.iter().map(Difference::as_json).collect();
            let report = Json::object([
                ("ok", Some(Json::Bool(Vec::is_empty(&differences)))),
                ("differences", Some(Json::Array(differences))),
                ("happened", Some(happened.as_expected(None))),
                ("calls", Some(happened.calls_as_json())),
            ]);
            println!("{report}");
            return;
        }
        print!("{happened}");
        match (&self.expect, differences.len()) {
            (None, _) => {}
            (Some(path), _) if self.write => println!("wrote {}", path.display()),
            (Some(path), 0) => println!("ok: all is as {} says", path.display()),
            (Some(path), count) => {
                let s = if count == 1 { "" } else { "s" };
                eprintln!("error: {count} difference{s} from {}", path.display());
                for difference in differences {
                    eprint!("{difference}");
                }
                eprintln!("help: if it is right as it is now, --write puts it into the file");
            }
        }
    }
}

/// The connector's file that belongs to a component.
fn beside(component: &Path) -> Result<PathBuf, Stop> {
    let name = component.with_extension("toml");
    let name = name.file_name().unwrap_or_default();
    let folder = component.parent().unwrap_or(Path::new(""));
    let places = [folder.join(name), folder.join("config").join(name)];
    places.iter().find(|file| file.is_file()).cloned().ok_or_else(|| {
        Stop::Usage(format!(
            "error: there is no file with the connector's settings: neither {} nor {}\nhelp: name it with --config",
            places[0].display(),
            places[1].display()
        ))
    })
}

fn published(at: usize, record: Record) -> (Option<String>, Published) {
    let Record { line: _, payload, topic, key, attributes, producer, publish_time, partition, offset, schema } = record;
    let codec = match schema.as_ref().map(|schema| schema.schema_type.as_str()) {
        None => Codec::Unknown,
        // What these hold is written as the JSON that a component gets.
        Some("avro" | "protobuf") => Codec::Json,
        Some(other) => Codec::new(other, &[]).unwrap_or(Codec::Unknown),
    };
    let schema = schema.map(|schema| {
        let records::Schema { subject, schema_type, version, id } = schema;
        Arc::new(SchemaInfo { id: id.into(), subject, version, schema_type })
    });
    let record = crate::record::Record {
        offset: offset.unwrap_or(at as u64),
        publish_time: publish_time.unwrap_or(FIRST_PUBLISHED + 1000 * at as u64),
        producer: producer.unwrap_or_else(|| PRODUCER.to_owned()),
        partition,
        routing_key: key,
        attributes: attributes.into_iter().collect(),
        schema,
        payload: Payload::Binary(payload.clone()),
    };
    (topic, Published { record, payload, codec })
}

/// Whether a file is one that `--expect` takes.
#[cfg(test)]
pub(super) fn is_expected(file: &Path) -> bool {
    Expected::read(file, false).is_ok()
}
