//! Everything that opens or changes what stands in a granted folder. Each of these blocks, and changes the account by what
//! it has found before and after, under the account's lock.

use std::{
    fs, io,
    os::unix::fs::FileExt,
    path::{Component, Path},
    sync::Arc,
};

use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions};
use wasmtime_wasi::{
    filesystem::{File, OpenMode},
    p2::bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags},
};

use super::{
    Folder,
    account::{Change, Hold},
    walk::{ENTRY, MOST_LEVELS},
};

pub(super) type Result<T> = std::result::Result<T, ErrorCode>;

/// A path, and the folder that it starts from.
#[derive(Clone)]
pub(super) struct At {
    pub(super) dir: Arc<fs::File>,
    /// How deep the folder is within the granted one.
    pub(super) level: usize,
    pub(super) path: String,
}

impl At {
    fn dir(&self) -> io::Result<Dir> {
        Ok(Dir::from_std_file(self.dir.try_clone()?))
    }

    /// How deep the path leads, links aside.
    pub(super) fn depth(&self) -> usize {
        let names = Path::new(&self.path).components().filter(|part| matches!(part, Component::Normal(_))).count();
        self.level + names
    }
}

/// What was opened.
pub(super) enum Opened {
    Dir(fs::File),
    File(File, Option<Hold>),
}

/// Where bytes go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Offset(u64),
    End,
}

