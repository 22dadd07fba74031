//! The schema registry: subjects with numbered versions. Ids name a subject, not a version. Definitions are stored and
//! answered in the released broker's form. Only those of Avro are understood: see [`Registry::check`].

use std::{collections::BTreeMap, time::SystemTime};

use sha2::{Digest, Sha256};

mod compatible;
mod definition;
mod topic;

pub(crate) use self::{
    definition::{Compatibility, Definition, Invalid},
    topic::{TopicSchema, ValidationPolicy},
};

/// One version of a subject.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) definition: Definition,
    pub(crate) fingerprint: String,
    /// Seconds since the Unix epoch.
    pub(crate) created_at: u64,
    pub(crate) created_by: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    /// A deleted version is still the latest one if it was, and still known by its definition.
    pub(crate) deleted: bool,
}

/// A named schema through its versions.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) id: u64,
    pub(crate) versions: Vec<Version>,
    pub(crate) compatibility: Compatibility,
}

impl Subject {
    /// The newest version.
    pub(crate) fn latest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// A version that was not deleted.
    pub(crate) fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number && !version.deleted)
    }
}

/// A schema to be registered.
pub(crate) struct Draft {
    pub(crate) definition: Definition,
    pub(crate) description: String,
    pub(crate) created_by: String,
    pub(crate) tags: Vec<String>,
}

/// What became of a registration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) id: u64,
    pub(crate) version: u32,
    pub(crate) is_new: bool,
    pub(crate) fingerprint: String,
}

/// All subjects.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    subjects: BTreeMap<String, Subject>,
    last_id: u64,
    /// How often a schema was asked for by its id.
    pub(crate) lookups: u64,
}

const TYPES_MUST_MATCH: &str = "Schema types must match (cannot change from Avro to JSON, etc.)";

impl Registry {
    /// Registers a definition: the version that has it already, or the next one.
    pub(crate) fn register(&mut self, name: &str, draft: Draft) -> Result<Registered, String> {
        let fingerprint = draft.definition.fingerprint();
        let Some(subject) = self.subjects.get_mut(name) else {
            self.last_id += 1;
            let version = version(1, draft, fingerprint.clone());
            let subject = Subject { id: self.last_id, versions: vec![version], compatibility: Compatibility::Backward };
            self.subjects.insert(name.to_owned(), subject);
            return Ok(Registered { id: self.last_id, version: 1, is_new: true, fingerprint });
        };
        if let Some(known) = subject.versions.iter().find(|version| version.fingerprint == fingerprint) {
            return Ok(Registered { id: subject.id, version: known.number, is_new: false, fingerprint });
        }
        if let Err(reason) = compatible(subject, &draft.definition, subject.compatibility) {
            let mode = subject.compatibility;
            return Err(format!("Schema is not compatible with subject '{name}' (mode: {mode:?}): {reason}"));
        }
        let number = subject.latest().map_or(1, |latest| latest.number + 1);
        subject.versions.push(version(number, draft, fingerprint.clone()));
        Ok(Registered { id: subject.id, version: number, is_new: true, fingerprint })
    }

    /// Whether a definition may follow the latest one of its subject. A change of the schema type is found incompatible,
    /// and of Avro what the released broker finds; everything else is answered as the mode `none` would.
    pub(crate) fn check(
        &self,
        name: &str,
        definition: &Definition,
        mode: Option<Compatibility>,
    ) -> Result<Result<(), &'static str>, String> {
        let subject = self.subject(name)?;
        Ok(compatible(subject, definition, mode.unwrap_or(subject.compatibility)))
    }

    /// A subject, or the text with which its absence is reported.
    pub(crate) fn subject(&self, name: &str) -> Result<&Subject, String> {
        self.subjects.get(name).ok_or_else(|| format!("Schema metadata not found for subject: {name}"))
    }

    /// A subject by its id.
    pub(crate) fn by_id(&self, id: u64) -> Option<(&str, &Subject)> {
        self.subjects.iter().find(|(_, subject)| subject.id == id).map(|(name, subject)| (name.as_str(), subject))
    }

    /// All subjects with their names.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = (&String, &Subject)> {
        self.subjects.iter()
    }

    pub(crate) fn set_compatibility(&mut self, name: &str, mode: Compatibility) -> Result<(), String> {
        match self.subjects.get_mut(name) {
            Some(subject) => {
                subject.compatibility = mode;
                Ok(())
            }
            None => self.subject(name).map(|_| ()),
        }
    }

    /// Deletes a version. What does not exist is deleted with success.
    pub(crate) fn delete(&mut self, name: &str, number: u32) {
        let versions = self.subjects.get_mut(name).into_iter().flat_map(|subject| &mut subject.versions);
        versions.filter(|version| version.number == number).for_each(|version| version.deleted = true);
    }
}

