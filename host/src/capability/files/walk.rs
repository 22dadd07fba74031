//! How much stands in a folder, counted by looking at all of it.

use std::{fs, io};

use cap_std::fs::{Dir, MetadataExt};

/// Which file it is, whatever it is called: its device and number.
pub(super) type Inode = (u64, u64);

/// What every entry costs besides its length. It bounds the number of empty files.
pub(super) const ENTRY: u64 = 4 << 10;
/// How deep a folder may be: one descriptor is open for each level.
pub(super) const MOST_LEVELS: usize = 64;

/// The cost of everything below `root`. Follows no links. `seen` is told of every file.
///
/// # Errors
/// A folder that is too deep, or can't be read for another reason than that it is not this user's.
pub(super) fn measure(root: &fs::File, mut seen: impl FnMut(Inode)) -> io::Result<u64> {
    let mut bytes = 0_u64;
    let mut levels = vec![Dir::from_std_file(root.try_clone()?).entries()?];
    while let Some(level) = levels.last_mut() {
        let Some(entry) = level.next() else {
            levels.pop();
            continue;
        };
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        bytes = bytes.saturating_add(ENTRY);
        if metadata.is_file() {
            bytes = bytes.saturating_add(metadata.len());
            seen((metadata.dev(), metadata.ino()));
        } else if metadata.is_dir() {
            if levels.len() >= MOST_LEVELS {
                return Err(io::Error::other(format!("it is deeper than {MOST_LEVELS} folders")));
            }
            match entry.open_dir().and_then(|folder| folder.entries()) {
                Ok(entries) => levels.push(entries),
                // Like `lost+found`: not this user's, and so not the guest's.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}
