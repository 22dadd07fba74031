//! What a guest can do in granted folders, called as the linker calls it, and what it can't.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc, time::Duration};

use tempfile::TempDir;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{
    filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView},
    p2::{
        DynOutputStream, FsError, FsResult, StreamError,
        bindings::filesystem::{
            preopens::Host as _,
            types::{DescriptorFlags, ErrorCode, Host as _, HostDescriptor, OpenFlags, PathFlags},
        },
    },
};

use super::{
    walk::{ENTRY, measure},
    *,
};
use crate::capability::limit::Limit;

mod grants;
mod links;
mod quota;

type Fd = Resource<Descriptor>;

const KIB: u64 = 1 << 10;
const QUOTA: u64 = 64 * KIB;
/// So seldom that no test waits for it.
const NEVER: Duration = Duration::from_secs(86_400);

/// A connector with folders on the host.
struct Rig {
    host: TempDir,
    hits: Arc<LimitHits>,
    folders: Folders,
}

impl Rig {
    /// A folder to read, at `/in`, and one to write to, at `/spool`.
    fn new() -> Self {
        Self::with(QUOTA, NEVER, |_| {})
    }

    fn with(quota: u64, recount: Duration, prepare: impl FnOnce(&Path)) -> Self {
        let host = TempDir::new().unwrap();
        let grant = |name: &str, access| {
            fs::create_dir(host.path().join(name)).unwrap();
            Grant { host: host.path().join(name), guest: format!("/{name}"), access }
        };
        let grants = [grant("in", Access::Read), grant("spool", Access::Write { quota })];
        prepare(host.path());
        let hits = Arc::new(LimitHits::new("orders"));
        let mut folders = Folders::open(&grants, &[], &hits).unwrap();
        let spool = &mut Arc::get_mut(&mut folders.0).unwrap()[1];
        let account = Arc::get_mut(spool).unwrap().account.as_mut().unwrap();
        Arc::get_mut(account).unwrap().recount = recount;
        Self { host, hits, folders }
    }

    fn guest(&self) -> Guest {
        Guest::new(self.folders.clone())
    }

    fn spool(&self) -> PathBuf {
        self.host.path().join("spool")
    }

    /// What the account says.
    fn used(&self) -> u64 {
        self.folders.0[1].account.as_ref().unwrap().begin().used()
    }

    /// What is there.
    fn there(&self) -> u64 {
        measure(&fs::File::open(self.spool()).unwrap(), |_| {}).unwrap()
    }
}

/// An instance.
struct Guest {
    wasi: WasiFilesystemCtx,
    table: ResourceTable,
    files: Files,
    input: Fd,
    spool: Fd,
}

impl Guest {
    fn new(folders: Folders) -> Self {
        let none = || Resource::new_own(u32::MAX);
        let (wasi, table, files) = (WasiFilesystemCtx::default(), ResourceTable::new(), Files::new(folders));
        let mut guest = Self { wasi, table, files, input: none(), spool: none() };
        let mut opened = guest.view().get_directories().unwrap();
        let names: Vec<_> = opened.iter().map(|(_, name)| name.clone()).collect();
        assert_eq!(names, ["/in", "/spool"]);
        (guest.spool, guest.input) = (opened.pop().unwrap().0, opened.pop().unwrap().0);
        guest
    }

    fn view(&mut self) -> FilesView<'_> {
        let Self { wasi, table, files, .. } = self;
        FilesView { wasi: WasiFilesystemCtxView { ctx: wasi, table }, files }
    }

    async fn open_in(&mut self, dir: &Fd, path: &str, how: OpenFlags, flags: DescriptorFlags) -> Result<Fd, ErrorCode> {
        let opened = self.view().open_at(again(dir), PathFlags::SYMLINK_FOLLOW, path.into(), how, flags).await;
        code(opened)
    }

    /// Opens a file of the spool for writing, and makes it if it is not there.
    async fn create(&mut self, path: &str) -> Result<Fd, ErrorCode> {
        let spool = again(&self.spool);
        self.open_in(&spool, path, OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE).await
    }

    async fn write(&mut self, fd: &Fd, offset: u64, len: u64) -> Result<u64, ErrorCode> {
        code(self.view().write(again(fd), vec![b'x'; usize::try_from(len).unwrap()], offset).await)
    }

    /// Makes a file of the spool of some length, and closes it.
    async fn put(&mut self, path: &str, len: u64) -> Result<(), ErrorCode> {
        let fd = self.create(path).await?;
        let written = self.write(&fd, 0, len).await;
        self.close(&fd);
        assert_eq!(written?, len);
        Ok(())
    }

    /// Writes through a stream, and closes it.
    async fn stream(&mut self, stream: Resource<DynOutputStream>, len: usize) -> Result<(), ErrorCode> {
        let done = self.table.get_mut(&stream).unwrap().blocking_write_and_flush(vec![b'x'; len].into()).await;
        let stream = self.table.delete(stream).unwrap();
        drop(stream);
        match done {
            Ok(()) => Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                let error = self.table.push(error).unwrap();
                Err(self.view().filesystem_error_code(error).unwrap().unwrap())
            }
            Err(error @ (StreamError::Closed | StreamError::Trap(_))) => panic!("{error}"),
        }
    }

    async fn unlink(&mut self, path: &str) -> Result<(), ErrorCode> {
        let spool = again(&self.spool);
        code(self.view().unlink_file_at(spool, path.into()).await)
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<(), ErrorCode> {
        let (old, new) = (again(&self.spool), again(&self.spool));
        code(self.view().rename_at(old, from.into(), new, to.into()).await)
    }

    fn close(&mut self, fd: &Fd) {
        HostDescriptor::drop(&mut self.view(), Resource::new_own(fd.rep())).unwrap();
    }
}

fn again(fd: &Fd) -> Fd {
    Resource::new_own(fd.rep())
}

/// What the guest gets to see.
fn code<T>(result: FsResult<T>) -> Result<T, ErrorCode> {
    result.map_err(|error: FsError| error.downcast().unwrap())
}
