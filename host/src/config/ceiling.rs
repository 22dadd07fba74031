//! A connector's file, held against the operator's policy while it is read: what it grants, runs and asks for must be
//! within what the policy has for it. Each refusal shows the line of the file and the line of the policy.

use std::{fmt, ops::Range, path::Path};

use serde_spanned::Spanned;
use url::Url;

use super::{
    HttpGrant, SocketGrant,
    mistake::Mistake,
    policy::{ReferenceBound, Rules},
    resolver::Resolver,
    secret::{Guarded, Reference, references as references_of},
    snippet::Place,
    topic::TopicPattern,
};
use crate::capability::{destination::Target, files, observe::Within};

/// Refuses a grant that no grant of the policy covers wholly.
pub(super) fn http(granted: &HttpGrant, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("`{granted}`");
    let covers = |allowed: &HttpGrant| allowed.grant.covers(&granted.grant);
    within(|rules| rules.http.as_ref(), "http", covers, &subject, place, resolver);
}

/// The same for a grant of sockets.
pub(super) fn socket(granted: &SocketGrant, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("`{granted}`");
    let covers = |allowed: &SocketGrant| allowed.grant.covers(&granted.grant);
    within(|rules| rules.sockets.as_ref(), "sockets", covers, &subject, place, resolver);
}

/// Refuses a folder that the policy lets nobody have, or not so much of it.
pub(super) fn folder(grant: &files::Grant, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("`{grant}`");
    within(|rules| rules.dirs.as_ref(), "dirs", |allowed| allowed.covers(grant), &subject, place, resolver);
}

/// Refuses a variable that no name of the policy stands for.
pub(super) fn variable(name: &str, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("the variable `{name}`");
    within(|rules| rules.env.as_ref(), "env", |pattern| pattern.matches(name), &subject, place, resolver);
}

/// Refuses topics that the policy lets nobody consume.
pub(super) fn topics(pattern: &TopicPattern, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("`{pattern}`");
    within(|rules| rules.topics.as_ref(), "topics", |allowed| allowed.covers(pattern), &subject, place, resolver);
}

/// The same for a topic of a mapping.
pub(super) fn topic(topic: &str, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("`{topic}`");
    within(|rules| rules.topics.as_ref(), "topics", |allowed| allowed.matches(topic), &subject, place, resolver);
}

/// Refuses a topic that the policy lets nobody publish dead letters to.
pub(super) fn dead_letters(topic: &str, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let subject = format!("the dead-letter topic `{topic}`");
    let matches = |allowed: &TopicPattern| allowed.matches(topic);
    within(|rules| rules.dead_letters.as_ref(), "dead_letters", matches, &subject, place, resolver);
}

/// Refuses a broker that the policy does not name. `url` is one of a broker.
pub(super) fn broker(shown: &Guarded, url: &Url, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let Some(target) = Target::of(url) else { return };
    let subject = format!("the broker `{shown}`");
    within(
        |rules| rules.brokers.as_ref(),
        "brokers",
        |broker| broker.covers_origin(&target),
        &subject,
        place,
        resolver,
    );
}

/// Whether the policy lets a file refer to all that this text refers to. What it does not is refused.
pub(super) fn references(text: &str, place: &Range<usize>, resolver: &mut Resolver<'_>) -> bool {
    let folder = resolver.folder;
    let refused = references_of(text).filter(|reference| {
        let covers = |bound: &ReferenceBound| match reference {
            Reference::Variable { name, .. } => bound.covers_variable(name),
            Reference::File { path, .. } => bound.covers_file(&folder.join(path)),
        };
        let subject = format!("`{}`", reference.written());
        !within(|rules| rules.references.as_ref(), "references", covers, &subject, place.clone(), resolver)
    });
    refused.count() == 0
}

/// The same for a file that the host reads for the connector, other than its component.
pub(super) fn file(path: &Path, place: Range<usize>, resolver: &mut Resolver<'_>) -> bool {
    let subject = format!("the file `{}`", path.display());
    let covers = |bound: &ReferenceBound| bound.covers_file(path);
    within(|rules| rules.references.as_ref(), "references", covers, &subject, place, resolver)
}

