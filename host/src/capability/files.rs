//! Granted folders. Paths never lead out of them (cap-std), what a guest can put into one is bounded by its quota
//! (`account.rs`), and everything that changes a folder goes through `change.rs`. `wasi.rs` is what guests see of it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{Mode, OFlags};
use wasmtime_wasi::filesystem::{Dir, FsPerms, OpenMode};

use self::account::Account;
use super::limit::LimitHits;

mod account;
mod change;
mod stream;
#[cfg(test)]
mod tests;
mod walk;
mod wasi;

pub(crate) use self::wasi::{Files, FilesView, HasFiles};

/// A folder that a guest may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The folder; absolute.
    pub host: PathBuf,
    /// What the guest calls it: absolute, and normalised.
    pub guest: String,
    /// What it may do there.
    pub access: Access,
}

/// As a file writes it.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, guest, access } = self;
        write!(f, "{{ host = {:?}, guest = {guest:?}, ", host.display().to_string())?;
        match access {
            Access::Read => f.write_str("mode = \"ro\" }"),
            Access::Write { quota } => write!(f, "mode = \"rw\", quota = \"{}\" }}", size(*quota)),
        }
    }
}

/// The grant of the folder that a path of the guest's lies in, and the rest of the path.
pub fn granted<'a>(grants: &'a [Grant], path: &'a str) -> Option<(&'a Grant, &'a str)> {
    grants.iter().find_map(|grant| Some((grant, below(path, &grant.guest)?)))
}

/// What is left of a guest's path within `folder`; empty for the folder itself.
pub(crate) fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// A size in the largest unit that divides it.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(bits, _)| bytes.is_multiple_of(1 << bits)) {
        Some((bits, unit)) => format!("{}{unit}", bytes >> bits),
        None => format!("{bytes}B"),
    }
}

/// What a guest may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look at it.
    Read,
    /// Change it.
    Write {
        /// How many bytes may stand in it, whoever put them there. Each entry counts for 4 KiB besides its length.
        quota: u64,
    },
}

/// A folder that no guest may write to, and why.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// The folder.
    pub path: PathBuf,
    /// What stands there, for people.
    pub what: &'static str,
    /// Whether nothing below it may be written to either.
    pub deep: bool,
}

/// Why a folder can't be granted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or is no folder, or is not for this user.
    #[error(
        "cannot open the folder `{}` for `{guest}`: {source}\n\
         help: correct `host` of this entry of `dirs` under [capabilities], or make the folder",
        host.display()
    )]
    Open {
        /// The folder.
        host: PathBuf,
        /// What the guest calls it.
        guest: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// What stands in it can't be counted.
    #[error(
        "cannot count what stands in the folder `{}` for `{guest}`: {source}\n\
         help: correct `host` of this entry of `dirs` under [capabilities], or clear the folder",
        host.display()
    )]
    Count {
        /// The folder.
        host: PathBuf,
        /// What the guest calls it.
        guest: String,
        /// Why.
        source: io::Error,
    },
    /// A guest that could write there could write what the host trusts.
    #[error(
        "the folder `{}` for `{guest}` cannot be granted for writing: it holds {what}\n\
         help: grant a folder of its own in this entry of `dirs` under [capabilities], or `mode = \"ro\"`",
        host.display()
    )]
    Guarded {
        /// The folder.
        host: PathBuf,
        /// What the guest calls it.
        guest: String,
        /// What stands there.
        what: &'static str,
    },
}

/// The granted folders of a connector, opened. Clones share them, and one account for each.
#[derive(Clone, Default)]
pub struct Folders(Arc<[Arc<Folder>]>);

struct Folder {
    guest: String,
    /// As guests hold it.
    dir: Dir,
    /// Only where it may be written to.
    account: Option<Arc<Account>>,
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|folder| &folder.guest)).finish()
    }
}

impl Folders {
    /// Opens the folders, and counts what stands in those that may be written to. Blocks.
    ///
    /// # Errors
    /// The first folder that can't be granted.
    pub fn open(grants: &[Grant], guarded: &[Guarded], hits: &Arc<LimitHits>) -> Result<Self, Error> {
        let folders: Result<Vec<_>, _> = grants.iter().map(|grant| Folder::open(grant, guarded, hits)).collect();
        Ok(Self(folders?.into_iter().map(Arc::new).collect()))
    }
}

impl Folder {
    fn open(Grant { host, guest, access }: &Grant, guarded: &[Guarded], hits: &Arc<LimitHits>) -> Result<Self, Error> {
        let root = open_root(host);
        let root = root.map_err(|source| Error::Open { host: host.clone(), guest: guest.clone(), source })?;
        let perms = if *access == Access::Read { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        let dir = Dir::new(root, perms, OpenMode::READ, false);
        let account = match *access {
            Access::Read => None,
            Access::Write { quota } => {
                let touches =
                    |Guarded { path, deep, .. }: &&Guarded| is_within(path, host) || *deep && is_within(host, path);
                if let Some(&Guarded { what, .. }) = guarded.iter().find(touches) {
                    return Err(Error::Guarded { host: host.clone(), guest: guest.clone(), what });
                }
                let account = Account::open(quota, dir.dir.clone(), guest, hits.clone());
                let counted = |source| Error::Count { host: host.clone(), guest: guest.clone(), source };
                Some(Arc::new(account.map_err(counted)?))
            }
        };
        Ok(Self { guest: guest.clone(), dir, account })
    }
}

fn open_root(host: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(host, flags, Mode::empty())?.into())
}

/// Whether `path` is `folder` or below it, whatever links lead there. What is not there is nowhere.
fn is_within(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        (Err(_), _) | (_, Err(_)) => false,
    }
}
