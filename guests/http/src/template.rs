//! Templates of URLs and headers: `https://api.example.com/{topic_name}/{key}`. Values are percent-encoded, so that a record can fill a
//! place in the path or the query and never reach beyond it.

use danube_sink::{Error, Record, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sink_common::{Document, Path, Source, Value};

/// All but the characters that mean the same encoded and plain.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest URL that the host sends, in bytes.
const URL_LIMIT: usize = 16 << 10;

const KNOWN: &str =
    "`{topic}`, `{topic_name}`, `{partition}`, `{offset}`, `{key}`, `{attribute:NAME}` or `{field:PATH}`";

/// A URL with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Place(Place),
}

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Topic,
    TopicName,
    Partition,
    Offset,
    Key,
    Attribute(String),
    Field(Path),
}

impl Template {
    /// Reads a template, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        check_url(text)?;
        let template = Self::text(text)?;
        let example: String = template.parts.iter().map(|part| part.literal().unwrap_or("x")).collect();
        if has_dot_segment(&example) {
            Err("a `.` or `..` cannot stand alone in its path".into())
        } else {
            Ok(template)
        }
    }

    /// Reads the template of a header's value, or says what is wrong with it.
    pub(crate) fn text(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('{') {
            parts.push(literal_part(literal)?);
            let (name, behind) = behind.split_once('}').ok_or_else(|| format!("`{{{behind}` lacks its `}}`"))?;
            parts.push(Part::Place(place(name)?));
            rest = behind;
        }
        parts.push(literal_part(rest)?);
        parts.retain(|part| *part != Part::Literal(String::new()));
        Ok(Self { parts })
    }

    /// Whether two records of one topic may have different URLs.
    pub(crate) fn is_per_record(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Place(Place::Partition | Place::Offset | Place::Key | Place::Attribute(_) | Place::Field(_)) => true,
            Part::Place(Place::Topic | Place::TopicName) | Part::Literal(_) => false,
        })
    }

    /// The URL itself, if it has no place to fill in.
    pub(crate) fn constant(&self) -> Option<String> {
        self.parts.iter().map(Part::literal).collect()
    }

    /// A header's value for a record.
    ///
    /// # Errors
    ///
    /// As [`fill`](Self::fill), and `Rejected` when it has a control character.
    pub(crate) fn fill_text(&self, record: &Record) -> Result<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Place(place) => text.push_str(&place.value(record)?),
            }
        }
        if text.chars().any(char::is_control) {
            return Err(Error::rejected("a header's value would have a control character"));
        }
        Ok(text)
    }

    /// The URL for a record.
    ///
    /// # Errors
    ///
    /// `Rejected` when the record has no value for a place, one that would lead elsewhere or one that is too long; `Fatal` when
    /// its topic has no partitions and the template wants one.
    pub(crate) fn fill(&self, record: &Record) -> Result<String> {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => url.push_str(text),
                Part::Place(place) => url.extend(utf8_percent_encode(&place.value(record)?, ENCODED)),
            }
        }
        if self.is_per_record() && has_dot_segment(&url) {
            return Err(Error::rejected(format!("`{url}` would lead out of the path in the settings")));
        }
        if self.is_per_record() && url.len() > URL_LIMIT {
            return Err(Error::rejected(format!("its URL would have {} bytes, more than {URL_LIMIT}", url.len())));
        }
        Ok(url)
    }

    /// Whether a value of this record's in the path means one thing to some servers and another to others, however it is
    /// encoded. The host sends no such URL where the grant has a path.
    pub(crate) fn is_ambiguous(&self, record: &Record) -> bool {
        let is_before_query = |part: &&Part| part.literal().is_none_or(|text| !text.contains('?'));
        self.parts.iter().take_while(is_before_query).any(|part| match part {
            Part::Place(place @ (Place::Key | Place::Attribute(_) | Place::Field(_))) => {
                let differs = |c: char| matches!(c, '/' | '\\' | '%') || c.is_ascii_control();
                place.value(record).is_ok_and(|value| value.contains(differs))
            }
            // Were these refused, all records would be.
            Part::Place(Place::Topic | Place::TopicName | Place::Partition | Place::Offset) | Part::Literal(_) => false,
        })
    }
}

impl Part {
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Place(_) => None,
        }
    }
}

