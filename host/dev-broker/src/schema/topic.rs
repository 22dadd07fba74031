//! The schema settings of one topic and what they ask of its messages.

use super::{Definition, Registry};
use crate::record::Record;

/// What is done with messages that do not match the topic's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ValidationPolicy {
    None,
    #[default]
    Warn,
    Enforce,
}

impl ValidationPolicy {
    /// Reads a policy, in any case of letters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "none" => Some(Self::None),
            "warn" => Some(Self::Warn),
            "enforce" => Some(Self::Enforce),
            _ => None,
        }
    }
}

/// The schema settings of one topic.
#[derive(Debug, Default, Clone)]
pub(crate) struct TopicSchema {
    /// The subject that the topic was created with: shown when the topic is described, but of no effect.
    pub(crate) declared: Option<String>,
    /// The subject that counts: of the first producer that named one after the topic was there, or set by an admin.
    pub(crate) subject: Option<String>,
    pub(crate) policy: ValidationPolicy,
    pub(crate) check_payload: bool,
    /// Whether an admin set it, so that it outlives a restart.
    pub(crate) configured: bool,
}

impl TopicSchema {
    /// A topic that is created with a subject.
    pub(crate) fn declared(subject: Option<String>) -> Self {
        Self { declared: subject, ..Self::default() }
    }

    /// Forgets what the released broker does not store.
    pub(crate) fn restart(&mut self) {
        if !self.configured {
            *self = Self::declared(self.declared.take());
        }
    }

    /// A producer names a subject: it becomes the topic's, or must be it already.
    pub(crate) fn claim(&mut self, topic: &str, subject: &str, registry: &Registry) -> Result<(), String> {
        match &self.subject {
            Some(existing) if existing != subject => Err(format!(
                "Topic '{topic}' uses schema subject '{existing}', cannot use '{subject}'. \
                 Only admin can change topic schema."
            )),
            Some(_) => Ok(()),
            None if registry.subject(subject).is_ok() => {
                self.subject = Some(subject.to_owned());
                Ok(())
            }
            None => Err(format!(
                "Failed to assign schema '{subject}' to topic '{topic}': Schema subject '{subject}' not found in \
                 registry. Please register schema first.. Ensure schema is registered first."
            )),
        }
    }

    /// Whether any message could be refused or warned about.
    pub(crate) fn checks_messages(&self) -> bool {
        match self.policy {
            ValidationPolicy::None => false,
            ValidationPolicy::Warn => self.subject.is_some(),
            ValidationPolicy::Enforce => true,
        }
    }

    /// Whether a message may be published. An id or version that the registry does not know is refused even when the
    /// policy only warns. Payloads of JSON Schema need only be JSON. Of Avro, only container files pass, and of Protobuf
    /// nothing: the released broker breaks off the call there.
    pub(crate) fn admit(&self, topic: &str, record: &Record, registry: &Registry) -> Result<(), String> {
        let enforce = match self.policy {
            ValidationPolicy::None => return Ok(()),
            ValidationPolicy::Warn => false,
            ValidationPolicy::Enforce => true,
        };
        let unless_warned = |error: String| if enforce { Err(error) } else { Ok(()) };
        let Some(subject) = &self.subject else {
            return unless_warned(format!("Topic {topic} requires schema but none is configured"));
        };
        let Some(id) = record.schema_id else {
            return unless_warned(format!("Message missing schema_id for topic {topic} (expected subject: {subject})"));
        };
        let Some((found, entry)) = registry.by_id(id) else {
            return Err(format!("Schema ID {id} not found in registry"));
        };
        if found != subject {
            return unless_warned(format!(
                "Schema subject mismatch for topic {topic}: message schema_id={id} belongs to subject '{found}', \
                 but topic requires '{subject}'"
            ));
        }
        if !self.check_payload {
            return Ok(());
        }
        let number = record.schema_version.unwrap_or(1);
        let Some(version) = entry.version(number) else {
            return Err(format!(
                "Schema version not found: {found}/{number} - Schema version {number} not found for subject: {found}"
            ));
        };
        payload_matches(&version.definition, &record.payload)
            .map_err(|reason| format!("Payload validation failed: {reason}"))
    }
}

