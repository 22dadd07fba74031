//! The attributes of a record: a borrowed view that reads like a map and copies nothing.

use std::{collections::HashMap, iter, slice};

use serde::{Serialize, Serializer};

/// The attributes that a producer set on a record: names and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Sorted by name; no name twice.
    pairs: &'a [(String, String)],
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(pairs: &'a [(String, String)]) -> Self {
        Self { pairs }
    }

    /// The value of an attribute.
    pub fn get(self, name: &str) -> Option<&'a str> {
        let position = self.pairs.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        self.pairs.get(position).map(|(_, value)| value.as_str())
    }

    /// Whether there is such an attribute.
    pub fn contains_key(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.pairs.is_empty()
    }

    /// Names and values, sorted by name.
    pub fn iter(self) -> Iter<'a> {
        self.into_iter()
    }

    /// A map of its own, for code that wants one.
    pub fn to_map(self) -> HashMap<String, String> {
        self.pairs.iter().cloned().collect()
    }
}

/// Names and values of [`Attributes`], sorted by name.
pub type Iter<'a> = iter::Map<slice::Iter<'a, (String, String)>, fn(&'a (String, String)) -> (&'a str, &'a str)>;

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.pairs.iter().map(|(name, value)| (name, value))
    }
}

/// As a map.
impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(*self)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::RecordBuilder;

    #[test]
    fn attributes_read_like_a_map() {
        let record = RecordBuilder::json("1").attribute("b", "2").attribute("a", "1").attribute("c", "3").build();
        let attributes = record.attributes();
        assert_eq!((attributes.get("a"), attributes.get("c"), attributes.get("z")), (Some("1"), Some("3"), None));
        assert!(attributes.contains_key("b"));
        assert_eq!(attributes.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(attributes.to_map()["b"], "2");
    }
}
