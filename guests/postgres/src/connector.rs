//! What the host calls: opens the session, makes rows of a batch, has them written, tells what became of each.

use std::time::Duration;

use danube_sink::{Batch, Context, Error, Outcomes, Result, Sink};
use sink_common::{CallTime, Refusal, write_apart};

use crate::{
    config::{Config, Settings, Target},
    outcome::Failure,
    record::Row,
    session::Session,
    write::{self, Placed, Position},
};

/// Writes records into tables.
pub(crate) struct PostgresSink {
    config: Config,
    /// None after the connection broke. The next call opens another.
    session: Option<Session>,
}

impl Sink for PostgresSink {
    type Config = Settings;

    fn initialize(settings: Settings, context: &Context) -> Result<Self> {
        let mut sink = Self { config: Config::resolve(settings, context.connector_name())?, session: None };
        sink.open(sink.config.server.connect_timeout)?;
        Ok(sink)
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        let mut time = CallTime::start(batch.time_limit(), self.config.server.statement_timeout);
        let limit = time.timeout().min(self.config.server.connect_timeout);
        time.spend(|| self.open(limit))?;
        let index = self.target(batch.topic())?;
        let (places, rows, mut outcomes) = self.rows(index, batch)?;
        let written = write_apart(rows.len(), &mut time, |range, limit| {
            self.write(index, &rows[range], limit).map_err(Refusal::from)
        })?;
        for (position, failure) in written.failures() {
            let place = places[position];
            match failure {
                danube_sink::Failure::Retry { reason, after } => outcomes.retry([place], reason, *after),
                danube_sink::Failure::Reject { reason } => outcomes.reject([place], reason),
            }
        }
        Ok(outcomes)
    }

    fn health_check(&mut self) -> Result<()> {
        let limit = self.config.server.connect_timeout;
        self.open(limit)?;
        let Some(session) = &mut self.session else { return Ok(()) };
        let checked = session.run(limit, async |client| {
            let row = client.query_typed_one("SELECT current_setting('transaction_read_only')", &[]).await?;
            match row.try_get::<_, &str>(0)? {
                "off" => Ok(()),
                _ => Err(Error::retryable("the server takes no writes: it is read-only, or a standby").into()),
            }
        });
        self.settle(checked).map_err(|failure| failure.error)
    }
}

impl PostgresSink {
    /// Opens a session unless there is one.
    fn open(&mut self, limit: Duration) -> Result<()> {
        if self.session.as_mut().is_none_or(Session::is_closed) {
            self.session = None;
            self.session = Some(Session::open(&self.config, limit)?);
        }
        Ok(())
    }

    fn target(&self, topic: &str) -> Result<usize> {
        let place = self.config.targets.iter().position(|target| target.topic == topic);
        place.ok_or_else(|| Error::fatal(format!("settings: no topic mapping for `{topic}`")))
    }

    /// The rows of a batch with their places in it. Records that make none have their outcome already.
    fn rows(&self, index: usize, batch: &Batch) -> Result<(Vec<usize>, Vec<Placed>, Outcomes)> {
        let Target { delete, .. } = &self.config.targets[index];
        let columns =
            self.session.iter().flat_map(|session| &session.plans[index].columns).cloned().collect::<Vec<_>>();
        let (mut places, mut rows, mut outcomes) = (Vec::new(), Vec::new(), Outcomes::written());
        for (place, record) in batch.iter().enumerate() {
            let row =
                Position::of(record).and_then(|position| Ok((position, Row::of(record, &columns, delete.as_ref())?)));
            match row {
                Ok(row) => {
                    places.push(place);
                    rows.push(row);
                }
                Err(error) => outcomes.set(place, Err(error))?,
            }
        }
        Ok((places, rows, outcomes))
    }

    fn write(&mut self, index: usize, rows: &[Placed], limit: Duration) -> Result<(), Failure> {
        let Some(session) = &mut self.session else {
            return Err(Failure::lost("the connection is gone"));
        };
        let target = &self.config.targets[index];
        let written = session.run_plan(limit, index, async |client, plan, known| {
            write::write(client, (index, target), plan, known, rows).await
        });
        self.settle(written)
    }

    /// Parts with a session that is of no more use.
    fn settle<T>(&mut self, done: Result<T, Failure>) -> Result<T, Failure> {
        if done.as_ref().is_err_and(|failure| failure.broken) {
            self.session = None;
        }
        done
    }
}
