//! `danube-wasm dlq`: looking at dead letters and giving them back. What both commands share: where the letters are, which
//! are meant, and a round through them that a signal ends between two letters.

mod filter;
mod list;
mod replay;
mod view;

use std::{path::PathBuf, process::ExitCode};

use super::Stop;
use crate::{
    broker::{self, Broker, BrokerOptions, Letter, Letters},
    config::{self, Config, Environment, Policy},
    connector::broker_options,
    shutdown::Shutdown,
};

const URL_VARIABLE: &str = "DANUBE_SERVICE_URL";

/// `danube-wasm dlq`
#[derive(Debug, clap::Args)]
pub(super) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show dead letters. They stay, each moved to the end of its topic: Danube has no other way to look at records.
    List(list::List),
    /// Publish dead letters again as the records that they were, and take them out of the dead-letter topic.
    Replay(replay::Replay),
}

/// Where the letters are.
#[derive(Debug, clap::Args)]
struct Source {
    /// A connector's file: for its broker, certificates, token and dead-letter topic.
    #[arg(value_name = "CONNECTOR.toml", required_unless_present = "topic")]
    config: Option<PathBuf>,
    /// The dead-letter topic, /namespace/topic. Default: that of the connector's file.
    #[arg(long)]
    topic: Option<String>,
    /// The broker's URL. Default: that of the connector's file, else DANUBE_SERVICE_URL.
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
}

/// A broker and a dead-letter topic of it.
struct Place {
    broker: Broker,
    topic: String,
}

/// What comes next in a round.
enum Next {
    Letter(Box<Letter>),
    End,
    /// A signal came.
    Interrupted,
}

impl Dlq {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        match self.command {
            Command::List(list) => list.execute(environment).await,
            Command::Replay(replay) => replay.execute(environment).await,
        }
    }
}

impl Source {
    async fn find(&self, environment: &Environment) -> Result<Place, Stop> {
        let config = self.config.as_ref().map(|path| load(path.clone(), environment)).transpose()?;
        let mut options = config.as_ref().map(|config| broker_options(&config.broker));
        let named = self.broker.as_deref().or_else(|| environment.get(URL_VARIABLE).filter(|_| options.is_none()));
        if let Some(url) = named {
            let none = BrokerOptions { url: String::new(), tls: None, token: None };
            options = Some(BrokerOptions { url: url.to_owned(), ..options.unwrap_or(none) });
        }
        let Some(options) = options else {
            let help = "help: name a connector's file, or the broker with --broker http://127.0.0.1:6650";
            return Err(Stop::Usage(format!("error: nothing says where the broker is\n{help}")));
        };
        if options.tls.is_none() && options.url.starts_with("https:") {
            let help = "help: name a connector's file, whose [broker.tls] says which certificates to trust";
            return Err(Stop::Usage(format!("error: an https:// broker needs certificates\n{help}")));
        }
        let of_file = || config.as_ref().and_then(|config| Some(config.dead_letter.as_ref()?.topic.clone()));
        let Some(topic) = self.topic.clone().or_else(of_file) else {
            let help = "help: name the topic with --topic /default/orders-dlq";
            return Err(Stop::Usage(format!("error: this connector dead-letters nothing\n{help}")));
        };
        Ok(Place { broker: Broker::new(&options)?, topic })
    }
}

fn load(path: PathBuf, environment: &Environment) -> Result<Config, Stop> {
    // The policy bounds what components get, and none is run here.
    let loaded = config::load_each(&[path], environment, &Policy::default()).into_iter().next();
    let (_, loaded) = loaded.ok_or_else(|| Stop::Usage("error: there are no connector files in it".to_owned()))?;
    loaded.map_err(|error| Stop::Usage(error.render(super::color())))
}

impl Place {
    /// Begins a round; `None` if the topic does not exist, and so no letter.
    async fn begin(&self) -> Result<Option<Letters>, Stop> {
        let on_wait = || eprintln!("preparing {}: this takes ten seconds, once", self.topic);
        match Letters::begin(&self.broker, &self.topic, on_wait).await {
            Ok(letters) => Ok(Some(letters)),
            Err(broker::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

async fn next(letters: &mut Letters, shutdown: &Shutdown) -> Result<Next, Stop> {
    tokio::select! {
        biased;
        () = shutdown.draining().cancelled() => Ok(Next::Interrupted),
        letter = letters.next() => Ok(letter?.map_or(Next::End, |letter| Next::Letter(Box::new(letter)))),
    }
}

/// Has the broker store where the round ended. A signal cuts it short.
async fn finish(letters: Letters, shutdown: &Shutdown) -> Result<(), Stop> {
    if letters.takes_time_to_finish() {
        eprintln!("waiting until the broker has stored this; it takes ten seconds");
    }
    tokio::select! {
        finished = letters.finish() => Ok(finished?),
        () = shutdown.draining().cancelled() => Ok(()),
    }
}

fn plural(count: usize) -> String {
    match count {
        0 => "no dead letters".to_owned(),
        1 => "1 dead letter".to_owned(),
        many => format!("{many} dead letters"),
    }
}
