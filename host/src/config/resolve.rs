//! From the file as written to a [`Config`]: table by table, then what must fit together. Never stops at a mistake, so
//! that all of them are told at once.

use std::path::PathBuf;

use serde_spanned::Spanned;

use super::{
    Broker, Capabilities, Component, Config, DeadLetter, Limits, NAME_VARIABLE, OnReject, Processing, Retry, Settings,
    TopicMapping,
    caution::Caution,
    ceiling,
    mapping::{self, Surroundings},
    mistake::Mistake,
    raw,
    resolver::Resolver,
    shape::Written,
    snippet::Place,
    topic::is_topic,
};

impl Config {
    /// The config, and where its name comes from. It counts only if the resolver has found no mistake.
    pub(super) fn resolve(file: PathBuf, written: &Written<'_>, resolver: &mut Resolver<'_>) -> Option<(Self, Place)> {
        let (w, r) = (&written.file, resolver);
        let named = connector_name(w.connector_name.as_ref(), r);
        let component = Component::resolve(&w.component, &written.settings, r);
        let ack_timeout = Broker::ack_timeout(&w.broker, r);
        let broker = Broker::resolve(w, ack_timeout, r);
        let instances = r.integer("instances", &w.instances, 1..=64).unwrap_or(1);
        if let Some(written) = &w.instances {
            ceiling::instances(instances, written.span(), r);
        }
        let settings = Settings::resolve(&written.settings, &written.table, r);
        let limits = r.limits(|r| Limits::resolve(&w.limits, ack_timeout, r));
        let around = Surroundings { instances, ack_timeout, limits: &limits };
        let mappings = mapping::resolve(&written.table, &around, r);
        if let Some(lanes) = limits.too_many_lanes(mappings.len(), instances) {
            let place = w.instances.as_ref().map_or(Place::File, |written| Place::Span(written.span()));
            let (topics, most) = (mappings.len(), limits.max_lanes);
            r.refuse(place, Mistake::TooManyLanes { topics, instances, lanes, most });
        }
        let capabilities = Capabilities::resolve(&w.capabilities, r);
        if no_topics(written) {
            r.refuse(Place::File, Mistake::NoTopics { table: written.settings.clone() });
        }
        let dead_letter = w.dead_letter.as_ref().and_then(|w| DeadLetter::resolve(w, &mappings, &capabilities, r));
        let (on_reject, on_mismatch) = on_reject(&w.processing, w.dead_letter.is_some(), r);
        let retry = Retry::resolve(&w.retry, r);
        let processing = Processing::resolve(&w.processing, ack_timeout, &limits, r);
        if let Some(schemas) = w.schemas.as_ref().filter(|schemas| !schemas.get_ref().is_empty()) {
            r.refuse(Place::Span(schemas.span()), Mistake::Schemas);
        }
        let (connector_name, name) = named?;
        let config = Self {
            file,
            connector_name,
            instances,
            broker: broker?,
            component: component?,
            settings,
            mappings,
            capabilities,
            limits,
            retry,
            processing,
            on_reject,
            on_mismatch,
            dead_letter,
            warnings: Vec::new(),
        };
        Some((config, name))
    }
}

/// The name, and where it comes from.
fn connector_name(written: Option<&raw::Text>, resolver: &mut Resolver<'_>) -> Option<(String, Place)> {
    let (value, place) = match (resolver.environment.get(NAME_VARIABLE), written) {
        (Some(name), _) => (name.to_owned(), Place::Variable(NAME_VARIABLE)),
        (None, Some(written)) => (resolver.plain("connector_name", written)?, Place::Span(written.span())),
        (None, None) => {
            let example = "connector_name = \"orders-to-http\"";
            resolver.refuse(Place::File, Mistake::Missing { key: "connector_name", example });
            return None;
        }
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if value.is_empty() || !value.chars().all(fits) {
        resolver.refuse(place, Mistake::BadName { value });
        return None;
    }
    Some((value, place))
}

fn no_topics(written: &Written<'_>) -> bool {
    let mappings = written.table.get("topic_mappings").map(Spanned::get_ref);
    let empty = mappings.is_none_or(|mappings| mappings.as_array().is_some_and(|mappings| mappings.is_empty()));
    empty && written.file.capabilities.topics.is_empty()
}

impl Component {
    fn resolve(written: &raw::Component, settings_table: &str, resolver: &mut Resolver<'_>) -> Option<Self> {
        let sha256 = written.sha256.as_ref().and_then(|sha256| resolver.digest("sha256", sha256));
        if sha256.is_some() || written.sha256.is_none() {
            let place = written.sha256.as_ref().map_or(resolver.in_table("component"), |sha| Place::Span(sha.span()));
            ceiling::component(sha256, place, resolver);
        }
        let Some(path) = written.path.as_ref().filter(|path| !path.get_ref().is_empty()) else {
            let place = written.path.as_ref().map_or(resolver.in_table("component"), |path| Place::Span(path.span()));
            let example = "path = \"connector.wasm\"";
            resolver.refuse(place, Mistake::Missing { key: "component.path", example });
            return None;
        };
        Some(Self { path: resolver.path("path", path)?, sha256, settings_table: settings_table.to_owned() })
    }
}

impl DeadLetter {
    fn resolve(
        written: &raw::DeadLetter,
        mappings: &[TopicMapping],
        capabilities: &Capabilities,
        resolver: &mut Resolver<'_>,
    ) -> Option<Self> {
        let Some(written) = &written.topic else {
            let example = "topic = \"/default/orders-dlq\"";
            let place = resolver.in_table("dead_letter");
            resolver.refuse(place, Mistake::Missing { key: "dead_letter.topic", example });
            return None;
        };
        let topic = resolver.plain("topic", written)?;
        let place = Place::Span(written.span());
        if !is_topic(&topic) {
            resolver.refuse(place, Mistake::BadTopic { value: topic, pattern: false });
            return None;
        }
        if mappings.iter().any(|mapping| mapping.topic == topic) {
            resolver.refuse(place, Mistake::DeadLetterConsumed { topic });
            return None;
        }
        ceiling::dead_letters(&topic, written.span(), resolver);
        if let Some(pattern) = capabilities.topics.iter().find(|pattern| pattern.matches(&topic)) {
            let pattern = pattern.to_string();
            resolver.warn(place, Caution::DeadLetterGranted { pattern });
        }
        Some(Self { topic })
    }
}

/// What becomes of rejected records, and of those of another schema.
fn on_reject(written: &raw::Processing, has_topic: bool, resolver: &mut Resolver<'_>) -> (OnReject, OnReject) {
    let mut choice = |key, written: &Option<raw::Text>| {
        let choice: Option<OnReject> = resolver.word(key, written);
        if let Some(written) = written.as_ref().filter(|_| choice == Some(OnReject::DeadLetter) && !has_topic) {
            resolver.refuse(Place::Span(written.span()), Mistake::NoDeadLetterTopic { key });
        }
        choice
    };
    let reject = choice("on_reject", &written.on_reject);
    let mismatch = choice("on_mismatch", &written.on_mismatch);
    if written.on_reject.is_none() && !has_topic {
        resolver.warn(Place::File, Caution::StopsOnReject);
    }
    let reject = reject.unwrap_or(if has_topic { OnReject::DeadLetter } else { OnReject::Stop });
    (reject, mismatch.unwrap_or(reject))
}