impl Place {
    fn value(&self, record: &Record) -> Result<String> {
        let topic = record.topic();
        let (value, lacking) = match self {
            Self::Topic => (Some(topic.to_owned()), "topic".to_owned()),
            Self::TopicName => (topic.rsplit('/').next().map(str::to_owned), "topic name".to_owned()),
            Self::Partition => {
                let lacking = || Error::fatal(format!("`url` has `{{partition}}`, but {topic} has no partitions"));
                return record.partition().map(|partition| partition.to_string()).ok_or_else(lacking);
            }
            Self::Offset => return Ok(record.offset().to_string()),
            Self::Key => (record.routing_key().map(str::to_owned), "routing key, which `url` needs".to_owned()),
            Self::Attribute(name) => {
                let lacking = format!("attribute `{name}`, which `url` needs");
                (record.attributes().get(name).map(str::to_owned), lacking)
            }
            Self::Field(path) => {
                let lacking = format!("text, number or truth value at `{path}`, which the settings need");
                let value = match Document::new(record).value(&Source::Field(path.clone()))? {
                    Value::Text(text) | Value::Number(text) => Some(text.into_owned()),
                    Value::Bool(truth) => Some(truth.to_string()),
                    Value::Json(_) | Value::Bytes(_) | Value::Null | Value::Missing => None,
                };
                (value, lacking)
            }
        };
        value.filter(|value| !value.is_empty()).ok_or_else(|| Error::rejected(format!("it has no {lacking}")))
    }
}

/// Checks what the host would refuse, or what would send records somewhere else than it seems.
fn check_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| format!("`{text}` does not start with `http://` or `https://`"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(format!("`{text}` names no host"));
    }
    if authority.contains(['{', '}']) {
        return Err("a placeholder may stand in the path and the query, not in the host".to_owned());
    }
    if authority.contains('@') {
        return Err("credentials do not belong into a URL; use `basic_auth`".to_owned());
    }
    if text.contains('#') {
        return Err("a `#fragment` is never sent".to_owned());
    }
    match text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        Some(c) => Err(format!("{c:?} must be percent-encoded")),
        None => Ok(()),
    }
}

fn literal_part(text: &str) -> Result<Part, String> {
    if text.contains('}') {
        Err(format!("`{text}` has a `}}` without its `{{`"))
    } else {
        Ok(Part::Literal(text.to_owned()))
    }
}

fn place(name: &str) -> Result<Place, String> {
    match name {
        "topic" => Ok(Place::Topic),
        "topic_name" => Ok(Place::TopicName),
        "partition" => Ok(Place::Partition),
        "offset" => Ok(Place::Offset),
        "key" => Ok(Place::Key),
        other => match (other.strip_prefix("attribute:"), other.strip_prefix("field:")) {
            (Some(name), _) if !name.is_empty() => Ok(Place::Attribute(name.to_owned())),
            (_, Some(path)) => path.parse().map(Place::Field),
            _ => Err(format!("unknown placeholder `{{{other}}}`, expected {KNOWN}")),
        },
    }
}

/// Whether the path has a segment that servers and clients resolve to another path.
fn has_dot_segment(url: &str) -> bool {
    let path = url.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| segment == "." || segment == "..")
}

#[cfg(test)]
mod tests {
    use danube_sink::testing::RecordBuilder;

    use super::*;

    fn record() -> RecordBuilder {
        RecordBuilder::json("{}").topic("/default/orders").offset(7)
    }

    fn fill(template: &str, record: RecordBuilder) -> Result<String> {
        Template::parse(template).expect("the template is valid").fill(&record.build())
    }

    #[test]
    fn every_place_is_filled_and_encoded() {
        let record = record().partition(2).routing_key("a/b?c").attribute("region", "eu west");
        let url = fill("http://h/{topic}/{topic_name}/{partition}/{offset}/{key}?r={attribute:region}", record);
        assert_eq!(url.as_deref(), Ok("http://h/%2Fdefault%2Forders/orders/2/7/a%2Fb%3Fc?r=eu%20west"));
        assert_eq!(fill("https://h:8443", self::record()).as_deref(), Ok("https://h:8443"));
        let unicode = self::record().routing_key("zürich~1.0_x-y");
        assert_eq!(fill("http://h/{key}", unicode).as_deref(), Ok("http://h/z%C3%BCrich~1.0_x-y"));
    }

    #[test]
    fn a_record_without_the_value_is_bad() {
        for (template, expected) in [
            ("http://h/{key}", "it has no routing key, which `url` needs"),
            ("http://h/{attribute:a}", "it has no attribute `a`, which `url` needs"),
        ] {
            assert_eq!(fill(template, record()), Err(Error::rejected(expected)));
        }
        assert!(fill("http://h/{key}", record().routing_key("")).is_err_and(|error| error.is_rejected()));
        assert!(fill("http://h/{partition}", record()).is_err_and(|error| error.is_fatal()));
    }

