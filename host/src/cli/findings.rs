//! What a component imports, held against what its file grants.

use crate::{
    config::Config,
    guest::{Area, Component},
};

/// Warnings about grants that are of no use, and about imports that will be refused whatever the guest does with them.
pub(super) fn grants_against_imports(config: &Config, component: &Component) -> Vec<String> {
    let areas = component.areas();
    let file = config.file.display();
    let mut found = Vec::new();
    let has_http = !config.capabilities.http.is_empty();
    if has_http && !areas.contains_key(&Area::Http) {
        found.push(format!(
            "warning: {file} grants HTTP, and the component never imports it\nhelp: remove `http` from [capabilities]"
        ));
    }
    if !has_http && areas.contains_key(&Area::Http) {
        found.push(format!(
            "warning: the component imports HTTP, and {file} grants none: every request will be refused\n\
             help: add `http = [\"https://host:port\"]` to [capabilities]"
        ));
    }
    if !config.capabilities.env.is_empty() && !areas.contains_key(&Area::Environment) {
        found.push(format!(
            "warning: {file} grants environment variables, and the component never reads any\n\
             help: remove [capabilities.env]"
        ));
    }
    found
}
