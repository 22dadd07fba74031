//! A folder that only this user (and root) can change, and its files. What is read from it is checked again, file by file.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::{fs::OFlags, process::geteuid};

use super::{CacheError, KEY, gone};

/// Extension of files that are being written.
pub(super) const UNFINISHED: &str = "new";
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if need be, and checks it and everything above it.
    pub(super) fn open(path: &Path) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Io { path: path.to_owned(), source };
        let wanted = std::path::absolute(path).map_err(failed)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&wanted).map_err(failed)?;
        // From here on links play no part: what was checked is what is used.
        let path = wanted.canonicalize().map_err(failed)?;
        for place in path.ancestors() {
            let metadata = fs::symlink_metadata(place);
            let metadata = metadata.map_err(|source| CacheError::Io { path: place.to_owned(), source })?;
            let check = if place == path { own_folder(&metadata) } else { parent(&metadata) };
            check.map_err(|what| CacheError::Unsafe { path: place.to_owned(), what })?;
        }
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a file that only this user can have written. `None`: there is no such file.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Not followed: a link would lead out of the folder. Not blocked on: it may be a FIFO.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(self.path.join(name));
        let mut file = match open {
            Ok(file) => file,
            Err(error) if gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        own_file(&file.metadata()?).map_err(io::Error::other)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    /// Writes a file at once: whoever reads it finds all of it, or what was there before.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let unfinished = self.unfinished(parts)?;
        fs::rename(&unfinished, self.path.join(name)).inspect_err(|_| _ = fs::remove_file(&unfinished))?;
        File::open(&self.path)?.sync_all()
    }

    /// The key of this folder; made when there is none, or none that can be trusted.
    pub(super) fn key(&self) -> Result<[u8; 64], CacheError> {
        let path = self.path.join(KEY);
        let failed = |source| CacheError::Io { path: path.clone(), source };
        let read = || self.read(KEY).map(|key| key.and_then(|key| key.try_into().ok()));
        match read() {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => {}
            Err(error) => tracing::warn!(file = %path.display(), "the key of compiled code is replaced: {error}"),
        }
        let unfinished = self.unfinished(&[&rand::random::<[u8; 64]>()]).map_err(failed)?;
        // Two hosts that start at once agree on the first one's key.
        let linked = match fs::hard_link(&unfinished, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && read().is_ok_and(|key| key.is_some()) => {
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::rename(&unfinished, &path),
            linked => linked,
        };
        let removed = fs::remove_file(&unfinished).or_else(|error| gone(&error).then_some(()).ok_or(error));
        linked.and(removed).map_err(failed)?;
        let none = || failed(io::Error::new(io::ErrorKind::InvalidData, "it is not a key"));
        read().map_err(failed)?.ok_or_else(none)
    }

    /// Notes that a file was used, for whoever makes room. Works without.
    pub(super) fn touch(&self, name: &str) {
        let now = SystemTime::now();
        let touched = File::open(self.path.join(name)).and_then(|file| file.set_modified(now));
        if let Err(error) = touched {
            tracing::debug!(file = name, %error, "cannot note that compiled code was used");
        }
    }

    fn unfinished(&self, parts: &[&[u8]]) -> io::Result<PathBuf> {
        let path = self.path.join(format!("{:016x}.{UNFINISHED}", rand::random::<u64>()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut write = || {
            parts.iter().try_for_each(|part| file.write_all(part))?;
            file.sync_all()
        };
        write().inspect_err(|_| _ = fs::remove_file(&path))?;
        Ok(path)
    }
}

/// What would let another user change the folder.
fn own_folder(metadata: &Metadata) -> Result<(), String> {
    match metadata {
        _ if !metadata.is_dir() => Err("is not a folder".into()),
        _ if metadata.uid() != geteuid().as_raw() => Err(format!("belongs to user {}", metadata.uid())),
        _ if metadata.mode() & WRITABLE_BY_OTHERS != 0 => Err(writable(metadata)),
        _ => Ok(()),
    }
}

/// What would let another user put another folder in its place. In one like /tmp, nobody can.
fn parent(metadata: &Metadata) -> Result<(), String> {
    match metadata {
        _ if ![ROOT, geteuid().as_raw()].contains(&metadata.uid()) => {
            Err(format!("belongs to user {}", metadata.uid()))
        }
        _ if metadata.mode() & WRITABLE_BY_OTHERS != 0 && metadata.mode() & STICKY == 0 => Err(writable(metadata)),
        _ => Ok(()),
    }
}

/// What would have let another user write the file.
fn own_file(metadata: &Metadata) -> Result<(), String> {
    match metadata {
        _ if !metadata.is_file() => Err("it is not a file".into()),
        _ if metadata.uid() != geteuid().as_raw() => Err(format!("it belongs to user {}", metadata.uid())),
        _ if metadata.mode() & WRITABLE_BY_OTHERS != 0 => Err(format!("it {}", writable(metadata))),
        _ => Ok(()),
    }
}

fn writable(metadata: &Metadata) -> String {
    format!("is writable by others (mode {:o})", metadata.mode() & 0o7777)
}
