//! Which folders can be granted, how deep they may be, and how much of the host's memory a listing may take.

use super::*;

fn open(host: &Path, access: Access, guarded: &[Guarded]) -> Result<Folders, Error> {
    let grant = Grant { host: host.to_owned(), guest: "/spool".into(), access };
    Folders::open(&[grant], guarded, &Arc::new(LimitHits::new("orders")))
}

const WRITE: Access = Access::Write { quota: QUOTA };

#[test]
fn grants_are_shown_as_files_write_them() {
    let grant = |access| Grant { host: "/srv/x".into(), guest: "/spool".into(), access }.to_string();
    let expected = "{ host = \"/srv/x\", guest = \"/spool\", mode = \"rw\", quota = \"64KiB\" }";
    assert_eq!(grant(WRITE), expected);
    assert_eq!(grant(Access::Read), "{ host = \"/srv/x\", guest = \"/spool\", mode = \"ro\" }");
}

#[test]
fn what_is_no_folder_is_refused() {
    let host = TempDir::new().unwrap();
    fs::write(host.path().join("file"), "").unwrap();
    for name in ["file", "missing"] {
        for access in [Access::Read, WRITE] {
            let path = host.path().join(name);
            let error = open(&path, access, &[]).unwrap_err();
            assert!(matches!(error, Error::Open { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(path.to_str().unwrap()) && text.contains("`dirs` under [capabilities]"), "{text}");
        }
    }
}

#[test]
fn what_the_host_trusts_is_not_written_to() {
    let host = TempDir::new().unwrap();
    let path = |name: &str| host.path().join(name);
    fs::create_dir_all(path("etc/spool")).unwrap();
    fs::create_dir_all(path("cache/below")).unwrap();
    symlink(path("cache"), path("link")).unwrap();
    let guarded = [
        Guarded { path: path("etc"), what: "the connector's file", deep: false },
        Guarded { path: path("cache"), what: "compiled components", deep: true },
    ];
    for (folder, what) in [
        ("etc", Some("the connector's file")),
        ("", Some("the connector's file")),
        ("cache", Some("compiled components")),
        ("cache/below", Some("compiled components")),
        ("link", Some("compiled components")),
        ("cache/../link/below", Some("compiled components")),
        ("etc/spool", None),
    ] {
        let found = open(&path(folder), WRITE, &guarded);
        let holds = found.err().map(|error| match error {
            Error::Guarded { what, .. } => what,
            Error::Open { .. } | Error::Count { .. } => panic!("{error}"),
        });
        assert_eq!(holds, what, "{folder}");
        open(&path(folder), Access::Read, &guarded).unwrap();
    }
}

#[test]
fn a_folder_that_is_too_deep_cannot_be_counted() {
    let host = TempDir::new().unwrap();
    fs::create_dir_all(host.path().join("d/".repeat(walk::MOST_LEVELS - 1))).unwrap();
    open(host.path(), WRITE, &[]).unwrap();
    fs::create_dir_all(host.path().join("d/".repeat(walk::MOST_LEVELS))).unwrap();
    let error = open(host.path(), WRITE, &[]).unwrap_err();
    assert!(matches!(error, Error::Count { .. }), "{error:?}");
    open(host.path(), Access::Read, &[]).unwrap();
}

#[tokio::test]
async fn guests_make_no_folder_too_deep() {
    let rig = Rig::with(1 << 20, NEVER, |_| {});
    let mut guest = rig.guest();
    let (mut dir, mut made) = (again(&guest.spool), 0);
    let refused = loop {
        if let Err(refused) = code(guest.view().create_directory_at(again(&dir), "d".into()).await) {
            break refused;
        }
        made += 1;
        dir = guest.open_in(&dir, "d", OpenFlags::DIRECTORY, DescriptorFlags::READ).await.unwrap();
    };
    assert_eq!((refused, made), (ErrorCode::NotPermitted, walk::MOST_LEVELS - 1));
    assert_eq!(rig.used(), rig.there());
}

#[tokio::test]
async fn the_names_in_open_listings_are_bounded() {
    let rig = Rig::with(QUOTA, NEVER, |host| {
        for name in 0..10 {
            fs::write(host.join("in").join(name.to_string()), "").unwrap();
        }
    });
    let mut guest = rig.guest();
    guest.files.most_listed = 15;
    let input = again(&guest.input);
    let listing = code(guest.view().read_directory(again(&input)).await).unwrap();
    let refused = code(guest.view().read_directory(again(&input)).await).err();
    assert_eq!(refused, Some(ErrorCode::InsufficientMemory));
    let mut names = Vec::new();
    use wasmtime_wasi::p2::bindings::filesystem::types::HostDirectoryEntryStream as Listing;
    while let Some(entry) = code(guest.view().read_directory_entry(Resource::new_own(listing.rep())).await).unwrap() {
        names.push(entry.name);
    }
    names.sort();
    assert_eq!(names, Vec::from_iter((0..10).map(|name| name.to_string())));
    Listing::drop(&mut guest.view(), listing).unwrap();
    code(guest.view().read_directory(input).await).unwrap();
}

#[tokio::test]
async fn the_files_that_are_open_are_bounded() {
    let rig = Rig::with(QUOTA, NEVER, |host| fs::write(host.join("in/a"), "a").unwrap());
    let mut guest = rig.guest();
    let (input, spool) = (again(&guest.input), again(&guest.spool));
    let read = (OpenFlags::empty(), DescriptorFlags::READ);
    let first = guest.open_in(&input, "a", read.0, read.1).await.unwrap();
    // A file stays open by its stream, whether it may be written or not.
    let stream = guest.view().read_via_stream(again(&first), 0).unwrap();
    guest.close(&first);
    for n in 1..wasi::MOST_OPEN {
        if n % 2 == 0 {
            guest.open_in(&input, "a", read.0, read.1).await.unwrap();
        } else {
            guest.create("b").await.unwrap();
        }
    }
    for dir in [&input, &spool] {
        let refused = guest.open_in(dir, ".", OpenFlags::DIRECTORY, DescriptorFlags::READ).await.err();
        assert_eq!(refused, Some(ErrorCode::InsufficientMemory));
    }
    // Another instance has its own, and what is closed is free again.
    assert!(rig.guest().create("b").await.is_ok());
    drop(guest.table.delete(stream).unwrap());
    guest.open_in(&input, "a", read.0, read.1).await.unwrap();
}

#[tokio::test]
async fn folders_below_can_be_listed() {
    let rig = Rig::with(QUOTA, NEVER, |host| fs::create_dir_all(host.join("spool/a/b")).unwrap());
    let mut guest = rig.guest();
    let spool = again(&guest.spool);
    let below = guest.open_in(&spool, "a", OpenFlags::empty(), DescriptorFlags::READ).await.unwrap();
    let listing = code(guest.view().read_directory(again(&below)).await).unwrap();
    use wasmtime_wasi::p2::bindings::filesystem::types::HostDirectoryEntryStream as _;
    let entry = code(guest.view().read_directory_entry(listing).await).unwrap().unwrap();
    assert_eq!(entry.name, "b");
    code(guest.view().sync(again(&below)).await).unwrap();
    assert_eq!(
        guest.open_in(&below, "b", OpenFlags::CREATE, DescriptorFlags::WRITE).await.err(),
        Some(ErrorCode::IsDirectory)
    );
}