/// Refuses more lanes for each topic than the policy has.
pub(super) fn instances(instances: u32, place: Range<usize>, resolver: &mut Resolver<'_>) {
    let Some((rules, most)) = rule(resolver, |rules| rules.max_instances.as_ref()) else { return };
    let allowed = *most.get_ref();
    if instances > allowed {
        let what = format!("`instances` is {instances}, and the operator allows {allowed}");
        let help = format!("write `instances = {allowed}` or less");
        let mistake = Mistake::BeyondPolicy { what, rule: rules.at(&most.span()), help };
        resolver.refuse(Place::Span(place), mistake);
    }
}

/// Refuses a component that the policy does not name, or a file that names none.
pub(super) fn component(sha256: Option<[u8; 32]>, place: Place, resolver: &mut Resolver<'_>) {
    let Some(rules) = resolver.policy.rules() else { return };
    let (what, line, help) = match (sha256, &rules.allow_components, &rules.require_sha256) {
        (None, None, None) | (Some(_), None, _) => return,
        (Some(digest), Some(allowed), _) if allowed.get_ref().contains(&digest) => return,
        (Some(_), Some(allowed), _) => (
            "the operator does not allow this component",
            allowed.span(),
            "run one whose digest stands there, or ask the operator to add this one",
        ),
        (None, Some(line), _) => (MISSING, line.span(), WRITE_DIGEST),
        (None, None, Some(line)) => (MISSING, line.clone(), WRITE_DIGEST),
    };
    let mistake = Mistake::BeyondPolicy { what: what.into(), rule: rules.at(&line), help: help.into() };
    resolver.refuse(place, mistake);
}

const MISSING: &str = "the operator requires the component's `sha256`";
const WRITE_DIGEST: &str =
    "write `sha256 = \"...\"` under `[component]`; `danube-wasm inspect` shows the digest of a component";

/// Refuses a file that would only observe, where the policy does not allow it. What bounds the observation otherwise.
pub(super) fn observation(place: Range<usize>, resolver: &mut Resolver<'_>) -> Within {
    let Some(rules) = resolver.policy.rules() else { return Within::default() };
    if !rules.allow_observe.get_ref() {
        let what = "the operator does not allow `mode = \"observe\"`".to_owned();
        let help = "remove the line, or ask the operator for `allow_observe = true`".to_owned();
        let mistake = Mistake::BeyondPolicy { what, rule: rules.at(&rules.allow_observe.span()), help };
        resolver.refuse(Place::Span(place), mistake);
    }
    let http = |granted: &Spanned<Vec<HttpGrant>>| granted.get_ref().iter().map(|of| of.grant.clone()).collect();
    let sockets = |granted: &Spanned<Vec<SocketGrant>>| granted.get_ref().iter().map(|of| of.grant.clone()).collect();
    Within { http: rules.http.as_ref().map(http), sockets: rules.sockets.as_ref().map(sockets) }
}

/// A part of the policy, if it says anything about it.
fn rule<'a, T>(
    resolver: &Resolver<'a>,
    part: impl Fn(&'a Rules) -> Option<&'a Spanned<T>>,
) -> Option<(&'a Rules, &'a Spanned<T>)> {
    let rules = resolver.policy.rules()?;
    Some((rules, part(rules)?))
}

/// Refuses what no entry of a list of the policy covers. Whether one does, or nothing is bounded.
fn within<'a, T: fmt::Display + 'a>(
    part: impl Fn(&'a Rules) -> Option<&'a Spanned<Vec<T>>>,
    key: &str,
    covers: impl Fn(&T) -> bool,
    subject: &str,
    place: Range<usize>,
    resolver: &mut Resolver<'a>,
) -> bool {
    let Some((rules, allowed)) = rule(resolver, part) else { return true };
    if allowed.get_ref().iter().any(covers) {
        return true;
    }
    let what = format!("the operator does not allow {subject}");
    let entries: Vec<String> = allowed.get_ref().iter().map(|entry| format!("`{entry}`")).collect();
    let help = match entries.as_slice() {
        [] => format!("remove it, or ask the operator: `{key}` of the policy is empty"),
        entries => format!("stay within {}, or ask the operator to add to `{key}`", entries.join(", ")),
    };
    let mistake = Mistake::BeyondPolicy { what, rule: rules.at(&allowed.span()), help };
    resolver.refuse(Place::Span(place), mistake);
    false
}
