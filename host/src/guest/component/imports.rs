//! What components import, in plain words, and which of it this host has.

use std::fmt;

use semver::Version;

use super::{is_compatible, split_version};

/// What an import is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Calling HTTP servers.
    Http,
    /// TCP, UDP, name lookup, and TLS by the host.
    Sockets,
    /// Files in granted folders.
    Files,
    /// Environment variables and arguments.
    Environment,
    /// The time, and waiting.
    Clocks,
    /// Random numbers.
    Random,
    /// Lines in the host's log.
    Logging,
    /// Standard input, output and error.
    Stdio,
    /// What the others are made of: streams, polling, exit, the contract's types.
    Plumbing,
}

impl Area {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Http,
        Self::Sockets,
        Self::Files,
        Self::Environment,
        Self::Clocks,
        Self::Random,
        Self::Logging,
        Self::Stdio,
        Self::Plumbing,
    ];
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP out",
            Self::Sockets => "TCP and UDP sockets",
            Self::Files => "files",
            Self::Environment => "environment",
            Self::Clocks => "clocks",
            Self::Random => "random numbers",
            Self::Logging => "logging",
            Self::Stdio => "stdio",
            Self::Plumbing => "plumbing",
        })
    }
}

/// One imported interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its name with the version, as the component has it.
    pub interface: String,
    /// What it is good for.
    pub area: Area,
}

const WASI: &str = "0.2.0";
const DANUBE: &str = "0.1.0";
/// As wasmtime has it: not a standard yet.
const TLS: &str = "0.2.0-draft";

/// The interfaces of this host.
const PROVIDED: &[(&str, &str, Area)] = &[
    ("danube:sink/http", DANUBE, Area::Http),
    ("danube:sink/log", DANUBE, Area::Logging),
    ("danube:sink/records", DANUBE, Area::Plumbing),
    ("wasi:cli/environment", WASI, Area::Environment),
    ("wasi:cli/exit", WASI, Area::Plumbing),
    ("wasi:cli/stderr", WASI, Area::Stdio),
    ("wasi:cli/stdin", WASI, Area::Stdio),
    ("wasi:cli/stdout", WASI, Area::Stdio),
    ("wasi:cli/terminal-input", WASI, Area::Stdio),
    ("wasi:cli/terminal-output", WASI, Area::Stdio),
    ("wasi:cli/terminal-stderr", WASI, Area::Stdio),
    ("wasi:cli/terminal-stdin", WASI, Area::Stdio),
    ("wasi:cli/terminal-stdout", WASI, Area::Stdio),
    ("wasi:clocks/monotonic-clock", WASI, Area::Clocks),
    ("wasi:clocks/wall-clock", WASI, Area::Clocks),
    ("wasi:filesystem/preopens", WASI, Area::Files),
    ("wasi:filesystem/types", WASI, Area::Files),
    ("wasi:http/outgoing-handler", WASI, Area::Http),
    ("wasi:http/types", WASI, Area::Http),
    ("wasi:io/error", WASI, Area::Plumbing),
    ("wasi:io/poll", WASI, Area::Plumbing),
    ("wasi:io/streams", WASI, Area::Plumbing),
    ("wasi:random/insecure", WASI, Area::Random),
    ("wasi:random/insecure-seed", WASI, Area::Random),
    ("wasi:random/random", WASI, Area::Random),
    ("wasi:sockets/instance-network", WASI, Area::Sockets),
    ("wasi:sockets/ip-name-lookup", WASI, Area::Sockets),
    ("wasi:sockets/network", WASI, Area::Sockets),
    ("wasi:sockets/tcp", WASI, Area::Sockets),
    ("wasi:sockets/tcp-create-socket", WASI, Area::Sockets),
    ("wasi:sockets/udp", WASI, Area::Sockets),
    ("wasi:sockets/udp-create-socket", WASI, Area::Sockets),
    ("wasi:tls/types", TLS, Area::Sockets),
];

/// The imports, or every one of them that this host does not have, with a word about it.
pub(super) fn resolve<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Import>, Vec<String>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match area(name) {
            Ok(area) => found.push(Import { interface: name.to_owned(), area }),
            Err(why) => missing.push(format!("`{name}`: {why}")),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(missing) }
}

fn area(name: &str) -> Result<Area, String> {
    let (interface, version) = split_version(name);
    let package = interface.split('/').next().unwrap_or_default();
    let provided = PROVIDED.iter().find(|(offered, ..)| *offered == interface);
    let offered = provided.and_then(|(_, version, area)| Some((Version::parse(version).ok()?, *area)));
    match (offered, version) {
        (Some((offered, area)), Some(wanted)) if is_compatible(&wanted, &offered) => Ok(area),
        (Some((offered, _)), _) if !offered.pre.is_empty() => Err(format!("this host has version {offered} of it")),
        (Some((offered, _)), _) => Err(format!("this host has version {}.{} of it", offered.major, offered.minor)),
        (None, Some(_)) if package == "wasi:http" => Err("a sink calls out, it is not called".to_owned()),
        (None, Some(_)) if package.starts_with("wasi:") => {
            Err("a part of WASI that this host does not have".to_owned())
        }
        (None, Some(_) | None) => {
            Err("not an interface of this host; was it built for the world danube:sink/sink-connector?".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::engine;

    #[test]
    fn every_missing_import_is_listed() {
        let names = [
            "acme:kv/store@1.0.0",
            "wasi:cli/environment@0.2.3",
            "wasi:http/incoming-handler@0.2.0",
            "wasi:keyvalue/store@0.2.0",
            "wasi:clocks/wall-clock@0.3.0",
            "danube:sink/http@0.2.0",
            "wasi:tls/types@0.3.0-draft",
            "helper",
        ];
        let foreign = "not an interface of this host; was it built for the world danube:sink/sink-connector?";
        assert_eq!(
            resolve(names.into_iter()).unwrap_err(),
            [
                format!("`acme:kv/store@1.0.0`: {foreign}"),
                "`wasi:http/incoming-handler@0.2.0`: a sink calls out, it is not called".into(),
                "`wasi:keyvalue/store@0.2.0`: a part of WASI that this host does not have".into(),
                "`wasi:clocks/wall-clock@0.3.0`: this host has version 0.2 of it".into(),
                "`danube:sink/http@0.2.0`: this host has version 0.1 of it".into(),
                "`wasi:tls/types@0.3.0-draft`: this host has version 0.2.0-draft of it".into(),
                format!("`helper`: {foreign}"),
            ]
        );
    }

    #[test]
    fn whatever_is_said_to_be_provided_can_be_linked() {
        let engine = wasmtime::Engine::default();
        let linker = engine::linker(&engine).unwrap();
        // A linker does not say what it has, but it does say that it has something else than a function by that name.
        let links = |interface: &str, version: &str| {
            let text = format!("(component (import \"{interface}@{version}\" (func)))");
            let component = wasmtime::component::Component::from_binary(&engine, &wat::parse_str(text).unwrap());
            let Err(error) = linker.instantiate_pre(&component.unwrap()) else { panic!("{interface} is a function") };
            format!("{error:#}").contains("found instance")
        };
        for (interface, version, _) in PROVIDED {
            assert!(links(interface, version), "{interface}");
        }
        assert!(!links("wasi:http/incoming-handler", WASI));
    }
}
