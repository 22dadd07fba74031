//! Where a value comes from: a field of the payload, or something about the record.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};

/// Where a column's value comes from, as settings write it:
///
/// | written | value |
/// |---|---|
/// | `"customer.name"`, `"lines.0.sku"` | a field of a JSON payload, by names and array positions with dots between them |
/// | `"/customer/name"` | the same as a JSON pointer (RFC 6901), for names with dots |
/// | `"@payload"` | the whole payload |
/// | `"@topic"`, `"@partition"`, `"@offset"`, `"@id"` | where the record stands; the id is that of [`danube_sink::Record::id`] |
/// | `"@publish_time"` | microseconds since 1970-01-01T00:00:00Z |
/// | `"@producer"`, `"@key"` | the producer's name, and the key that it routed by |
/// | `"@attribute:NAME"`, `"@attributes"` | one attribute, or all of them as a JSON object |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A field of the payload.
    Field(Path),
    /// The whole payload.
    Payload,
    /// The topic, without a partition.
    Topic,
    /// The partition; null on a topic without partitions.
    Partition,
    /// The offset.
    Offset,
    /// Topic, partition and offset in one text.
    Id,
    /// Microseconds since the Unix epoch.
    PublishTime,
    /// The producer's name.
    Producer,
    /// The routing key; null where the producer gave none.
    Key,
    /// An attribute; missing where the producer set none of this name.
    Attribute(String),
    /// All attributes, as a JSON object.
    Attributes,
}

const KNOWN: &str = "`@payload`, `@topic`, `@partition`, `@offset`, `@id`, `@publish_time`, `@producer`, `@key`, \
                     `@attribute:NAME` or `@attributes`";

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix('@') else { return text.parse().map(Self::Field) };
        Ok(match name {
            "payload" => Self::Payload,
            "topic" => Self::Topic,
            "partition" => Self::Partition,
            "offset" => Self::Offset,
            "id" => Self::Id,
            "publish_time" => Self::PublishTime,
            "producer" => Self::Producer,
            "key" => Self::Key,
            "attributes" => Self::Attributes,
            other => match other.strip_prefix("attribute:") {
                Some(name) if !name.is_empty() => Self::Attribute(name.to_owned()),
                Some(_) | None => {
                    return Err(format!("unknown source `{text}`, expected {KNOWN}, or a field without `@`"));
                }
            },
        })
    }
}

/// As it is written.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => path.fmt(f),
            Self::Payload => f.write_str("@payload"),
            Self::Topic => f.write_str("@topic"),
            Self::Partition => f.write_str("@partition"),
            Self::Offset => f.write_str("@offset"),
            Self::Id => f.write_str("@id"),
            Self::PublishTime => f.write_str("@publish_time"),
            Self::Producer => f.write_str("@producer"),
            Self::Key => f.write_str("@key"),
            Self::Attribute(name) => write!(f, "@attribute:{name}"),
            Self::Attributes => f.write_str("@attributes"),
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The way to a field of a JSON document: names of fields and positions in arrays. See [`Source`] for how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    written: String,
    steps: Vec<String>,
}

impl Path {
    /// The names and positions, from the outside in: at least one.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let steps: Vec<String> = match written.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
            None => written.split('.').map(str::to_owned).collect(),
        };
        let is_pointer = written.starts_with('/');
        if written.is_empty() || (!is_pointer && steps.iter().any(String::is_empty)) {
            return Err(format!("`{written}` names no field, expected `a.b` or the JSON pointer `/a/b`"));
        }
        Ok(Self { written: written.to_owned(), steps })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_shown_as_it_is_written() {
        for written in [
            "a.b.0",
            "/a~1b/c.d/0",
            "@payload",
            "@topic",
            "@partition",
            "@offset",
            "@id",
            "@publish_time",
            "@producer",
            "@key",
            "@attribute:region",
            "@attributes",
        ] {
            assert_eq!(written.parse::<Source>().map(|source| source.to_string()).as_deref(), Ok(written));
        }
    }

    #[test]
    fn a_path_has_dots_or_is_a_pointer() {
        let steps = |written: &str| written.parse::<Path>().map(|path| path.steps().to_vec());
        assert_eq!(steps("a.b.0"), Ok(vec!["a".to_owned(), "b".to_owned(), "0".to_owned()]));
        assert_eq!(steps("/a.b/~0~1/"), Ok(vec!["a.b".to_owned(), "~/".to_owned(), String::new()]));
        for wrong in ["", ".", "a..b", "a."] {
            let expected = format!("`{wrong}` names no field, expected `a.b` or the JSON pointer `/a/b`");
            assert_eq!(steps(wrong), Err(expected));
        }
    }

    #[test]
    fn an_unknown_source_is_refused_with_the_known_ones() {
        let expected = format!("unknown source `@ofset`, expected {KNOWN}, or a field without `@`");
        assert_eq!("@ofset".parse::<Source>(), Err(expected));
        assert!("@attribute:".parse::<Source>().is_err());
    }
}