impl Folder {
    /// [`ErrorCode::NotPermitted`] where nothing may be written.
    fn change(&self) -> Result<Change<'_>> {
        self.account.as_ref().map(|account| account.begin()).ok_or(ErrorCode::NotPermitted)
    }

    /// Opens a file or a folder; nothing else, for opening a FIFO may wait forever and opening a device may do anything.
    pub(super) fn open_at(&self, at: &At, follow: bool, how: OpenFlags, flags: DescriptorFlags) -> Result<Opened> {
        let (create, truncate) = (how.contains(OpenFlags::CREATE), how.contains(OpenFlags::TRUNCATE));
        let directory = how.contains(OpenFlags::DIRECTORY);
        let write = create || truncate || flags.contains(DescriptorFlags::WRITE);
        let read = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
        let syncing = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if flags.intersects(syncing) {
            return Err(ErrorCode::Unsupported);
        }
        if directory && (create || truncate || how.contains(OpenFlags::EXCLUSIVE)) {
            return Err(ErrorCode::Invalid);
        }
        if write && self.account.is_none() {
            return Err(ErrorCode::NotPermitted);
        }
        // Files are opened for reading under the lock, too: whoever removes one has to know who has it open.
        let mut change = self.account.as_ref().map(|account| account.begin());
        let dir = at.dir()?;
        let found = if follow { dir.metadata(&at.path) } else { dir.symlink_metadata(&at.path) };
        let before = match found {
            Ok(found) => Some(openable(found)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && create => None,
            Err(error) => return Err(error.into()),
        };
        match &before {
            Some(found) if directory && !found.is_dir() => return Err(ErrorCode::NotDirectory),
            Some(found) if found.is_dir() && flags.contains(DescriptorFlags::WRITE) => {
                return Err(ErrorCode::IsDirectory);
            }
            Some(_) => {}
            None => change.iter_mut().try_for_each(|change| change.room(ENTRY))?,
        }
        let mut options = OpenOptions::new();
        options.read(read).write(write).truncate(truncate);
        if how.contains(OpenFlags::EXCLUSIVE) {
            options.create_new(create)
        } else {
            options.create(create)
        };
        let opened = dir.open_with(&at.path, &options)?.into_std();
        let metadata = opened.metadata()?;
        if metadata.is_dir() {
            return Ok(Opened::Dir(opened));
        }
        if let Some(change) = &mut change {
            let cost = |found: Metadata| found.len().saturating_add(ENTRY);
            change.replace(before.map_or(0, cost), metadata.len().saturating_add(ENTRY));
        }
        let mode = if read { OpenMode::READ } else { OpenMode::empty() }
            | if write { OpenMode::WRITE } else { OpenMode::empty() };
        let opened = File::new(opened, self.dir.perms, mode, false);
        let hold = self.account.as_ref().map(|account| account.hold(&opened.file)).transpose()?;
        Ok(Opened::File(opened, hold))
    }

    /// Writes some of the bytes, and says how many.
    pub(super) fn write(&self, file: &fs::File, bytes: &[u8], place: Place) -> Result<usize> {
        let mut change = self.change()?;
        let before = file.metadata()?.len();
        let start = match place {
            Place::Offset(offset) => offset,
            Place::End => before,
        };
        let end = start.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        change.room(end.saturating_sub(before))?;
        let written = match place {
            Place::Offset(offset) => file.write_at(bytes, offset),
            Place::End => append(file, bytes, start),
        };
        // Also where it failed half way.
        change.replace(before, file.metadata()?.len());
        Ok(written?)
    }

    /// Cuts or extends a file.
    pub(super) fn set_size(&self, file: &fs::File, size: u64) -> Result<()> {
        let mut change = self.change()?;
        let before = file.metadata()?.len();
        change.room(size.saturating_sub(before))?;
        file.set_len(size)?;
        change.replace(before, file.metadata()?.len());
        Ok(())
    }

    pub(super) fn create_directory(&self, at: &At) -> Result<()> {
        let mut change = self.change()?;
        if at.depth() >= MOST_LEVELS {
            return Err(ErrorCode::NotPermitted);
        }
        change.room(ENTRY)?;
        at.dir()?.create_dir(&at.path)?;
        change.replace(0, ENTRY);
        Ok(())
    }

    pub(super) fn remove_directory(&self, at: &At) -> Result<()> {
        let mut change = self.change()?;
        at.dir()?.remove_dir(&at.path)?;
        change.replace(ENTRY, 0);
        Ok(())
    }

    pub(super) fn unlink_file(&self, at: &At) -> Result<()> {
        let mut change = self.change()?;
        let dir = at.dir()?;
        let leaving = self.leaving(&dir.symlink_metadata(&at.path)?);
        dir.remove_file(&at.path)?;
        change.replace(leaving.cost, 0);
        Ok(())
    }

    /// Within this folder; what stands at `to` is replaced.
    pub(super) fn rename(&self, from: &At, to: &At) -> Result<()> {
        let mut change = self.change()?;
        let (old, new) = (from.dir()?, to.dir()?);
        let moved = old.symlink_metadata(&from.path)?;
        let replaced = match new.symlink_metadata(&to.path) {
            // Two names of one file: nothing happens.
            Ok(found) if (found.dev(), found.ino()) == (moved.dev(), moved.ino()) => None,
            Ok(found) => Some(self.leaving(&found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        old.rename(&from.path, &new, &to.path)?;
        change.replace(replaced.map_or(0, |leaving| leaving.cost), 0);
        Ok(())
    }

    /// What the account gets back when this entry goes.
    fn leaving(&self, entry: &Metadata) -> Leaving {
        if !entry.is_file() {
            return Leaving { cost: ENTRY, _until_gone: None };
        }
        if entry.nlink() > 1 {
            // The bytes stay, under another name that may or may not be in this folder.
            return Leaving { cost: ENTRY, _until_gone: None };
        }
        let hold = self.account.as_ref().and_then(|account| account.hold_open((entry.dev(), entry.ino())));
        // Of what is open, the last one to close it gives it back.
        let cost = if hold.is_some() { 0 } else { entry.len().saturating_add(ENTRY) };
        Leaving { cost, _until_gone: hold }
    }
}

/// What goes with an entry.
struct Leaving {
    cost: u64,
    /// Whoever closes the file meanwhile is not the last, and does not find it still there.
    _until_gone: Option<Hold>,
}

fn openable(found: Metadata) -> Result<Metadata> {
    if found.is_symlink() {
        return Err(ErrorCode::Loop);
    }
    if found.is_file() || found.is_dir() { Ok(found) } else { Err(ErrorCode::NotPermitted) }
}

/// At the end of the file, wherever that is by then: others may append to it, too.
fn append(file: &fs::File, bytes: &[u8], end: u64) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{Errno, ReadWriteFlags, pwritev2};
        match pwritev2(file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
            Err(Errno::NOSYS | Errno::OPNOTSUPP) => {}
            other => return Ok(other?),
        }
    }
    file.write_at(bytes, end)
}
