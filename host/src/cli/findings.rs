//! What a component imports, held against what its file grants.

use crate::{
    config::{Config, Mode},
    guest::{Area, Component},
};

/// What becomes of an import under a connector's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// It needs no grant.
    Free,
    /// These grants let the component use it.
    Granted(Vec<String>),
    /// Nothing grants it, and the file only observes: it leads to public addresses.
    Observed,
    /// Whatever the component does with it is refused. The line for [capabilities] that would change it, if one would.
    Refused(Option<&'static str>),
}

/// What becomes of the imports of an area.
pub(super) fn access(area: Area, config: &Config) -> Access {
    let capabilities = &config.capabilities;
    let observes = matches!(capabilities.mode, Mode::Observe { .. });
    match area {
        Area::Http if observes && capabilities.http.is_empty() => Access::Observed,
        Area::Sockets if observes && capabilities.sockets.is_empty() => Access::Observed,
        Area::Http if capabilities.http.is_empty() => Access::Refused(Some("http = [\"https://host:port\"]")),
        Area::Http => Access::Granted(capabilities.http.iter().map(ToString::to_string).collect()),
        Area::Sockets if capabilities.sockets.is_empty() => Access::Refused(Some("sockets = [\"tcp://host:port\"]")),
        Area::Sockets => Access::Granted(capabilities.sockets.iter().map(ToString::to_string).collect()),
        Area::Files if capabilities.dirs.is_empty() => {
            Access::Refused(Some("dirs = [{ host = \"/var/spool/x\", guest = \"/spool\", mode = \"ro\" }]"))
        }
        Area::Files => Access::Granted(capabilities.dirs.iter().map(ToString::to_string).collect()),
        Area::Environment if capabilities.env.is_empty() => Access::Free,
        Area::Environment => Access::Granted(capabilities.env.iter().map(|(name, _)| name.clone()).collect()),
        Area::Clocks | Area::Random | Area::Logging | Area::Stdio | Area::Plumbing => Access::Free,
    }
}

/// Warnings about grants that are of no use, and about imports that will be refused whatever the guest does with them.
pub(super) fn grants_against_imports(config: &Config, component: &Component) -> Vec<String> {
    let areas = component.areas();
    let file = config.file.display();
    let finding = |area: Area| match (access(area, config), areas.contains_key(&area)) {
        (Access::Granted(_), false) => Some(format!(
            "warning: {file} grants {area}, and the component never imports it\nhelp: remove `{}` from [capabilities]",
            key(area)
        )),
        (Access::Refused(Some(line)), true) => Some(format!(
            "warning: the component imports {area}, and {file} grants none: whatever it does with it will be refused\n\
             help: add `{line}` to [capabilities]"
        )),
        (Access::Free | Access::Observed | Access::Refused(None), _)
        | (Access::Granted(_), true)
        | (Access::Refused(_), false) => None,
    };
    Area::ALL.into_iter().filter_map(finding).collect()
}

/// The key of [capabilities] that an area is granted by.
fn key(area: Area) -> &'static str {
    match area {
        Area::Http => "http",
        Area::Sockets => "sockets",
        Area::Environment => "env",
        Area::Files => "dirs",
        Area::Clocks | Area::Random | Area::Logging | Area::Stdio | Area::Plumbing => "",
    }
}
