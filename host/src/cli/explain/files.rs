//! Files: the granted folder that a path of the component's lies in, and what may be done there.

use std::path::Path;

use super::Answer;
use crate::{
    capability::files::{self, Access, Grant},
    config::Config,
};

pub(super) fn explain(config: &Config, path: &str) -> Answer {
    let (subject, file) = (format!("the file `{path}`"), config.file.display());
    let Some((Grant { host, access, .. }, grant, below)) =
        files::granted(&config.capabilities.dirs, path).map(|(grant, below)| (grant, grant.to_string(), below))
    else {
        let parent = Path::new(path).parent().unwrap_or(Path::new("/")).display();
        let line = format!("dirs = [{{ host = \"/FOLDER/HERE\", guest = \"{parent}\", mode = \"ro\" }}]");
        return Answer::deny(subject)
            .because("grant", format!("{file} grants no folder that it lies in"))
            .help(format!("add to [capabilities] of {file}: {line}"));
    };
    let mode = match access {
        Access::Read => "`ro`: it may be read, and not changed".to_owned(),
        Access::Write { .. } => "`rw`: it may be read and written, within the folder's quota".to_owned(),
    };
    let place = if below.is_empty() { host.clone() } else { host.join(below) };
    Answer::allow(subject)
        .because("grant", format!("{file}: {grant}"))
        .because("mode", mode)
        .because("file", format!("{}, as long as no link on the way leads out of the folder", place.display()))
}
