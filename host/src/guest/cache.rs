//! Compiled code, kept between runs of the host. Native code from this folder runs outside of every sandbox, so that
//! nothing is taken from it that this user's host did not write: the folder and all above it are closed to others, each
//! file carries a keyed digest, and what does not hold is compiled anew and never loaded.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use self::folder::Folder;
use super::error::clip;

mod folder;
#[cfg(test)]
mod tests;

/// What every entry begins with. Another layout gets another number.
const MAGIC: &[u8; 16] = b"danube-wasm-aot2";
const TAG: usize = 32;
const EXTENSION: &str = "cwasm";
const KEY: &str = "key";
/// What is kept in the folder at most, in bytes; the newest entry is kept in any case.
const ROOM: u64 = 1 << 30;
/// An unfinished file that is older was left behind by a host that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A folder of compiled code.
#[derive(Debug)]
pub struct CodeCache {
    folder: Folder,
    key: [u8; 64],
    room: u64,
}

/// Why a folder is not used for compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It can't be made, or read.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The folder, or a part of its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others could plant code in it.
    #[error("`{}` {what}, so that others could plant code in it", path.display())]
    Unsafe {
        /// The folder, or a part of its path.
        path: PathBuf,
        /// What is wrong with it, as in `is writable by others`.
        what: String,
    },
}

/// Which code it is: the digest of the component's file, and what the compiler was set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodeId {
    pub(super) sha256: String,
    /// 32 bytes, in hex.
    pub(super) engine: String,
}

impl CodeId {
    fn file_name(&self) -> String {
        format!("{}-{}.{EXTENSION}", self.sha256, self.engine)
    }
}

impl CodeCache {
    /// Opens the folder; makes it, closed to others, if it is not there.
    ///
    /// # Errors
    /// [`CacheError::Unsafe`] if another user could write to the folder, or put another in its place; [`CacheError::Io`] if
    /// it can't be used.
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let folder = Folder::open(path)?;
        let key = folder.key()?;
        Ok(Self { folder, key, room: ROOM })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The code, if it is there and as this host wrote it. What is there and is not is said in the log.
    pub(super) fn load(&self, id: &CodeId) -> Option<Vec<u8>> {
        let name = id.file_name();
        let wrong = |what: String| {
            let file = self.folder.path().join(&name);
            tracing::warn!(file = %file.display(), "compiled code is not used, and compiled anew: {}", clip(what));
        };
        let file = match self.folder.read(&name) {
            Ok(file) => file?,
            Err(error) => {
                wrong(error.to_string());
                return None;
            }
        };
        let code = self.verified(id, file);
        match &code {
            Some(_) => self.folder.touch(&name),
            None => wrong("it is not as this host wrote it".into()),
        }
        code
    }

    /// Keeps code. Errors are for the log only: it works without.
    pub(super) fn store(&self, id: &CodeId, code: &[u8]) -> io::Result<()> {
        let tag = self.tag(id, code).finalize().into_bytes();
        self.folder.write(&id.file_name(), &[MAGIC, tag.as_slice(), code])?;
        self.prune(&id.file_name())
    }

    /// The code of an entry whose digest holds.
    fn verified(&self, id: &CodeId, mut file: Vec<u8>) -> Option<Vec<u8>> {
        let (magic, rest) = file.split_at_checked(MAGIC.len())?;
        let (tag, code) = rest.split_at_checked(TAG)?;
        (magic == MAGIC).then_some(())?;
        self.tag(id, code).verify_slice(tag).ok()?;
        file.drain(..MAGIC.len() + TAG);
        Some(file)
    }

    /// Over the code and what it is for, so that an entry is worth nothing under another name.
    fn tag(&self, id: &CodeId, code: &[u8]) -> Hmac<Sha256> {
        let CodeId { sha256, engine } = id;
        let mut tag = Hmac::<Sha256>::new((&self.key).into());
        for part in [sha256.as_bytes(), engine.as_bytes(), code] {
            tag.update(&(part.len() as u64).to_le_bytes());
            tag.update(part);
        }
        tag
    }

    /// Removes what was not used for longest, until the rest has room, and what was left behind.
    fn prune(&self, newest: &str) -> io::Result<()> {
        let now = SystemTime::now();
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let path = entry.path();
            let used = metadata.modified()?;
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                Some(EXTENSION) if entry.file_name() != newest => entries.push((used, metadata.len(), path)),
                Some(EXTENSION) => entries.push((now + ABANDONED, metadata.len(), path)),
                Some(folder::UNFINISHED) if now.duration_since(used).is_ok_and(|age| age > ABANDONED) => {
                    fs::remove_file(path)?;
                }
                Some(_) | None => {}
            }
        }
        entries.sort();
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        entries.pop();
        for (_, size, path) in entries {
            if total <= self.room {
                break;
            }
            // Another host may have been faster.
            fs::remove_file(path).or_else(|error| gone(&error).then_some(()).ok_or(error))?;
            total -= size;
        }
        Ok(())
    }
}

fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
