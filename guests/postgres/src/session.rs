//! One connection, and what is known about the tables behind it.

mod catalog;
mod create;
mod plan;
mod stream;

use std::{
    collections::BTreeSet,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use danube_sink::{
    Error, Result,
    net::{Corked, TcpStream, block_on, timeout},
};
use tokio_postgres::{Client, NoTls, config::SslMode};

pub(crate) use self::plan::{Plan, Way};
use self::stream::HostTls;
use crate::{
    config::{Config, Server},
    outcome::{self, Failure},
};

/// The first release with multiranges, which the offsets are kept in.
const MULTIRANGES: i32 = 140_000;

/// A connection that is ready to write.
pub(crate) struct Session {
    wire: Wire,
    /// In the order of the config's targets.
    pub(crate) plans: Vec<Plan>,
    /// Partitions, by target, that have a row for their offsets.
    pub(crate) known_partitions: BTreeSet<(usize, i32)>,
}

/// The client, and the half of it that moves bytes.
struct Wire {
    client: Client,
    connection: Connection,
}

/// Must be polled beside the work.
enum Connection {
    Open(Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>>>>),
    /// And why. Requests that wait for an answer hear of the end only when the half that would bring it is gone.
    Ended(String),
}

impl Session {
    /// Connects and holds the settings against the catalogue, all within `limit`.
    ///
    /// # Errors
    ///
    /// `Retryable` when the server can't be reached; `Fatal` when it does not let the user in, or when a table is not as the
    /// settings want it.
    pub(crate) fn open(config: &Config, limit: Duration) -> Result<Self> {
        Self::prepared(config, limit).map_err(|error| match error {
            // It is no record that the server refuses here.
            Error::Rejected { reason } => Error::Fatal { reason },
            error @ (Error::Retryable { .. } | Error::Fatal { .. }) => error,
        })
    }

    fn prepared(config: &Config, limit: Duration) -> Result<Self> {
        let (begun, server) = (Instant::now(), &config.server);
        let place = format!("{}:{}", server.host, server.port);
        let connecting = block_on(timeout(limit, Wire::connect(server)));
        let connected = connecting.unwrap_or_else(|elapsed| Err(Error::retryable(elapsed.to_string())));
        let mut wire = connected.map_err(|error| error.context(format!("connecting to {place}")))?;
        let plans = wire.run(limit.saturating_sub(begun.elapsed()), async |client| {
            client.batch_execute(&server.session_settings()).await?;
            let mut plans = Vec::new();
            for target in &config.targets {
                let plan = plan::of(client, target).await.map_err(|failure| Failure {
                    error: failure.error.context(format!("table {}", target.table.quoted)),
                    ..failure
                })?;
                plans.push(plan);
            }
            Ok(plans)
        });
        let plans = plans.map_err(|failure| failure.error)?;
        Ok(Self { wire, plans, known_partitions: BTreeSet::new() })
    }

    /// Whether the connection is gone, as far as can be seen without asking.
    pub(crate) fn is_closed(&mut self) -> bool {
        // What the server said since the last call is read now.
        block_on(poll_fn(|context| {
            self.wire.connection.poll(context);
            Poll::Ready(())
        }));
        matches!(self.wire.connection, Connection::Ended(_)) || self.wire.client.is_closed()
    }

    /// Does some work with the connection, for so long at most.
    ///
    /// # Errors
    ///
    /// What the work says, or that there was no answer in time. After a broken connection the session is of no use.
    pub(crate) fn run<T>(
        &mut self,
        limit: Duration,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.wire.run(limit, work)
    }

    /// The same with the plan of a target.
    pub(crate) fn run_plan<T>(
        &mut self,
        limit: Duration,
        target: usize,
        work: impl AsyncFnOnce(&Client, &Plan, &mut BTreeSet<(usize, i32)>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { wire, plans, known_partitions } = self;
        let plan = plans.get(target).ok_or_else(|| Error::fatal("a bug in the sink: no plan for the topic"))?;
        wire.run(limit, async |client| work(client, plan, known_partitions).await)
    }
}

impl Wire {
    async fn connect(server: &Server) -> Result<Self> {
        let stream =
            TcpStream::connect(&server.host, server.port).await.map_err(|error| stream::unreachable(&error))?;
        let stream = Corked::new(stream);
        let config = server.client();
        let refused = |error: tokio_postgres::Error| outcome::refused(&error);
        Ok(if server.tls {
            let (client, connection) = config.connect_raw(stream, HostTls(&server.host)).await.map_err(refused)?;
            Self { client, connection: Connection::Open(Box::pin(connection)) }
        } else {
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(refused)?;
            Self { client, connection: Connection::Open(Box::pin(connection)) }
        })
    }

    fn run<T>(&mut self, limit: Duration, work: impl AsyncFnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        let Self { client, connection } = self;
        let mut work = pin!(work(client));
        let beside = poll_fn(|context| {
            connection.poll(context);
            work.as_mut().poll(context)
        });
        let done = block_on(timeout(limit, beside)).unwrap_or_else(|elapsed| Err(Failure::lost(elapsed.to_string())));
        match (done, connection) {
            // What the work saw of it is only that it is gone.
            (Err(failure), Connection::Ended(why)) if failure.broken => Err(Failure::lost(why.as_str())),
            (done, _) => done,
        }
    }
}

impl Connection {
    fn poll(&mut self, context: &mut Context<'_>) {
        let Self::Open(open) = self else { return };
        if let Poll::Ready(end) = open.as_mut().poll(context) {
            *self = Self::Ended(match end {
                Ok(()) => "connection closed".to_owned(),
                Err(error) => Failure::from(error).error.reason().to_owned(),
            });
        }
    }
}

impl Server {
    fn client(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.user(&self.user).dbname(&self.database).application_name(&self.application);
        config.ssl_mode(if self.tls { SslMode::Require } else { SslMode::Disable });
        if let Some(password) = &self.password {
            config.password(password);
        }
        config
    }

    /// What holds for the session. A session whose client is gone must not hold its locks for ever, and text without a zone
    /// means the same everywhere.
    fn session_settings(&self) -> String {
        let millis = self.statement_timeout.as_millis();
        let locks = self.lock_timeout.map_or(0, |timeout| timeout.as_millis());
        format!(
            "SET statement_timeout = {millis}; SET idle_in_transaction_session_timeout = {millis}; SET lock_timeout = {locks}; \
             SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET standard_conforming_strings = on"
        )
    }
}
