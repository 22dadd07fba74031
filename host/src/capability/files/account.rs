//! What stands in a folder, and what may. Every change is made under the lock of the account, so that it is counted exactly
//! and none slips past a count of the whole folder. What others take out is found by counting again before a refusal.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::walk::{self, ENTRY, Inode};
use crate::capability::limit::{Limit, LimitHits};

/// How often the whole folder is counted anew at most.
const RECOUNT: Duration = Duration::from_secs(10);

/// One for each folder that may be written to, shared by the connector's instances.
#[derive(Debug)]
pub(super) struct Account {
    quota: u64,
    root: Arc<fs::File>,
    guest: String,
    hits: Arc<LimitHits>,
    pub(super) recount: Duration,
    counted: Mutex<Counted>,
    /// Never locked for long: it is taken where handles are dropped. Where both locks are held, this is the second.
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Counted {
    used: u64,
    at: Instant,
}

/// Files that guests hold open. What is removed in the meantime takes room until it is closed.
#[derive(Debug, Default)]
struct Open {
    files: HashMap<Inode, Shared>,
    /// Room of files that were removed, and then closed.
    freed: u64,
}

#[derive(Debug)]
struct Shared {
    file: Arc<fs::File>,
    handles: usize,
}

impl Account {
    /// Counts the folder. Blocks.
    pub(super) fn open(quota: u64, root: Arc<fs::File>, guest: &str, hits: Arc<LimitHits>) -> io::Result<Self> {
        let counted = Counted { used: walk::measure(&root, |_| {})?, at: Instant::now() };
        let (guest, counted) = (guest.to_owned(), Mutex::new(counted));
        Ok(Self { quota, root, guest, hits, recount: RECOUNT, counted, open: Mutex::default() })
    }

    /// The right to change the folder. Blocks, for as long as others change it.
    pub(super) fn begin(&self) -> Change<'_> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let freed = std::mem::take(&mut self.files().freed);
        counted.used = counted.used.saturating_sub(freed);
        Change { account: self, counted }
    }

    fn files(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a handle of a file.
    pub(super) fn hold(self: &Arc<Self>, file: &Arc<fs::File>) -> io::Result<Hold> {
        let metadata = file.metadata()?;
        let inode = (metadata.dev(), metadata.ino());
        let mut open = self.files();
        let shared = open.files.entry(inode).or_insert_with(|| Shared { file: file.clone(), handles: 0 });
        shared.handles += 1;
        Ok(Hold { account: self.clone(), inode })
    }

    /// Keeps a file for a moment, if anybody has it open.
    pub(super) fn hold_open(self: &Arc<Self>, inode: Inode) -> Option<Hold> {
        let mut open = self.files();
        let shared = open.files.get_mut(&inode)?;
        shared.handles += 1;
        Some(Hold { account: self.clone(), inode })
    }
}

/// A change of the folder, under way.
pub(super) struct Change<'a> {
    account: &'a Account,
    counted: MutexGuard<'a, Counted>,
}

impl Change<'_> {
    /// Sees to it that there is room for so many bytes more.
    ///
    /// # Errors
    /// [`ErrorCode::Quota`]
    pub(super) fn room(&mut self, bytes: u64) -> Result<(), ErrorCode> {
        if self.fits(bytes) {
            return Ok(());
        }
        let Account { recount, hits, .. } = self.account;
        if self.counted.at.elapsed() >= *recount {
            self.count();
            if self.fits(bytes) {
                return Ok(());
            }
        }
        hits.hit(Limit::DirQuota);
        Err(ErrorCode::Quota)
    }

    /// What is there now in place of what was there before.
    pub(super) fn replace(&mut self, before: u64, after: u64) {
        self.counted.used = self.counted.used.saturating_sub(before).saturating_add(after);
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> u64 {
        self.counted.used
    }

    fn fits(&self, bytes: u64) -> bool {
        bytes == 0 || self.counted.used.saturating_add(bytes) <= self.account.quota
    }

    /// Counts all of it, and what was taken out of the folder but is still open here: a guest could go on writing to it.
    /// Where counting fails, what was known still holds.
    fn count(&mut self) {
        let Account { root, guest, .. } = self.account;
        self.counted.at = Instant::now();
        let mut elsewhere: HashSet<_> = self.account.files().files.keys().copied().collect();
        match walk::measure(root, |inode| _ = elsewhere.remove(&inode)) {
            Ok(bytes) => {
                let mut open = self.account.files();
                let elsewhere = open.files.iter().filter(|(inode, _)| elsewhere.contains(inode));
                let elsewhere: u64 =
                    elsewhere.map(|(_, shared)| shared.file.metadata().map_or(0, |file| cost(&file))).sum();
                open.freed = 0;
                self.counted.used = bytes.saturating_add(elsewhere);
            }
            Err(error) => tracing::warn!(folder = %guest, %error, "cannot count what stands in a granted folder"),
        }
    }
}

/// A handle of a file.
#[derive(Debug)]
pub(super) struct Hold {
    account: Arc<Account>,
    inode: Inode,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut open = self.account.files();
        let Some(shared) = open.files.get_mut(&self.inode) else { return };
        shared.handles -= 1;
        if shared.handles == 0 {
            let freed = removed(&shared.file);
            open.files.remove(&self.inode);
            open.freed = open.freed.saturating_add(freed);
        }
    }
}

/// What a file cost that is in no folder any more. Nothing, if it is.
fn removed(file: &fs::File) -> u64 {
    let gone = file.metadata().ok().filter(|metadata| metadata.nlink() == 0);
    gone.map_or(0, |metadata| cost(&metadata))
}

fn cost(file: &fs::Metadata) -> u64 {
    file.len().saturating_add(ENTRY)
}