    #[test]
    fn fields_of_the_payload_are_filled_in() {
        let record =
            || RecordBuilder::json(r#"{"id": 12345678901234567890123, "c": {"n": "a/b é"}, "t": true, "l": []}"#);
        let filled = fill("http://h/{field:id}/{field:c.n}?t={field:/t}", record());
        assert_eq!(filled.as_deref(), Ok("http://h/12345678901234567890123/a%2Fb%20%C3%A9?t=true"));
        for path in ["l", "x", "c"] {
            let expected = format!("it has no text, number or truth value at `{path}`, which the settings need");
            assert_eq!(fill(&format!("http://h/{{field:{path}}}"), record()), Err(Error::rejected(expected)));
        }
        assert!(Template::parse("http://h/{field:}").is_err());
    }

    #[test]
    fn a_header_is_filled_as_it_is() {
        let header = Template::text("{key}; n={field:n}").expect("the template is valid");
        let filled = |key: &str| header.fill_text(&RecordBuilder::json(r#"{"n": 1.50}"#).routing_key(key).build());
        assert_eq!(filled("a b/é").as_deref(), Ok("a b/é; n=1.50"));
        assert!(filled("a\r\nx-evil: 1").is_err_and(|error| error.is_rejected()));
    }

    #[test]
    fn a_record_stays_inside_the_path() {
        for (template, key) in [("http://h/in/{key}/x", ".."), ("http://h/in/.{key}", "."), ("http://h/{key}?q", ".")] {
            let filled = fill(template, record().routing_key(key));
            assert!(filled.is_err_and(|error| error.is_rejected()), "{template} with {key}");
        }
        assert_eq!(
            fill("http://h/in/{key}", record().routing_key("../admin")).as_deref(),
            Ok("http://h/in/..%2Fadmin")
        );
        assert_eq!(fill("http://h/?k={key}", record().routing_key("..")).as_deref(), Ok("http://h/?k=.."));
    }

    #[test]
    fn a_url_has_a_length_that_the_host_sends() {
        let filled = |length: usize| fill("http://h/{key}", record().routing_key("x".repeat(length)));
        assert!(filled(URL_LIMIT - "http://h/".len()).is_ok());
        assert!(filled(URL_LIMIT).is_err_and(|error| error.is_rejected()));
    }

    #[test]
    fn a_record_is_known_whose_path_servers_read_in_different_ways() {
        let is_ambiguous = |template: &str, key: &str| {
            Template::parse(template).expect("the template is valid").is_ambiguous(&record().routing_key(key).build())
        };
        for key in ["../admin", "a\\b", "%2e", "a\0", "\u{7f}"] {
            assert!(is_ambiguous("http://h/in/{key}?t={topic}", key), "{key:?}");
            assert!(!is_ambiguous("http://h/in/{topic}?k={key}", key), "{key:?} in the query");
        }
        assert!(!is_ambiguous("http://h/in/{key}", "a b.c;d?e#f é"));
    }

    #[test]
    fn a_mistake_is_explained() {
        for (template, expected) in [
            ("ftp://h/", "`ftp://h/` does not start with `http://` or `https://`"),
            ("https:///x", "`https:///x` names no host"),
            ("https://{topic_name}.h/", "a placeholder may stand in the path and the query, not in the host"),
            ("https://me:pw@h/", "credentials do not belong into a URL; use `basic_auth`"),
            ("https://h/#top", "a `#fragment` is never sent"),
            ("https://h/a b", "' ' must be percent-encoded"),
            ("https://h/{key", "`{key` lacks its `}`"),
            ("https://h/key}", "`https://h/key}` has a `}` without its `{`"),
            ("https://h/a/../b", "a `.` or `..` cannot stand alone in its path"),
        ] {
            assert_eq!(Template::parse(template), Err(expected.to_owned()));
        }
        let unknown = Template::parse("https://h/{tpic}").expect_err("there is no such place");
        assert_eq!(unknown, format!("unknown placeholder `{{tpic}}`, expected {KNOWN}"));
        assert!(Template::parse("https://h/{attribute:}").is_err());
    }

    #[test]
    fn only_some_places_differ_between_records() {
        let is_per_record = |text: &str| Template::parse(text).expect("the template is valid").is_per_record();
        assert!(!is_per_record("http://h/{topic}/{topic_name}"));
        for place in ["{partition}", "{offset}", "{key}", "{attribute:a}", "{field:a}"] {
            assert!(is_per_record(&format!("http://h/{place}")), "{place}");
        }
    }
}