fn payload_matches(definition: &Definition, payload: &[u8]) -> Result<(), String> {
    match definition {
        Definition::Bytes => Ok(()),
        Definition::Avro(schema) => {
            avro_matches(schema, payload).map_err(|error| format!("Avro validation failed: {error}"))
        }
        Definition::Protobuf(_) => Err("Protobuf validation not yet implemented".to_owned()),
        Definition::String => {
            std::str::from_utf8(payload).map(|_| ()).map_err(|error| format!("Invalid UTF-8 string: {error}"))
        }
        Definition::Number if matches!(payload.len(), 4 | 8) => Ok(()),
        Definition::Number => Err(format!("Invalid number: expected 4 or 8 bytes, got {}", payload.len())),
        Definition::JsonSchema(_) => serde_json::from_slice::<serde_json::Value>(payload)
            .map(|_| ())
            .map_err(|error| format!("Invalid JSON payload: {error}")),
    }
}

/// Whether the payload is a container file whose first record can be read by the schema.
fn avro_matches(schema: &str, payload: &[u8]) -> Result<(), String> {
    let schema = apache_avro::Schema::parse_str(schema).map_err(|error| error.to_string())?;
    let reader = apache_avro::Reader::builder(payload).reader_schema(&schema).build();
    match reader.map_err(|error| error.to_string())?.next() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("no data found".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Draft, *};

    fn registry() -> Registry {
        let mut registry = Registry::default();
        for (name, kind) in [("text", "string"), ("count", "number")] {
            let definition = Definition::parse(kind, b"").unwrap();
            let draft = Draft { definition, description: String::new(), created_by: String::new(), tags: vec![] };
            registry.register(name, draft).unwrap();
        }
        registry
    }

    fn message(schema_id: Option<u64>, payload: &'static [u8]) -> Record {
        Record { schema_id, payload: payload.into(), ..Record::default() }
    }

    #[test]
    fn the_first_producer_assigns_the_subject_and_others_must_use_it() {
        let registry = registry();
        let mut schema = TopicSchema::default();
        assert!(schema.claim("/d/t", "unknown", &registry).is_err());
        schema.claim("/d/t", "text", &registry).unwrap();
        schema.claim("/d/t", "text", &registry).unwrap();
        assert!(schema.claim("/d/t", "count", &registry).unwrap_err().contains("uses schema subject 'text'"));
    }

    #[test]
    fn warnings_let_everything_pass_but_unknown_ids() {
        let registry = registry();
        let schema = TopicSchema { subject: Some("text".to_owned()), ..TopicSchema::default() };
        assert!(schema.admit("/d/t", &message(None, b""), &registry).is_ok());
        assert!(schema.admit("/d/t", &message(Some(2), b""), &registry).is_ok());
        assert!(schema.admit("/d/t", &message(Some(9), b""), &registry).is_err());
    }

    #[test]
    fn enforcing_refuses_what_does_not_match() {
        let registry = registry();
        let subject = Some("text".to_owned());
        let mut schema = TopicSchema { subject, policy: ValidationPolicy::Enforce, ..TopicSchema::default() };
        assert!(schema.admit("/d/t", &message(None, b""), &registry).is_err());
        assert!(schema.admit("/d/t", &message(Some(2), b""), &registry).is_err());
        assert!(schema.admit("/d/t", &message(Some(1), b"\xff"), &registry).is_ok());
        schema.check_payload = true;
        assert!(schema.admit("/d/t", &message(Some(1), b"\xff"), &registry).is_err());
        schema.subject = None;
        assert!(schema.admit("/d/t", &message(Some(1), b""), &registry).is_err());
    }

    #[test]
    fn of_avro_only_containers_match_and_of_protobuf_nothing() {
        let avro = Definition::parse("avro", br#""long""#).unwrap();
        assert!(payload_matches(&avro, &[2]).unwrap_err().starts_with("Avro validation failed: "));
        assert!(payload_matches(&avro, b"1").is_err());
        let schema = apache_avro::Schema::parse_str(r#""long""#).unwrap();
        let mut writer = apache_avro::Writer::new(&schema, Vec::new()).unwrap();
        writer.append_value(1_i64).unwrap();
        payload_matches(&avro, &writer.into_inner().unwrap()).unwrap();
        let protobuf = Definition::parse("protobuf", b"syntax = \"proto3\"; message M {}").unwrap();
        assert!(payload_matches(&protobuf, b"").is_err());
    }
}
