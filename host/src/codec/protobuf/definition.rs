//! From what was registered to a message type: `.proto` text, or a `FileDescriptorSet` as bytes or in base64 (the broker
//! takes only text).

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_reflect::{
    DescriptorPool, FileDescriptor, Kind, MessageDescriptor, prost::Message, prost_types::FileDescriptorSet,
};
use protox::{
    Compiler,
    file::{File, FileResolver, GoogleFileResolver},
};

/// What the registered file is called in errors.
const FILE: &str = "schema.proto";
/// How deep braces may stand in each other; options are read by recursion.
const DEEPEST: usize = 200;

/// The file that a definition is about, with all that it needs.
pub(super) fn read(definition: &[u8]) -> Result<FileDescriptor, String> {
    if let Some(file) = descriptor_set(definition) {
        return file;
    }
    let text = std::str::from_utf8(definition).map_err(|_| "neither `.proto` text nor a `FileDescriptorSet`")?;
    let packed: String = text.split_ascii_whitespace().collect();
    match STANDARD.decode(packed).ok().as_deref().and_then(descriptor_set) {
        Some(file) => file,
        None => compile(text),
    }
}

/// The last file of a set: protoc puts what a file needs in front of it. `None`: it is no such set.
fn descriptor_set(bytes: &[u8]) -> Option<Result<FileDescriptor, String>> {
    let set = FileDescriptorSet::decode(bytes).ok()?;
    let last = set.file.last()?.name.clone().filter(|name| !name.is_empty())?;
    let pool = DescriptorPool::from_file_descriptor_set(set).map_err(|error| {
        format!("{error} (a `FileDescriptorSet` must hold all files that it needs: `protoc --include_imports`)")
    });
    Some(pool.and_then(|pool| pool.get_file_by_name(&last).ok_or_else(|| format!("no file `{last}`"))))
}

fn compile(text: &str) -> Result<FileDescriptor, String> {
    if nesting(text) > DEEPEST {
        return Err(format!("braces nested deeper than {DEEPEST} levels"));
    }
    let source = Registered { text: text.to_owned(), google: GoogleFileResolver::new() };
    let mut compiler = Compiler::with_file_resolver(source);
    compiler.include_imports(true);
    // The debug form has the line and the column.
    compiler.open_file(FILE).map_err(|error| format!("{error:?}{}", imports(&error.to_string())))?;
    compiler.descriptor_pool().get_file_by_name(FILE).ok_or_else(|| format!("no file `{FILE}`"))
}

fn imports(error: &str) -> &'static str {
    if !error.starts_with("import ") {
        return "";
    }
    " (only `google/protobuf/*.proto` can be imported: put the types into one file, or register the base64 of a \
     `FileDescriptorSet` made with `protoc --include_imports`)"
}

fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    let depths = text.bytes().map(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth
    });
    depths.max().unwrap_or_default()
}

struct Registered {
    text: String,
    google: GoogleFileResolver,
}

impl FileResolver for Registered {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == FILE { File::from_source(FILE, &self.text) } else { self.google.open_file(name) }
    }
}

/// The type of the messages: the one of the registered name, or the only one at the top level of the file that no other
/// refers to.
pub(super) fn message(file: &FileDescriptor, named: Option<&str>) -> Result<MessageDescriptor, String> {
    let top: Vec<MessageDescriptor> = file.messages().collect();
    let is_named = |message: &&MessageDescriptor| Some(message.name()) == named || Some(message.full_name()) == named;
    if let Some(message) = top.iter().find(is_named) {
        return Ok(message.clone());
    }
    let mut referred = BTreeSet::new();
    for message in &top {
        let mut types = BTreeSet::new();
        collect(message, &mut types);
        types.retain(|name| name != message.full_name());
        referred.extend(types);
    }
    let roots: Vec<_> = top.iter().filter(|message| !referred.contains(message.full_name())).collect();
    match roots.as_slice() {
        [only] => Ok((*only).clone()),
        [] if top.is_empty() => Err("the file defines no message".to_owned()),
        _ => {
            let names: Vec<_> = top.iter().map(|message| format!("`{}`", message.name())).collect();
            Err(format!(
                "which of the messages {} the records hold can't be told: register each under a subject of its own, or \
                 put a message that holds them (`oneof`) beside them",
                names.join(", ")
            ))
        }
    }
}

/// The types of all fields of a message and of the messages defined inside it.
fn collect(message: &MessageDescriptor, types: &mut BTreeSet<String>) {
    for field in message.fields() {
        if let Kind::Message(kind) = field.kind() {
            types.insert(kind.full_name().to_owned());
        }
    }
    message.child_messages().for_each(|child| collect(&child, types));
}
