//! A look at a core module: what it exports and imports, and the world that it carries.

use std::collections::BTreeSet;

use wasmparser::{Encoding, Parser, Payload};
use wit_component::metadata;
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

use super::{ADAPTER, Error, PREVIEW1, World};

/// What a core module says of itself.
#[derive(Debug, Default)]
pub(super) struct Module {
    exports: BTreeSet<String>,
    /// Module and name.
    imports: BTreeSet<(String, String)>,
    /// The one that its bindings put into it.
    pub(super) world: Option<OwnWorld>,
}

/// A world that a module carries.
#[derive(Debug)]
pub(super) struct OwnWorld {
    /// Interfaces and functions.
    pub(super) exports: Vec<String>,
}

impl Module {
    /// Reads a file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |error: wasmparser::BinaryReaderError| Error::NotWasm { what: error.message().to_owned() };
        if !bytes.starts_with(b"\0asm") {
            return Err(Error::NotWasm { what: "it does not begin as one".to_owned() });
        }
        let mut module = Self::default();
        let mut carries_world = false;
        for payload in Parser::new(0).parse_all(bytes) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the other sections are the compiler's own affair")]
            match payload.map_err(damaged)? {
                Payload::Version { encoding: Encoding::Component, .. } => return Err(Error::Component),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        module.exports.insert(export.map_err(damaged)?.name.to_owned());
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(damaged)?;
                        module.imports.insert((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::CustomSection(section) => carries_world |= section.name().starts_with("component-type"),
                _ => {}
            }
        }
        if carries_world {
            let (_, bound) = metadata::decode(bytes).map_err(Error::internal)?;
            module.world = Some(OwnWorld::new(&bound.resolve, bound.world));
        }
        Ok(module)
    }

    /// The world of the contract that it seems to be written for.
    pub(super) fn world_of_exports(&self) -> World {
        let has_lifecycle = self.exports.iter().any(|export| export.starts_with("danube:sink/lifecycle@"));
        if has_lifecycle { World::SinkConnectorWithLifecycle } else { World::SinkConnector }
    }

    /// Whether it has everything that a world wants of it, and wants nothing else than the world and WASI have.
    pub(super) fn fits(&self, resolve: &Resolve, world: WorldId) -> Result<(), Error> {
        let shape = &resolve.worlds[world];
        let mut needed = BTreeSet::from(["memory".to_owned(), "cabi_realloc".to_owned()]);
        needed.extend(functions(resolve, &shape.exports).map(|(interface, name)| format!("{interface}#{name}")));
        let missing: Vec<_> = needed.difference(&self.exports).cloned().collect();
        if !missing.is_empty() {
            return Err(Error::Exports { world: shape.name.clone(), missing, help: self.how_to_export() });
        }
        let mut given: BTreeSet<_> = functions(resolve, &shape.imports).collect();
        given.extend(Self::read(ADAPTER)?.exports.into_iter().map(|name| (PREVIEW1.to_owned(), name)));
        let unknown: Vec<_> = self.imports.difference(&given).collect();
        if let Some((module, _)) = unknown.first() {
            let help = how_to_import(module);
            let unknown = unknown.iter().map(|(module, name)| format!("{module} {name}")).collect();
            return Err(Error::Imports { unknown, help });
        }
        Ok(())
    }

    fn how_to_export(&self) -> &'static str {
        if self.exports.contains("_start") {
            "it is a program; build a library: `-mexec-model=reactor` for C, `-buildmode=c-shared` for Go"
        } else {
            "register the sink with the SDK's function or macro, and let the linker keep what is exported"
        }
    }
}

/// What to do about imports of a module that has none of them.
fn how_to_import(module: &str) -> &'static str {
    if module == "env" {
        "the linker found no definition of these; link the files or libraries that have them"
    } else if module == PREVIEW1 || module == "wasi_unstable" {
        "build for wasm32-wasip1; this is of another version of WASI"
    } else if module.starts_with("danube:sink/") {
        "the contract that this command brings has no such function; use the SDK that comes with it"
    } else {
        "its bindings must put their world into the module (a section `component-type`), or it must do without"
    }
}

impl OwnWorld {
    fn new(resolve: &Resolve, world: WorldId) -> Self {
        Self { exports: resolve.worlds[world].exports.keys().map(|key| resolve.name_world_key(key)).collect() }
    }

    /// Whether it exports some version of the contract's sink.
    pub(super) fn has_sink(&self) -> bool {
        self.exports.iter().any(|name| name.starts_with("danube:sink/sink@"))
    }
}

/// The functions in interfaces of a world: interface and name.
fn functions<'a>(
    resolve: &'a Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> impl Iterator<Item = (String, String)> {
    items.into_iter().flat_map(|(key, item)| {
        let names: Vec<_> = match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].functions.keys().cloned().collect(),
            // The contract has none outside of interfaces.
            WorldItem::Function(_) | WorldItem::Type { .. } => Vec::new(),
        };
        let interface = resolve.name_world_key(key);
        names.into_iter().map(move |name| (interface.clone(), name))
    })
}
