//! `host.toml`: what the operator of a host lets connector files have. Comes in: the file. Goes out: a [`Policy`], which
//! `ceiling.rs` holds every connector's file against while it is read. Without a file nothing is bounded.

use std::{fmt, ops::Range, path::Path, sync::Arc, time::Duration};

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::{
    Environment, HttpGrant, Limits, SocketGrant,
    error::Error,
    grant, load,
    mistake::Mistake,
    resolver::Resolver,
    shape::{self, Mistakes},
    snippet::{Also, Place, Source},
    topic::TopicPattern,
};
use crate::capability::destination::Grant;

mod bounds;
mod folders;
mod names;
mod raw;
mod references;
#[cfg(test)]
mod tests;

pub(super) use bounds::{Bounds, Measure};
pub(super) use folders::FolderBound;
pub(super) use names::NamePattern;
pub(super) use references::ReferenceBound;

/// The name that an operator's file has where it stands among connector files.
pub(super) const FILE: &str = "host.toml";

/// What any connector's file may have at most. The default bounds nothing.
#[derive(Debug, Clone, Default)]
pub struct Policy(Option<Arc<Rules>>);

/// What stands under `[policy]`. What is absent is not bounded.
#[derive(Debug)]
pub(super) struct Rules {
    source: Arc<Source>,
    pub(super) http: Option<Spanned<Vec<HttpGrant>>>,
    pub(super) sockets: Option<Spanned<Vec<SocketGrant>>>,
    pub(super) topics: Option<Spanned<Vec<TopicPattern>>>,
    pub(super) dead_letters: Option<Spanned<Vec<TopicPattern>>>,
    pub(super) dirs: Option<Spanned<Vec<FolderBound>>>,
    pub(super) env: Option<Spanned<Vec<NamePattern>>>,
    pub(super) brokers: Option<Spanned<Vec<Grant>>>,
    pub(super) references: Option<Spanned<Vec<ReferenceBound>>>,
    pub(super) max_instances: Option<Spanned<u32>>,
    /// Where it says so, if it does.
    pub(super) require_sha256: Option<Range<usize>>,
    pub(super) allow_components: Option<Spanned<Vec<[u8; 32]>>>,
    /// With the line that says so; where none does, the policy as a whole.
    pub(super) allow_observe: Spanned<bool>,
    limits: Bounds,
}

impl Policy {
    /// Reads an operator's file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, Error> {
        Self::parse(file, &load::text(file)?, environment)
    }

    /// Reads a policy from a text, as if it stood in the file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text.
    pub fn parse(file: &Path, text: &str, environment: &Environment) -> Result<Self, Error> {
        let source = Arc::new(Source::new(file, text));
        let refused = |mistakes: Mistakes| Error::new(Arc::clone(&source), mistakes);
        let root = shape::parse(text).map_err(refused)?;
        let tables = shape::places(root.get_ref());
        let mut mistakes = Mistakes::new();
        let whole = Spanned::new(root.span(), DeValue::Table(root.into_inner()));
        let written: Option<raw::HostFile> = shape::deserialize("this file", whole, &mut mistakes);
        let Some(written) = written.filter(|_| mistakes.is_empty()) else {
            return Err(refused(mistakes.into_iter().map(not_a_connectors).collect()));
        };
        let Some(written) = written.policy else { return Ok(Self::default()) };
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let unbounded = Self::default();
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        let mut resolver = Resolver::new(environment, &source, folder, &tables, &unbounded);
        let rules = Rules::resolve(&written, Arc::clone(&source), &mut resolver);
        if resolver.mistakes.is_empty() { Ok(Self(Some(Arc::new(rules)))) } else { Err(refused(resolver.mistakes)) }
    }

    /// The line that bounds HTTP grants, and whether it allows this one. `None`: nothing bounds them.
    pub fn http(&self, grant: &Grant) -> Option<(Rule, bool)> {
        let rules = self.rules()?;
        let allowed = rules.http.as_ref()?;
        let covers = allowed.get_ref().iter().any(|allowed| allowed.grant.covers(grant));
        Some((rules.at(&allowed.span()), covers))
    }

    /// The same for grants of sockets.
    pub fn sockets(&self, grant: &Grant) -> Option<(Rule, bool)> {
        let rules = self.rules()?;
        let allowed = rules.sockets.as_ref()?;
        let covers = allowed.get_ref().iter().any(|allowed| allowed.grant.covers(grant));
        Some((rules.at(&allowed.span()), covers))
    }

    /// What is bounded, if anything is.
    pub(super) fn rules(&self) -> Option<&Rules> {
        self.0.as_deref()
    }

    /// The value that a limit has where the connector's file does not say: no more than its bound.
    pub(super) fn at_most<T: Measure>(&self, key: &str, value: T) -> T {
        let bound = self.bound(key).map(|(_, bound)| bound.most).filter(|most| *most < value.measure());
        bound.map_or(value, T::of)
    }

    /// What is wrong with this value of a limit.
    pub(super) fn limit<T: Measure>(&self, key: &str, value: T, shown: &str) -> Option<Mistake> {
        let (rules, bound) = self.bound(key).filter(|(_, bound)| value.measure() > bound.most)?;
        let most = &bound.shown;
        let what = format!("`{key}` is {shown}, and the operator allows {most}");
        let number = most.parse::<u64>().is_ok();
        let most = if number { most.clone() } else { format!("\"{most}\"") };
        let help = format!("write `{key} = {most}` or less, or remove the line");
        Some(Mistake::BeyondPolicy { what, rule: rules.at(&bound.place), help })
    }

    fn bound(&self, key: &str) -> Option<(&Rules, &bounds::Bound)> {
        let rules = self.rules()?;
        Some((rules, rules.limits.get(key)?))
    }
}

