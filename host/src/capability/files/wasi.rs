//! `wasi:filesystem` over the granted folders: what opens or changes something is `change.rs`'s, the rest wasmtime-wasi's.

use std::{collections::HashMap, fs, sync::Arc};

use cap_std::fs::Dir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::{
    filesystem::{Descriptor, Dir as OpenDir, File, OpenMode, WasiFilesystemCtxView},
    p2::{
        DynInputStream, DynOutputStream, FsError, FsResult, ReaddirIterator,
        bindings::filesystem::{
            preopens,
            types::{
                self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize,
                HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
            },
        },
    },
};

use super::{
    Folder, Folders,
    account::Hold,
    change::{self, At, Opened, Place},
    stream::{Reading, Writing},
};

/// The most names that an instance holds in open listings: all names of a folder are read when its listing begins, into
/// memory of the host's.
const MOST_LISTED: usize = 100_000;

/// The most files and folders that an instance has open. Each takes one of the few descriptors that the process has for all
/// connectors, be it by a stream only.
pub(super) const MOST_OPEN: usize = 100;

/// What an instance has open in the granted folders.
pub(crate) struct Files {
    folders: Folders,
    /// By descriptor.
    open: HashMap<u32, Entry>,
    /// How many names each listing began with.
    listings: HashMap<u32, usize>,
    places: Arc<Semaphore>,
    pub(super) most_listed: usize,
}

#[derive(Clone)]
struct Entry {
    folder: Arc<Folder>,
    /// How deep it is within the folder.
    level: usize,
    /// The granted folders themselves need none.
    kept: Option<Arc<Kept>>,
}

/// What goes when the last handle and the last stream of something open are gone.
pub(super) struct Kept {
    _hold: Option<Hold>,
    _place: OwnedSemaphorePermit,
}

impl Files {
    pub(crate) fn new(folders: Folders) -> Self {
        let places = Arc::new(Semaphore::new(MOST_OPEN));
        Self { folders, open: HashMap::new(), listings: HashMap::new(), places, most_listed: MOST_LISTED }
    }
}

/// What the interfaces are called on.
pub(crate) struct FilesView<'a> {
    pub(crate) wasi: WasiFilesystemCtxView<'a>,
    pub(crate) files: &'a mut Files,
}

/// [`FilesView`], for linkers.
pub(crate) struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = FilesView<'a>;
}

type Fd = Resource<Descriptor>;

impl FilesView<'_> {
    fn entry(&self, fd: &Fd) -> FsResult<Entry> {
        Ok(self.files.open.get(&fd.rep()).cloned().ok_or(ErrorCode::BadDescriptor)?)
    }

    fn at(&self, fd: &Fd, path: String) -> FsResult<(Arc<Folder>, At)> {
        let Entry { folder, level, .. } = self.entry(fd)?;
        let dir = match self.wasi.table.get(fd)? {
            Descriptor::Dir(OpenDir { dir, .. }) => dir.clone(),
            Descriptor::File(_) => return Err(ErrorCode::NotDirectory.into()),
        };
        Ok((folder, At { dir, level, path }))
    }

    fn file(&self, fd: &Fd) -> FsResult<(Entry, Arc<fs::File>)> {
        let entry = self.entry(fd)?;
        match self.wasi.table.get(fd)? {
            Descriptor::File(File { file, .. }) => Ok((entry, file.clone())),
            Descriptor::Dir(_) => Err(ErrorCode::BadDescriptor.into()),
        }
    }

    fn push(&mut self, descriptor: Descriptor, entry: Entry) -> wasmtime::Result<Fd> {
        let fd = self.wasi.table.push(descriptor)?;
        self.files.open.insert(fd.rep(), entry);
        Ok(fd)
    }

    fn writing(&mut self, fd: &Fd, place: Place) -> FsResult<Resource<DynOutputStream>> {
        let (Entry { folder, kept, .. }, file) = self.file(fd)?;
        if folder.account.is_none() {
            return Err(ErrorCode::NotPermitted.into());
        }
        let stream: DynOutputStream = Box::new(Writing::new(folder, file, kept, place));
        Ok(self.wasi.table.push(stream)?)
    }
}

/// Runs what blocks away from the async threads. It runs to its end, even if nobody waits for it any more.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> change::Result<T> + Send + 'static) -> FsResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(FsError::trap)??)
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let folders = self.files.folders.0.clone();
        let opened = folders.iter().map(|folder| {
            let entry = Entry { folder: folder.clone(), level: 0, kept: None };
            Ok((self.push(Descriptor::Dir(folder.dir.clone()), entry)?, folder.guest.clone()))
        });
        opened.collect()
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.wasi.convert_error_code(error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        if let Some(code) = self.wasi.table.get(&error)?.downcast_ref::<ErrorCode>() {
            return Ok(Some(*code));
        }
        self.wasi.filesystem_error_code(error)
    }
}

