//! Names of topics, and patterns of them.

use std::{fmt, str::FromStr};

use super::{mistake::Mistake, raw, resolver::Resolver, snippet::Place};

/// Whether the broker takes this as a topic: `/namespace/topic`, of letters, digits, `_` and `-`.
pub(super) fn is_topic(text: &str) -> bool {
    segments(text).is_some_and(|(namespace, name)| is_name(namespace) && is_name(name))
}

/// A pattern of topics, in which `*` stands for any number of characters within a segment: `/events/*`, `/*/orders-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPattern(String);

/// The text is not of the form `/namespace/topic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form `/namespace/topic`")]
pub struct NotATopic;

impl TopicPattern {
    /// Whether the topic (without a partition) is one of those.
    pub fn matches(&self, topic: &str) -> bool {
        is_topic(topic) && self.covers_text(topic)
    }

    fn covers_text(&self, topic: &str) -> bool {
        match (segments(&self.0), segments(topic)) {
            (Some((namespaces, names)), Some((namespace, name))) => glob(namespaces, namespace) && glob(names, name),
            (None, _) | (_, None) => false,
        }
    }

    /// Whether every topic that the other pattern matches is one of those.
    pub fn covers(&self, other: &Self) -> bool {
        // Whatever stands where the other has a star must be matched by a star, and a star matches a star.
        self.covers_text(&other.0)
    }

    pub(super) fn resolve(key: &str, written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<Self> {
        let value = resolver.plain(key, written)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            resolver.refuse(Place::Span(written.span()), Mistake::BadTopic { value, pattern: true });
        }
        parsed
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicPattern {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        // What a star stands for may be empty, but the pattern `//*` could match nothing.
        let (namespace, name) = segments(text).ok_or(NotATopic)?;
        let fits = |segment: &str| !segment.is_empty() && segment.chars().all(|c| is_name_char(c) || c == '*');
        if fits(namespace) && fits(name) { Ok(Self(text.to_owned())) } else { Err(NotATopic) }
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn segments(topic: &str) -> Option<(&str, &str)> {
    topic.strip_prefix('/')?.split_once('/').filter(|(_, name)| !name.contains('/'))
}

fn is_name(segment: &str) -> bool {
    !segment.is_empty() && segment.chars().all(is_name_char)
}

/// The broker's own rule, which takes letters of any language.
fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Matches the parts between stars from left to right, each at its first place; the last one must end the text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(prefix) else { return false };
    let mut parts = rest.split('*');
    let suffix = parts.next_back().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_within_segments() {
        for (pattern, yes, no) in [
            ("/events/*", &["/events/orders", "/events/a-b_1"][..], &["/event/orders", "/events/a/b", "/events"][..]),
            ("/events/orders", &["/events/orders"], &["/events/orders2", "/events/order"]),
            ("/events/*", &["/events/x"], &["/events/a b", "/events/a*", "/events/", "/events/a\n"]),
            ("/*/orders-*", &["/a/orders-", "/b/orders-eu"], &["/a/orders", "//orders-eu/x"]),
            ("/a/x*y*z", &["/a/xyz", "/a/x1yy2z"], &["/a/xzy", "/a/xy", "/a/yz"]),
            ("/a/ab*ba", &["/a/abba", "/a/ab-ba"], &["/a/aba"]),
        ] {
            let pattern: TopicPattern = pattern.parse().unwrap();
            for topic in yes {
                assert!(pattern.matches(topic), "{pattern} should match {topic}");
            }
            for topic in no {
                assert!(!pattern.matches(topic), "{pattern} should not match {topic}");
            }
        }
    }

    #[test]
    fn a_pattern_covers_what_it_leaves_no_topic_out_of() {
        for (wide, narrow, covers) in [
            ("/events/*", "/events/orders", true),
            ("/events/*", "/events/*", true),
            ("/events/*", "/events/o*", true),
            ("/*/*", "/events/*-x", true),
            ("/events/a*z", "/events/ab*yz", true),
            ("/events/a*z", "/events/a*", false),
            ("/events/o*", "/events/*", false),
            ("/events/*", "/*/orders", false),
            ("/events/orders", "/events/*", false),
            ("/events/*-*", "/events/a*b", false),
        ] {
            let parse = |text: &str| text.parse::<TopicPattern>().unwrap();
            assert_eq!(parse(wide).covers(&parse(narrow)), covers, "{wide} {narrow}");
        }
    }

    #[test]
    fn topics_have_two_segments() {
        for text in ["", "orders", "/orders", "/a/b/c", "/a/", "//b", "/a b/c", "/a/b.c", "a/b"] {
            assert!(!is_topic(text), "{text}");
            assert!(text.parse::<TopicPattern>().is_err(), "{text}");
        }
        assert!(is_topic("/default/orders_1-x"));
        assert!(!is_topic("/default/*"));
        assert!("/*/*".parse::<TopicPattern>().is_ok());
    }
}