impl Rules {
    fn resolve(written: &raw::Policy, source: Arc<Source>, resolver: &mut Resolver<'_>) -> Self {
        let (w, r) = (written, resolver);
        Self {
            source,
            http: list(&w.http, |grant| HttpGrant::bound(grant, r)),
            sockets: list(&w.sockets, |grant| SocketGrant::bound(grant, r)),
            topics: list(&w.topics, |topic| TopicPattern::resolve("topics", topic, r)),
            dead_letters: list(&w.dead_letters, |topic| TopicPattern::resolve("dead_letters", topic, r)),
            dirs: list(&w.dirs, |folder| FolderBound::resolve(folder, r)),
            env: list(&w.env, |name| NamePattern::resolve(name, r)),
            brokers: list(&w.brokers, |broker| grant::broker(broker, r)),
            references: list(&w.references, |reference| ReferenceBound::resolve(reference, r)),
            max_instances: w.max_instances.as_ref().and_then(|written| {
                let most = r.integer("max_instances", &w.max_instances, 1..=64)?;
                Some(Spanned::new(written.span(), most))
            }),
            require_sha256: w.require_sha256.as_ref().filter(|required| *required.get_ref()).map(Spanned::span),
            allow_components: list(&w.allow_components, |digest| r.digest("allow_components", digest)),
            allow_observe: w.allow_observe.clone().unwrap_or_else(|| {
                let table = r.tables.get("policy").cloned().unwrap_or_default();
                Spanned::new(table, false)
            }),
            // A policy knows no broker, and bounds are no recommendation: no ack timeout is too short for them.
            limits: r.bounds(|r| Limits::resolve(&w.limits, Duration::MAX, r)),
        }
    }

    /// A place in the file.
    pub(super) fn at(&self, place: &Range<usize>) -> Rule {
        Rule { source: Arc::clone(&self.source), place: place.clone() }
    }
}

/// The entries of a list that are good, and where it stands.
fn list<T, U>(written: &Option<Spanned<Vec<T>>>, read: impl FnMut(&T) -> Option<U>) -> Option<Spanned<Vec<U>>> {
    let written = written.as_ref()?;
    Some(Spanned::new(written.span(), written.get_ref().iter().filter_map(read).collect()))
}

/// This file has no table of somebody else's.
fn not_a_connectors((place, mistake): (Place, Mistake)) -> (Place, Mistake) {
    let Mistake::UnknownTable { name, nearest } = mistake else { return (place, mistake) };
    let known = shape::keys_of::<raw::HostFile>().iter().map(|key| (*key).to_owned()).collect();
    (place, Mistake::UnknownKey { key: name, nearest, known })
}

/// A place in an operator's file.
#[derive(Clone)]
pub struct Rule {
    source: Arc<Source>,
    place: Range<usize>,
}

impl Rule {
    pub(super) fn also(&self) -> Also<'_> {
        (&self.source, &self.place, "the operator's policy")
    }
}

/// `host.toml:7`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.path().display(), self.source.line(self.place.start))
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.source.path() == other.source.path() && self.place == other.place
    }
}

impl Eq for Rule {}