fn compatible(subject: &Subject, definition: &Definition, mode: Compatibility) -> Result<(), &'static str> {
    let Some(latest) = subject.latest().filter(|_| mode != Compatibility::None) else { return Ok(()) };
    match (&latest.definition, definition) {
        (Definition::Avro(old), Definition::Avro(new)) => compatible::avro(old, new, mode),
        (old, new) if old.type_name() == new.type_name() => Ok(()),
        _ => Err(TYPES_MUST_MATCH),
    }
}

fn version(number: u32, draft: Draft, fingerprint: String) -> Version {
    let Draft { definition, description, created_by, tags } = draft;
    let created_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    Version { number, definition, fingerprint, created_at, created_by, description, tags, deleted: false }
}

/// `sha256:` and the digest in hexadecimal.
fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(kind: &str, definition: &str) -> Draft {
        let definition = Definition::parse(kind, definition.as_bytes()).unwrap();
        Draft { definition, description: String::new(), created_by: String::new(), tags: vec![] }
    }

    #[test]
    fn the_same_definition_is_the_same_version_and_another_one_the_next() {
        let mut registry = Registry::default();
        let first = registry.register("a", draft("json_schema", r#"{"type": "object"}"#)).unwrap();
        assert_eq!((first.id, first.version, first.is_new), (1, 1, true));
        let same = registry.register("a", draft("json", r#"{"type":"object"}"#)).unwrap();
        assert_eq!((same.id, same.version, same.is_new), (1, 1, false));
        let second = registry.register("a", draft("json_schema", r#"{"type":"string"}"#)).unwrap();
        assert_eq!((second.id, second.version, second.is_new), (1, 2, true));
        assert_eq!(registry.register("b", draft("string", "")).unwrap().id, 2);
    }

    #[test]
    fn ids_name_a_subject() {
        let mut registry = Registry::default();
        registry.register("a", draft("string", "")).unwrap();
        registry.register("b", draft("number", "")).unwrap();
        assert_eq!(registry.by_id(2).map(|(name, _)| name), Some("b"));
        assert!(registry.by_id(3).is_none());
    }

    #[test]
    fn only_a_change_of_type_is_incompatible_and_not_in_the_mode_none() {
        let mut registry = Registry::default();
        registry.register("a", draft("json_schema", "{}")).unwrap();
        let error = registry.register("a", draft("string", "")).unwrap_err();
        assert_eq!(error, format!("Schema is not compatible with subject 'a' (mode: Backward): {TYPES_MUST_MATCH}"));
        registry.set_compatibility("a", Compatibility::None).unwrap();
        assert_eq!(registry.register("a", draft("string", "")).unwrap().version, 2);
    }

    #[test]
    fn a_new_field_of_a_record_needs_a_default() {
        let record = |fields: &str| draft("avro", &format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#));
        let mut registry = Registry::default();
        registry.register("a", record(r#"{"name":"x","type":"int"}"#)).unwrap();
        let error =
            registry.register("a", record(r#"{"name":"x","type":"int"},{"name":"y","type":"int"}"#)).unwrap_err();
        assert!(error.ends_with("Reader schema cannot read data written with writer schema"), "{error}");
        for (version, field) in
            [(2, r#"{"name":"y","type":"int","default":0}"#), (3, r#"{"name":"z","type":["null","int"]}"#)]
        {
            let fields = format!(r#"{{"name":"x","type":"int"}},{field}"#);
            assert_eq!(registry.register("a", record(&fields)).unwrap().version, version);
        }
    }

    #[test]
    fn a_deleted_version_is_gone_but_its_number_is_not_given_again() {
        let mut registry = Registry::default();
        registry.register("a", draft("json_schema", "{}")).unwrap();
        registry.register("a", draft("json_schema", r#"{"a":1}"#)).unwrap();
        registry.delete("a", 2);
        let subject = registry.subject("a").unwrap();
        assert!(subject.version(2).is_none());
        assert_eq!(subject.latest().unwrap().number, 2);
        assert_eq!(registry.register("a", draft("json_schema", r#"{"a":2}"#)).unwrap().version, 3);
    }

    #[test]
    fn fingerprint_is_that_of_the_released_broker() {
        // Answered by a 0.15.1 broker for this definition.
        let expected = "sha256:a2c799262a3ce3c19ef5cdd983bf3d12b43ab3c426227091b909dcb7054738c0";
        assert_eq!(Definition::parse("json_schema", br#"{"type": "object"}"#).unwrap().fingerprint(), expected);
    }
}
