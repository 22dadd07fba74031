//! `danube-wasm explain`: whether a connector's component may reach something, and what decides it. It asks the very
//! functions that decide while the connector runs.

mod answer;
mod files;
mod http;
mod sockets;
mod topics;

use std::{path::PathBuf, process::ExitCode};

use self::answer::Answer;
use super::{Operator, Stop, one_config};
use crate::{
    capability::destination::{self, Grant},
    config::{Config, Environment, Mistake, Policy},
};

/// What a target looks like.
const FORMS: &str = "write a URL (https://host/path), a socket (tcp://host:port, udp://host:port), a file as the component \
                     calls it (file:/path), a topic (/namespace/topic), or a variable (env:NAME)";

/// `danube-wasm explain`
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The connector file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the component would reach for: a URL, a socket (tcp://host:port, udp://host:port), a file as the component calls
    /// it (file:/path), a topic (/namespace/topic), or a variable (env:NAME).
    #[arg(value_name = "TARGET")]
    target: String,
    /// For a topic: the subscription. Default: any that the component may use.
    #[arg(value_name = "SUBSCRIPTION")]
    subscription: Option<String>,
    /// For an HTTP URL: the method.
    #[arg(short = 'X', long, default_value = "GET", value_name = "METHOD")]
    method: String,
    /// Resolve the name now, and say what becomes of its addresses. Otherwise nothing is asked of the network.
    #[arg(long)]
    resolve: bool,
    #[command(flatten)]
    operator: Operator,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// The forms of a target.
enum Target<'a> {
    Url(&'a str),
    Socket(destination::Target),
    File(&'a str),
    Topic(&'a str),
    Variable(&'a str),
}

impl Explain {
    pub(super) async fn execute(self, environment: &Environment) -> Result<ExitCode, Stop> {
        let target = self.target()?;
        let policy = self.operator.policy(environment)?;
        let answer = match one_config(&self.file, environment, &policy)? {
            Ok(config) => self.ask(&config, &policy, &target).await,
            Err(error) if error.mistakes().all(|mistake| matches!(mistake, Mistake::BeyondPolicy { .. })) => {
                let rules = error.mistakes().filter_map(|mistake| Some((mistake.rule()?, mistake)));
                let answer = Answer::deny(format!("`{}`", self.target));
                rules.fold(answer, |answer, (rule, mistake)| {
                    answer.because("policy", format!("{rule}: {mistake}, so that this connector is not run at all"))
                })
            }
            Err(error) => return Err(Stop::Usage(error.render(super::color()))),
        };
        if self.json {
            println!("{}", answer.to_json());
        } else {
            print!("{answer}");
        }
        Ok(if answer.is_allowed() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    fn target(&self) -> Result<Target<'_>, Stop> {
        let text = self.target.as_str();
        let bad = |why: &str| Stop::Usage(format!("error: `{text}` {why}\nhelp: {FORMS}"));
        if let Some(name) = text.strip_prefix("env:") {
            return Ok(Target::Variable(name));
        }
        if let Some(path) = text.strip_prefix("file:") {
            let plain = path.split('/').all(|name| !["..", "."].contains(&name)) && !path.starts_with("//");
            let path = Some(path).filter(|path| path.starts_with('/') && plain);
            return path.map(Target::File).ok_or_else(|| bad("is no absolute path without detours"));
        }
        match text.split_once("://") {
            Some(("tcp" | "udp", _)) => {
                let target = destination::Target::parse(text);
                target.map(Target::Socket).map_err(|error| bad(&format!("is no socket: {error}")))
            }
            Some(_) => Ok(Target::Url(text)),
            None if text.starts_with('/') => Ok(Target::Topic(text)),
            None => Err(bad("is nothing that a component could reach for")),
        }
    }

    async fn ask(&self, config: &Config, policy: &Policy, target: &Target<'_>) -> Answer {
        match target {
            Target::Url(url) => http::explain(config, policy, &self.method, url, self.resolve).await,
            Target::Socket(target) => sockets::explain(config, policy, target, self.resolve).await,
            Target::File(path) => files::explain(config, path),
            Target::Topic(topic) => topics::explain(config, topic, self.subscription.as_deref()),
            Target::Variable(name) => variable(config, name),
        }
    }
}

/// What the check of addresses would do, for a name that is not resolved.
fn unresolved(name: &str, when: &str, grants: &[&Grant]) -> String {
    let mut reachable = Vec::new();
    if grants.iter().all(|grant| !grant.host().is_localhost()) {
        reachable.push("public addresses".to_owned());
    }
    if grants.iter().any(|grant| grant.host().is_localhost()) {
        reachable.push("loopback addresses".to_owned());
    }
    reachable.extend(grants.iter().flat_map(|grant| grant.addresses()).map(ToString::to_string));
    format!("`{name}` is {when}, and leads to {} only; see --resolve", reachable.join(", "))
}

fn variable(config: &Config, name: &str) -> Answer {
    let (subject, file) = (format!("the variable `{name}`"), config.file.display());
    if config.capabilities.env.iter().any(|(granted, _)| granted == name) {
        return Answer::allow(subject).because("grant", format!("{file} sets it under [capabilities.env]"));
    }
    let help = format!("set it under [capabilities.env] of {file}: {name} = \"...\"");
    Answer::deny(subject).because("grant", format!("{file} does not set it, and nothing is inherited")).help(help)
}
