//! Protobuf by its registered definition. Messages become the JSON that Protobuf itself maps them to (ProtoJSON).

mod definition;
mod json;
#[cfg(test)]
mod tests;

use prost_reflect::{Cardinality, DynamicMessage, MessageDescriptor, ReflectMessage, Value};

/// A message type, ready for reading data.
#[derive(Debug)]
pub struct Protobuf {
    message: MessageDescriptor,
    /// Whether any type that it may hold has a `required` field.
    has_required: bool,
}

impl Protobuf {
    /// Reads a definition and picks the type of its messages, `named` if it has one of that name. An error says what is
    /// wrong with the definition.
    pub(super) fn new(definition: &[u8], named: Option<&str>) -> Result<Self, String> {
        let file = definition::read(definition)?;
        let message = definition::message(&file, named)?;
        let is_required =
            |message: MessageDescriptor| message.fields().any(|field| field.cardinality() == Cardinality::Required);
        let has_required = file.parent_pool().all_messages().any(is_required);
        Ok(Self { message, has_required })
    }

    /// The JSON of a message.
    pub(super) fn decode(&self, payload: &[u8]) -> Result<String, String> {
        let name = self.message.full_name();
        let message =
            DynamicMessage::decode(self.message.clone(), payload).map_err(|error| format!("`{name}`: {error}"))?;
        if let Some(path) = self.has_required.then(|| missing(&message)).flatten() {
            return Err(format!("`{name}`: required field `{path}` is missing"));
        }
        json::write(&message).map_err(|error| format!("`{name}`: {error}"))
    }
}

/// The path to a required field that a message lacks; Protobuf's libraries write no such message.
fn missing(message: &DynamicMessage) -> Option<String> {
    let required = |field: &prost_reflect::FieldDescriptor| field.cardinality() == Cardinality::Required;
    if let Some(field) = message.descriptor().fields().find(|field| required(field) && !message.has_field(field)) {
        return Some(field.name().to_owned());
    }
    message.fields().find_map(|(field, value)| missing_in(value).map(|path| format!("{}.{path}", field.name())))
}

fn missing_in(value: &Value) -> Option<String> {
    match value {
        Value::Message(message) => missing(message),
        Value::List(items) => items.iter().find_map(missing_in),
        Value::Map(entries) => entries.values().find_map(missing_in),
        Value::Bool(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U32(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::EnumNumber(_) => None,
    }
}
