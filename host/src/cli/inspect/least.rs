//! The least connector file with which a component can use what it imports. It loads as it is; what the component can't
//! know stands in it as a placeholder.

use std::path::Path;

use super::{Sockets, sockets};
use crate::guest::{Area, Component};

/// The file's text. `path` is where the component is, as seen from the file.
pub(super) fn config(component: &Component, path: &Path) -> String {
    let name = name(path);
    let mut text = format!(
        "# What stands in capitals is to be filled in.\n\
         connector_name = \"{name}\"\n\
         danube_service_url = \"http://127.0.0.1:6650\"\n\
         \n\
         [component]\n\
         path = {}\n\
         sha256 = \"{}\"\n",
        // A file that is called `${` is no reference.
        toml::Value::from(path.display().to_string().replace("${", "$${")),
        component.sha256(),
    );
    let grants: Vec<_> = component.areas().iter().filter_map(|(area, imports)| grant(*area, imports)).collect();
    if !grants.is_empty() {
        text.push_str(&format!("\n[capabilities]\n{}", grants.concat()));
    }
    text.push_str(&format!(
        "\n\
         [processing]\n\
         # What becomes of a record that it rejects: \"stop\", \"skip\", or \"dead_letter\" with a topic under [dead_letter].\n\
         on_reject = \"stop\"\n\
         \n\
         # Its own settings, which its author knows.\n\
         [settings]\n\
         \n\
         [[settings.topic_mappings]]\n\
         topic = \"/default/TOPIC\"\n\
         subscription = \"{name}\"\n"
    ));
    text
}

/// The lines under [capabilities] that the imports of an area want.
fn grant(area: Area, imports: &[&str]) -> Option<String> {
    match area {
        Area::Http => Some("# Where it sends requests.\nhttp = [\"https://HOST.example\"]\n".to_owned()),
        // An environment without variables is one too, and most toolchains import it in any case.
        Area::Environment => None,
        Area::Sockets => {
            let imported = |kind| sockets(imports).contains(&kind);
            let tcp = imported(Sockets::Tcp).then_some("\"tcp://HOST.example:5432\"");
            let udp = imported(Sockets::Udp).then_some("\"udp://HOST.example:514\"");
            let lines: Vec<_> = tcp.into_iter().chain(udp).collect();
            let line = format!("# Where it connects sockets.\nsockets = [{}]\n", lines.join(", "));
            (!lines.is_empty()).then_some(line)
        }
        Area::Files => Some(
            "# The folders that it looks for, if it does; many toolchains import files in any case.\n\
             #dirs = [{ host = \"/FOLDER/HERE\", guest = \"/WHAT-IT-LOOKS-FOR\", mode = \"ro\" }]\n"
                .to_owned(),
        ),
        Area::Clocks | Area::Random | Area::Logging | Area::Stdio | Area::Plumbing => None,
    }
}

/// A connector's name, from the name of the component's file.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let fits = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = stem.chars().map(fits).collect();
    if name.is_empty() { "connector".to_owned() } else { name }
}
