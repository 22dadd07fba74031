//! The folders of the host that connector files may grant.

use std::{
    fmt,
    path::{Component, PathBuf},
};

use serde_spanned::Spanned;

use super::raw;
use crate::{
    capability::files::{Access, Grant},
    config::{dirs, mistake::Mistake, resolver::Resolver, snippet::Place, units},
};

/// A folder, and what may be granted of it and of what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct FolderBound {
    host: PathBuf,
    access: Access,
}

impl FolderBound {
    pub(super) fn resolve(written: &Spanned<raw::Folder>, resolver: &mut Resolver<'_>) -> Option<Self> {
        let raw::Folder { host, mode, quota } = written.get_ref();
        let access = dirs::access(mode, quota, &written.span(), resolver);
        let Some(host) = host else {
            let mistake = Mistake::Missing { key: "host", example: "host = \"/var/spool\"" };
            resolver.refuse(Place::Span(written.span()), mistake);
            return None;
        };
        Some(Self { host: resolver.path("host", host)?, access: access? })
    }

    /// Whether the grant is within it, going by what is written: where links lead is the business of who can make them
    /// here.
    pub(in crate::config) fn covers(&self, grant: &Grant) -> bool {
        let detour = grant.host.components().any(|part| part == Component::ParentDir);
        let access = match (self.access, grant.access) {
            (_, Access::Read) => true,
            (Access::Read, Access::Write { .. }) => false,
            (Access::Write { quota: most }, Access::Write { quota }) => quota <= most,
        };
        access && !detour && grant.host.starts_with(&self.host)
    }
}

impl fmt::Display for FolderBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.display();
        match self.access {
            Access::Read => write!(f, "{host} (ro)"),
            Access::Write { quota } => write!(f, "{host} (rw, {})", units::show_size(quota)),
        }
    }
}
