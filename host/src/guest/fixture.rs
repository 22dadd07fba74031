//! For tests: small guests, written as core WebAssembly text and wrapped into components by the contract's own WIT.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract.
const WIT: &str = include_str!("../../../wit/v0.1/sink.wit");
/// Where guests return from: zeros, which is `ok` and an empty list.
pub(super) const OK: &str = "(i32.const 1024)";
/// The import `danube:sink/http.send`, as `$send`.
pub(super) const SEND: &str = r#"(import "danube:sink/http@0.1.0" "send" (func $send (param
    i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
/// The import `danube:sink/log.log`, as `$log`.
pub(super) const LOG: &str = r#"(import "danube:sink/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;

/// The core module of a guest: bodies of its functions, and what they refer to.
pub(super) struct Core {
    pub(super) imports: &'static str,
    pub(super) pages: u32,
    /// Bytes and where they stand.
    pub(super) data: Vec<(u32, Vec<u8>)>,
    /// Parameters: name pointer and length, instance, settings pointer and length.
    pub(super) initialize: String,
    pub(super) consumer_configs: String,
    /// Parameters: topic pointer and length, attempt, order, time limit, schemas pointer and length, records pointer and
    /// length.
    pub(super) process_batch: String,
    /// More functions.
    pub(super) more: &'static str,
}

impl Default for Core {
    fn default() -> Self {
        let ok = || OK.to_owned();
        Self {
            imports: "",
            pages: 2,
            data: vec![],
            initialize: ok(),
            consumer_configs: ok(),
            process_batch: ok(),
            more: "",
        }
    }
}

impl Core {
    /// A guest whose `process-batch` is this.
    pub(super) fn processing(body: impl Into<String>) -> Self {
        Self { process_batch: body.into(), ..Self::default() }
    }

    fn text(&self) -> String {
        let Self { imports, pages, data, initialize, consumer_configs, process_batch, more } = self;
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let data: String =
            data.iter().map(|(at, bytes)| format!("(data (i32.const {at}) \"{}\")\n", escaped(bytes))).collect();
        format!(
            r#"(module {imports}
                (memory (export "memory") {pages})
                (global $heap (mut i32) (i32.const 65536))
                (global $settings (mut i32) (i32.const 0))
                (global $settings_len (mut i32) (i32.const 0))
                (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and
                        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                        (i32.sub (i32.const 0) (local.get $align))))
                    (global.set $heap (i32.add (local.get $at) (local.get $size)))
                    (block $enough (loop $more
                        (br_if $enough
                            (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
                        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
                        unreachable))
                    (local.get $at))
                (func (export "danube:sink/sink@0.1.0#initialize")
                    (param $name i32) (param $name_len i32) (param $instance i32)
                    (param $settings i32) (param $settings_len i32) (result i32)
                    (global.set $settings (local.get $settings))
                    (global.set $settings_len (local.get $settings_len))
                    {initialize})
                (func (export "danube:sink/sink@0.1.0#consumer-configs") (result i32) {consumer_configs})
                (func $process_batch (export "danube:sink/sink@0.1.0#process-batch")
                    (param $topic i32) (param $topic_len i32)
                    (param $attempt i32) (param $order i32) (param $time_limit i32)
                    (param $schemas i32) (param $schemas_len i32) (param $records i32) (param $records_len i32)
                    (result i32) (local $i i32) (local $from i32) (local $to i32)
                    {process_batch})
                {more}
                {data})"#
        )
    }

    /// As a component of the world `sink-connector`.
    pub(super) fn build(&self) -> Vec<u8> {
        self.build_edited("sink-connector", &[])
    }

    /// As a component of this world, after these replacements in the contract and in the module.
    pub(super) fn build_edited(&self, world: &str, edits: &[(&str, &str)]) -> Vec<u8> {
        let edited = |text: &str| edits.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        wrap(&edited(WIT), world, &edited(&self.text()))
    }
}

/// A core module as a component of a world.
pub(super) fn wrap(wit: &str, world: &str, core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wat::parse_str(core).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// Numbers as they stand in memory.
pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
