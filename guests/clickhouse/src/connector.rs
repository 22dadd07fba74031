//! Inserts records and tells what became of them.

use std::{collections::BTreeMap, ops::Range};

use danube_sink::{Batch, Context, Error, Outcomes, Result, Sink, info, warn};
use sink_common::{CallTime, Dialect, position_key, write_apart};

use crate::{
    config::{Config, Settings, Target},
    create::create,
    record::{Layout, Rows},
    server::{Abilities, Server},
    table::Table,
};

/// Inserts records into ClickHouse tables.
pub(crate) struct ClickHouse {
    server: Server,
    /// By topic.
    inserts: BTreeMap<String, Insert>,
}

/// How the records of a topic are inserted.
struct Insert {
    query: String,
    /// ClickHouse's own, the same for each request.
    settings: Vec<(String, String)>,
    /// Whether the server is told which records a request has.
    deduplicate: bool,
    layout: Layout,
}

impl Sink for ClickHouse {
    type Config = Settings;

    fn initialize(settings: Settings, _: &Context) -> Result<Self> {
        let config = Config::resolve(settings)?;
        let abilities = Abilities::of(&config.server)?;
        let settings = insert_settings(&config, &abilities)?;
        let deduplicate = config.deduplicate && abilities.has("insert_deduplication_token");
        if config.deduplicate && !deduplicate {
            info!(
                "this ClickHouse knows no `insert_deduplication_token`: a request that is repeated may double its rows"
            );
        }
        let mut inserts = BTreeMap::new();
        for (topic, target) in &config.targets {
            let layout = layout(&config, target)?;
            if deduplicate && Table::remembers_inserts(&config.server, target)? {
                warn!(
                    "table {}: `non_replicated_deduplication_window` may lose rows when the server is killed while it writes, see the README",
                    target.name().map_err(Error::fatal)?
                );
            }
            let query = insert_query(target, &layout)?;
            inserts.insert(topic.clone(), Insert { query, settings: settings.clone(), deduplicate, layout });
        }
        Ok(Self { server: config.server, inserts })
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        let no_mapping = || Error::fatal(format!("settings: no topic mapping for `{}`", batch.topic()));
        let insert = self.inserts.get(batch.topic()).ok_or_else(no_mapping)?;
        let (mut rows, mut outcomes) = (Rows::default(), Outcomes::written());
        for (index, record) in batch.iter().enumerate() {
            let pushed = rows.push(index, record, &insert.layout);
            outcomes.set(index, pushed)?;
        }
        if rows.len() == 0 {
            return Ok(outcomes);
        }
        let mut time = CallTime::start(batch.time_limit(), self.server.timeout);
        let written = write_apart(rows.len(), &mut time, |range, timeout| {
            let settings = insert.settings_for(batch, &rows, range.clone());
            self.server.insert(&insert.query, &settings, rows.bytes(range), timeout)
        })?;
        for (row, failure) in written.failures() {
            let indices = rows.indices(row..row + 1).iter().copied();
            match failure {
                danube_sink::Failure::Retry { reason, after } => outcomes.retry(indices, reason, *after),
                danube_sink::Failure::Reject { reason } => outcomes.reject(indices, reason),
            }
        }
        Ok(outcomes)
    }

    fn health_check(&mut self) -> Result<()> {
        self.server.execute("SELECT 1")
    }
}

impl Insert {
    fn settings_for(&self, batch: &Batch, rows: &Rows, range: Range<usize>) -> Vec<(String, String)> {
        let mut settings = self.settings.clone();
        if self.deduplicate {
            let records = rows.indices(range).iter().map(|index| &batch[*index]);
            settings.push(("insert_deduplication_token".to_owned(), position_key(records)));
        }
        settings
    }
}

/// Looks at the table, creates it if that is wanted, and holds it against the settings.
fn layout(config: &Config, target: &Target) -> Result<Layout> {
    let mut table = Table::of(&config.server, target)?;
    if table.is_none() && config.create {
        create(&config.server, target)?;
        table = Table::of(&config.server, target)?;
    }
    let name = target.name().map_err(Error::fatal)?;
    let table = table.ok_or_else(|| {
        Error::fatal(format!(
            "there is no table {name}, or the user may not see it\nhelp: create it, or set `create = true` and give `columns`"
        ))
    })?;
    table.check(target)?;
    Ok(Layout::new(target, &table))
}

/// What each insert tells the server, as far as it knows it.
fn insert_settings(config: &Config, abilities: &Abilities) -> Result<Vec<(String, String)>> {
    if config.async_insert && !abilities.has("async_insert") {
        return Err(Error::fatal("settings: `async_insert`: this ClickHouse has no asynchronous inserts"));
    }
    let truth = |truth: bool| u8::from(truth).to_string();
    let known = [
        ("date_time_input_format", "best_effort".to_owned()),
        // What is null is decided here, the same for all versions.
        ("input_format_null_as_default", truth(false)),
        // Newer servers insert asynchronously unless they are told not to.
        ("async_insert", truth(config.async_insert)),
        ("wait_for_async_insert", truth(true)),
        ("async_insert_deduplicate", truth(config.async_insert && config.deduplicate)),
    ];
    let known = known.into_iter().filter(|(name, _)| abilities.has(name));
    let mut settings: BTreeMap<String, String> = known.map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, value) in &config.query_settings {
        if settings.insert(name.clone(), value.clone()).is_some() {
            warn!("`query_settings` replaces `{name}`");
        }
    }
    Ok(settings.into_iter().collect())
}

fn insert_query(target: &Target, layout: &Layout) -> Result<String> {
    let name = target.name().map_err(Error::fatal)?;
    let columns = match layout.names() {
        Some(names) => {
            let names: Result<Vec<_>, _> = names.map(|name| Dialect::ClickHouse.identifier(name)).collect();
            format!(" ({})", names.map_err(Error::fatal)?.join(", "))
        }
        None => String::new(),
    };
    Ok(format!("INSERT INTO {name}{columns} FORMAT JSONEachRow"))
}