impl HostDescriptor for FilesView<'_> {
    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let Entry { kept, .. } = self.entry(&fd)?;
        let stream = self.wasi.read_via_stream(fd, offset)?;
        let stream: DynInputStream = Box::new(Reading { stream: self.wasi.table.delete(stream)?, _kept: kept });
        Ok(self.wasi.table.push(stream)?)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.writing(&fd, Place::Offset(offset))
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        self.writing(&fd, Place::End)
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let (Entry { folder, .. }, file) = self.file(&fd)?;
        blocking(move || folder.write(&file, &bytes, Place::Offset(offset)).map(|written| written as Filesize)).await
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let (Entry { folder, .. }, file) = self.file(&fd)?;
        blocking(move || folder.set_size(&file, size)).await
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let (folder, at) = self.at(&fd, path)?;
        let place = self.files.places.clone().try_acquire_owned().map_err(|_| ErrorCode::InsufficientMemory)?;
        let (perms, level, follow) = (folder.dir.perms, at.depth(), path_flags.contains(PathFlags::SYMLINK_FOLLOW));
        let there = folder.clone();
        let opened = blocking(move || there.open_at(&at, follow, how, flags)).await?;
        let (descriptor, hold) = match opened {
            Opened::Dir(dir) => (Descriptor::Dir(OpenDir::new(dir, perms, OpenMode::READ, false)), None),
            Opened::File(file, hold) => (Descriptor::File(file), hold),
        };
        let kept = Some(Arc::new(Kept { _hold: hold, _place: place }));
        self.push(descriptor, Entry { folder, level, kept }).map_err(FsError::trap)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let (folder, at) = self.at(&fd, path)?;
        blocking(move || folder.create_directory(&at)).await
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let (folder, at) = self.at(&fd, path)?;
        blocking(move || folder.remove_directory(&at)).await
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let (folder, at) = self.at(&fd, path)?;
        blocking(move || folder.unlink_file(&at)).await
    }

    async fn rename_at(&mut self, fd: Fd, path: String, new_fd: Fd, new_path: String) -> FsResult<()> {
        let (folder, from) = self.at(&fd, path)?;
        let (new_folder, to) = self.at(&new_fd, new_path)?;
        if !Arc::ptr_eq(&folder, &new_folder) {
            return Err(ErrorCode::CrossDevice.into());
        }
        blocking(move || folder.rename(&from, &to)).await
    }

    /// A file of two names would be counted by neither.
    async fn link_at(&mut self, _: Fd, _: PathFlags, _: String, _: Fd, _: String) -> FsResult<()> {
        Err(ErrorCode::NotPermitted.into())
    }

    /// Other programs that look into the folder would follow it.
    async fn symlink_at(&mut self, _: Fd, _: String, _: String) -> FsResult<()> {
        Err(ErrorCode::NotPermitted.into())
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<ReaddirIterator>> {
        let (_, At { dir, .. }) = self.at(&fd, String::new())?;
        let room = self.files.most_listed.saturating_sub(self.files.listings.values().sum());
        let names = blocking(move || {
            let names = Dir::from_std_file(dir.try_clone()?).entries()?.take(room + 1).count();
            if names > room { Err(ErrorCode::InsufficientMemory) } else { Ok(names) }
        });
        let names = names.await?;
        let listing = self.wasi.read_directory(fd).await?;
        self.files.listings.insert(listing.rep(), names);
        Ok(listing)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.files.open.remove(&fd.rep());
        HostDescriptor::drop(&mut self.wasi, fd)
    }

    async fn read(&mut self, fd: Fd, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.wasi.read(fd, len, offset).await
    }

    async fn advise(&mut self, fd: Fd, offset: Filesize, len: Filesize, advice: Advice) -> FsResult<()> {
        self.wasi.advise(fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.wasi.sync_data(fd).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.wasi.sync(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.wasi.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.wasi.get_type(fd).await
    }

    async fn set_times(&mut self, fd: Fd, access: NewTimestamp, modification: NewTimestamp) -> FsResult<()> {
        self.wasi.set_times(fd, access, modification).await
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        self.wasi.set_times_at(fd, path_flags, path, access, modification).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        self.wasi.stat(fd).await
    }

    async fn stat_at(&mut self, fd: Fd, path_flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        self.wasi.stat_at(fd, path_flags, path).await
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        self.wasi.readlink_at(fd, path).await
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.wasi.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        self.wasi.metadata_hash(fd).await
    }

    async fn metadata_hash_at(&mut self, fd: Fd, path_flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        self.wasi.metadata_hash_at(fd, path_flags, path).await
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(&mut self, listing: Resource<ReaddirIterator>) -> FsResult<Option<DirectoryEntry>> {
        self.wasi.read_directory_entry(listing).await
    }

    fn drop(&mut self, listing: Resource<ReaddirIterator>) -> wasmtime::Result<()> {
        self.files.listings.remove(&listing.rep());
        HostDirectoryEntryStream::drop(&mut self.wasi, listing)
    }
}
