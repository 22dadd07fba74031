//! Files that are no components, or almost: each is refused with a word about it, and the others run.

use std::{fs, fs::File, io::Write, os::unix::fs::symlink, path::Path};

use danube_wasm_tests::{guests, rig::Rig};

use super::{Bystander, status};

/// How a component begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const JUNK: u64 = 100 << 20;
const LARGE: u64 = 8 << 20;
/// The most that a person has to read.
const LONGEST: usize = 6000;

/// The probe with one text in it replaced by another of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(guests::GUEST_PROBE).unwrap();
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, it)| *it == from.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{from}");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

/// A file that takes no room on the disk: these bytes, then zeros.
fn huge(path: &Path, size: u64, start: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(start).unwrap();
    file.set_len(size).unwrap();
}

const EMPTY: &str = "is not a WebAssembly component: the file is empty";
const TRUNCATED: &str = "is not a WebAssembly component: the file is truncated";
const MODULE: &str = "is not a WebAssembly component: this is a core module";
const FORMAT: &str = "is not a WebAssembly component: its binary format is";
const TEXT: &str = "is not a WebAssembly component: this is WebAssembly text";
const SOMETHING: &str = "the file is not WebAssembly at all; `path` under [component]";
const INVALID: &str = "can't compile";
const NO_SINK: &str = "is not a sink connector for this host: it exports no danube:sink/sink";
const OTHER_SINK: &str = "is not a sink connector for this host";
const MISSING: &str = "needs what this host does not provide";
const TOO_LARGE: &str = "is too large for a component: limit 64 MiB (limits.component_size)";
const UNREADABLE: &str = "can't read";

/// One of these is in each of them: what to do, or what to look at.
const HELP: [&str; 8] = [
    "build or copy it again",
    "help: ",
    "build for wasm32-wasip2",
    "wasm-tools parse",
    "current toolchain",
    "`path` under [component]",
    "limits.component_size",
    "can't read",
];

/// What is in the file, and what the host says of it.
fn contents() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = fs::read(guests::GUEST_PROBE).unwrap();
    let flipped = |from: usize, count: usize| {
        let mut bytes = whole.clone();
        bytes[from..from + count].iter_mut().for_each(|byte| *byte ^= 0xff);
        bytes
    };
    let half = whole.len() / 2;
    let noise = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    vec![
        ("empty", Vec::new(), EMPTY),
        ("magic", b"\0asm".to_vec(), TRUNCATED),
        ("half", whole[..half].to_vec(), TRUNCATED),
        ("all-but-one", whole[..whole.len() - 1].to_vec(), TRUNCATED),
        ("module", [b"\0asm\x01\0\0\0".as_slice(), &[0; 8]].concat(), MODULE),
        ("flipped-magic", flipped(1, 1), SOMETHING),
        ("flipped-version", flipped(4, 1), FORMAT),
        ("flipped-middle", flipped(half, 4096), INVALID),
        ("junk", COMPONENT.iter().copied().chain(noise).collect(), TRUNCATED),
        ("only-a-header", COMPONENT.to_vec(), NO_SINK),
        ("other-sink", renamed("danube:sink/sink@0.1.0", "danube:sink/sank@0.1.0"), OTHER_SINK),
        ("other-import", renamed("wasi:random/random@0.2.", "wasi:random/rundom@0.2."), MISSING),
        ("other-version", renamed("danube:sink/log@0.1.0", "danube:sink/log@0.9.0"), MISSING),
        ("text", b"(component)".to_vec(), TEXT),
        ("script", b"#!/bin/sh\nexit 0\n".to_vec(), SOMETHING),
        ("program", fs::read("/proc/self/exe").unwrap()[..4096].to_vec(), SOMETHING),
    ]
}

/// All of them as files, with those that are large and those that are none.
fn files(rig: &Rig) -> Vec<(String, &'static str)> {
    let folder = rig.folder();
    for (name, bytes, _) in contents() {
        fs::write(folder.join(name), bytes).unwrap();
    }
    huge(&folder.join("huge-zeros"), JUNK, b"");
    huge(&folder.join("huge-junk"), JUNK, &[COMPONENT, &[1]].concat());
    // A section of its own that holds the rest: valid, and a component without anything.
    huge(&folder.join("large-and-valid"), LARGE, &[COMPONENT, &[0, 0xf3, 0xff, 0xff, 0x03, 0]].concat());
    symlink("/nowhere/at/all", folder.join("dangling")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    let more = [
        ("huge-zeros", TOO_LARGE),
        ("huge-junk", TOO_LARGE),
        ("large-and-valid", NO_SINK),
        ("/dev/zero", UNREADABLE),
        (".", UNREADABLE),
        ("missing", UNREADABLE),
        ("dangling", UNREADABLE),
        ("loop", UNREADABLE),
    ];
    let contents = contents().into_iter().map(|(name, _, expected)| (name, expected));
    contents.chain(more).map(|(name, expected)| (folder.join(name).to_str().unwrap().to_owned(), expected)).collect()
}

#[tokio::test]
async fn that_are_no_sinks_are_refused_with_a_reason() {
    let rig = Rig::start().await;
    let bystander = Bystander::new(&rig).await;
    let topic = rig.topic().await;
    let files = files(&rig);
    // Each on a subscription of its own: two connectors may not share one.
    let connector = |(n, (path, _)): (usize, &(String, &str))| {
        rig.connector(path).consume(&topic).mapping("subscription", format!("s{n}"))
    };
    let connectors: Vec<_> = files.iter().enumerate().map(connector).collect();
    let host = rig.start_host(&[&connectors[..], std::slice::from_ref(&bystander.connector)].concat()).await;
    let mut wrong = Vec::new();
    for ((path, expected), connector) in files.iter().zip(&connectors) {
        host.until_failed(connector).await;
        let told = status(&host, connector).await["phase"].as_str().unwrap_or_default().to_owned();
        let is_helpful = HELP.iter().any(|help| told.contains(help));
        if !told.contains(expected) || !is_helpful || told.len() > LONGEST {
            wrong.push(format!("{path}\n  expected: {expected}\n       got: {told:.500}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows\n{}", wrong.len(), files.len(), wrong.join("\n"));
    bystander.goes_on(&rig, &host).await;
}
