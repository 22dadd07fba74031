//! Avro data that was published as JSON, in Avro's own JSON encoding or as serde and other libraries write the same
//! values: without the wrappers of unions, and without the fields that have a default. It becomes the JSON that the same
//! values would become if they had been binary.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    fault::{Budget, Fault},
    leaf,
    shape::{Branch, BytesAs, Field, Id, Shape, Shapes},
};

/// Every value is read again for each level that it stands in, and again for each type of a union that it might have.
const READ_FOR_FREE: usize = 1 << 20;
const READ_FOR_A_BYTE: usize = 256;

/// Reads one JSON document.
pub(super) fn read(shapes: &Shapes, document: &str) -> Result<String, Fault> {
    let budget = Budget::new(READ_FOR_FREE + READ_FOR_A_BYTE * document.len());
    let mut reader = Reader { shapes, budget, out: String::with_capacity(document.len()) };
    reader.value(shapes.root, document.trim_ascii(), 0)?;
    Ok(reader.out)
}

struct Reader<'a> {
    shapes: &'a Shapes,
    budget: Budget,
    out: String,
}

impl Reader<'_> {
    fn value(&mut self, id: Id, text: &str, depth: usize) -> Result<(), Fault> {
        self.budget.spend(text.len(), depth)?;
        match self.shapes.get(id) {
            Shape::Null => self.out.push_str(one_of(text, &["null"], "null")?),
            Shape::Boolean => self.out.push_str(one_of(text, &["false", "true"], "a boolean")?),
            Shape::Int(meaning) => leaf::int(&mut self.out, parse(text, "an int")?, *meaning)?,
            Shape::Long(meaning) => leaf::long(&mut self.out, parse(text, "a long")?, *meaning)?,
            Shape::Float | Shape::Double => self.number(text)?,
            Shape::Bytes(meaning) => leaf::bytes(&mut self.out, &bytes(text)?, *meaning)?,
            Shape::Fixed { size, meaning } => self.fixed(text, *size, *meaning)?,
            Shape::String => leaf::string(&mut self.out, &string(text, "a string")?),
            Shape::Enum(symbols) => {
                let symbol = string(text, "a symbol")?;
                if !symbols.contains(&symbol) {
                    return Err(format!("`{symbol}` is none of the symbols").into());
                }
                leaf::string(&mut self.out, &symbol);
            }
            Shape::Union(branches) => self.union(branches, text, depth)?,
            Shape::Record(fields) => self.record(fields, text, depth)?,
            Shape::Array(items) => {
                self.out.push('[');
                for (index, item) in parse::<Vec<&RawValue>>(text, "an array")?.into_iter().enumerate() {
                    self.comma(index);
                    self.value(*items, item.get(), depth + 1).map_err(|fault| fault.inside_item(index))?;
                }
                self.out.push(']');
            }
            Shape::Map(values) => {
                self.out.push('{');
                for (index, (key, value)) in object(text, "a map")?.iter().enumerate() {
                    self.comma(index);
                    leaf::string(&mut self.out, key);
                    self.out.push(':');
                    self.value(*values, value.get(), depth + 1).map_err(|fault| fault.inside(key))?;
                }
                self.out.push('}');
            }
        }
        Ok(())
    }

    /// Floating point keeps the digits that were published.
    fn number(&mut self, text: &str) -> Result<(), Fault> {
        if matches!(text, "\"NaN\"" | "\"Infinity\"" | "\"-Infinity\"") {
            self.out.push_str(text);
            return Ok(());
        }
        parse::<f64>(text, "a number")?;
        self.out.push_str(text);
        Ok(())
    }

    fn fixed(&mut self, text: &str, size: usize, meaning: BytesAs) -> Result<(), Fault> {
        let bytes = bytes(text)?;
        if bytes.len() != size {
            return Err(format!("{} bytes, not {size}", bytes.len()).into());
        }
        Ok(leaf::bytes(&mut self.out, &bytes, meaning)?)
    }

    fn record(&mut self, fields: &[Field], text: &str, depth: usize) -> Result<(), Fault> {
        let mut members = object(text, "a record")?;
        self.out.push('{');
        for (index, field) in fields.iter().enumerate() {
            self.comma(index);
            self.out.push_str(&field.label);
            let value = match (members.remove(field.name.as_str()), &field.default) {
                (Some(value), _) => value.get(),
                (None, Some(default)) => default,
                (None, None) if self.is_nullable(field.shape) => "null",
                (None, None) => return Err(Fault::from("it is missing").inside(&field.name)),
            };
            self.value(field.shape, value, depth + 1).map_err(|fault| fault.inside(&field.name))?;
        }
        self.out.push('}');
        match members.pop_first() {
            Some((name, _)) => Err(format!("the schema has no field `{name}`").into()),
            None => Ok(()),
        }
    }

    fn is_nullable(&self, id: Id) -> bool {
        let is_null = |branch: &Branch| matches!(self.shapes.get(branch.shape), Shape::Null);
        matches!(self.shapes.get(id), Shape::Union(branches) if branches.iter().any(is_null))
    }

    /// The type that the value is wrapped in, or else the first type that it can be.
    fn union(&mut self, branches: &[Branch], text: &str, depth: usize) -> Result<(), Fault> {
        let start = self.out.len();
        if let Some((branch, inside)) = wrapped(branches, text) {
            if self.value(branch.shape, &inside, depth + 1).is_ok() {
                return Ok(());
            }
            self.out.truncate(start);
        }
        let mut faults = Vec::new();
        for branch in branches {
            match self.value(branch.shape, text, depth + 1) {
                Ok(()) => return Ok(()),
                Err(fault) => faults.push(fault),
            }
            self.out.truncate(start);
        }
        match faults.pop() {
            // Of a value that may be absent, what matters is why it is not the other thing.
            Some(fault) if faults.len() <= 1 => Err(fault),
            Some(_) | None => Err("it is none of the union's types".into()),
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push(',');
        }
    }
}

/// `{"type": value}`.
fn wrapped<'a>(branches: &'a [Branch], text: &str) -> Option<(&'a Branch, String)> {
    let members = object(text, "a wrapped value").ok()?;
    let (name, value) = members.first_key_value().filter(|_| members.len() == 1)?;
    let branch = branches.iter().find(|branch| branch.name == **name)?;
    Some((branch, value.get().to_owned()))
}

fn object<'a>(text: &'a str, expected: &str) -> Result<BTreeMap<String, &'a RawValue>, Fault> {
    parse(text, expected)
}

fn string(text: &str, expected: &str) -> Result<String, Fault> {
    parse(text, expected)
}

/// A character for each byte, as Avro's JSON encoding has it, or an array of numbers, as serde writes a `Vec<u8>`.
fn bytes(text: &str) -> Result<Vec<u8>, Fault> {
    if text.starts_with('[') {
        return parse(text, "bytes");
    }
    let byte = |c: char| u8::try_from(c).map_err(|_| Fault::from(format!("`{c}` does not stand for a byte")));
    string(text, "bytes")?.chars().map(byte).collect()
}

fn one_of<'a>(text: &'a str, accepted: &[&str], expected: &str) -> Result<&'a str, Fault> {
    if accepted.contains(&text) { Ok(text) } else { Err(unexpected(text, expected)) }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str, expected: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|_| unexpected(text, expected))
}

fn unexpected(text: &str, expected: &str) -> Fault {
    let shown: Cow<'_, str> = match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    };
    format!("expected {expected}, found {shown}").into()
}
