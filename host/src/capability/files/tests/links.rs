//! Nothing leads out of a folder, or from one to another, and what is no file or folder is not opened.

use rustix::fs::{FileType, Mode};

use super::*;

const READ: DescriptorFlags = DescriptorFlags::READ;

/// A secret beside the folders, and every kind of way to it that an operator could leave lying about.
fn with_ways_out(host: &Path) {
    fs::write(host.join("secret"), "secret").unwrap();
    for folder in ["in", "spool"] {
        let folder = host.join(folder);
        fs::write(folder.join("plain"), "plain").unwrap();
        symlink(host.join("secret"), folder.join("absolute")).unwrap();
        symlink("../secret", folder.join("relative")).unwrap();
        symlink("..", folder.join("parent")).unwrap();
        symlink("/", folder.join("root")).unwrap();
        symlink("plain", folder.join("inside")).unwrap();
        symlink(folder.join("plain"), folder.join("inside-but-absolute")).unwrap();
        symlink("self", folder.join("self")).unwrap();
        symlink("../new", folder.join("dangling")).unwrap();
    }
}

const WAYS_OUT: &[&str] = &[
    "absolute",
    "relative",
    "parent/secret",
    "parent",
    "root",
    "root/etc/passwd",
    "inside-but-absolute",
    "../secret",
    "plain/../../secret",
    "./../secret",
    "..",
    "/etc/passwd",
    "/",
    "//etc/passwd",
    "../in/plain",
    "../spool/plain",
    "dangling",
    "",
];

#[tokio::test]
async fn no_path_leads_out() {
    let rig = Rig::with(QUOTA, NEVER, with_ways_out);
    let mut guest = rig.guest();
    for dir in [again(&guest.input), again(&guest.spool)] {
        assert!(guest.open_in(&dir, "plain", OpenFlags::empty(), READ).await.is_ok());
        assert!(guest.open_in(&dir, "inside", OpenFlags::empty(), READ).await.is_ok());
        assert_eq!(guest.open_in(&dir, "self", OpenFlags::empty(), READ).await.err(), Some(ErrorCode::Loop));
        for way in WAYS_OUT {
            for flags in [READ, READ | DescriptorFlags::WRITE] {
                let ways = [OpenFlags::empty(), OpenFlags::DIRECTORY, OpenFlags::CREATE, OpenFlags::TRUNCATE];
                for how in ways {
                    assert!(guest.open_in(&dir, way, how, flags).await.is_err(), "{way} {how:?}");
                }
            }
            let (follow, path) = (PathFlags::SYMLINK_FOLLOW, || (*way).to_owned());
            assert!(guest.view().stat_at(again(&dir), follow, path()).await.is_err(), "{way}");
            assert!(guest.view().metadata_hash_at(again(&dir), follow, path()).await.is_err(), "{way}");
            assert!(guest.view().create_directory_at(again(&dir), path()).await.is_err(), "{way}");
        }
    }
    assert_eq!(fs::read(rig.host.path().join("secret")).unwrap(), b"secret");
    assert!(!rig.host.path().join("new").exists());
}

#[tokio::test]
async fn links_are_not_followed_where_that_was_not_asked_for() {
    let rig = Rig::with(QUOTA, NEVER, with_ways_out);
    let mut guest = rig.guest();
    for path in ["inside", "absolute"] {
        let spool = again(&guest.spool);
        let opened = guest.view().open_at(spool, PathFlags::empty(), path.into(), OpenFlags::empty(), READ).await;
        assert_eq!(code(opened).err(), Some(ErrorCode::Loop));
    }
    // A link goes alone, and what it leads to stays.
    guest.unlink("inside").await.unwrap();
    guest.unlink("absolute").await.unwrap();
    assert!(rig.spool().join("plain").exists() && rig.host.path().join("secret").exists());
    assert_eq!(rig.used(), rig.there());
}

#[tokio::test]
async fn guests_make_no_links() {
    let rig = Rig::with(QUOTA, NEVER, with_ways_out);
    let mut guest = rig.guest();
    for old in ["/etc", "../secret", "plain"] {
        let spool = again(&guest.spool);
        let made = guest.view().symlink_at(spool, old.into(), "link".into()).await;
        assert_eq!(code(made), Err(ErrorCode::NotPermitted));
        let (from, to) = (again(&guest.spool), again(&guest.spool));
        let made = guest.view().link_at(from, PathFlags::empty(), old.into(), to, "link".into()).await;
        assert_eq!(code(made), Err(ErrorCode::NotPermitted));
    }
    assert!(rig.spool().join("link").symlink_metadata().is_err());
}

#[tokio::test]
async fn nothing_moves_between_folders() {
    let rig = Rig::with(QUOTA, NEVER, with_ways_out);
    let mut guest = rig.guest();
    for (from, to) in [(&guest.input, &guest.spool), (&guest.spool, &guest.input)].map(|(a, b)| (again(a), again(b))) {
        let moved = guest.view().rename_at(from, "plain".into(), to, "moved".into()).await;
        assert_eq!(code(moved), Err(ErrorCode::CrossDevice));
    }
    for to in ["../out", "parent/out", "/tmp/out", "../in/out"] {
        assert!(guest.rename("plain", to).await.is_err(), "{to}");
    }
    assert!(guest.rename("../secret", "mine").await.is_err());
    assert!(guest.unlink("../secret").await.is_err());
    assert!(guest.unlink("parent/secret").await.is_err());
    assert!(rig.host.path().join("secret").exists());
}

#[tokio::test]
async fn what_is_no_file_or_folder_is_not_opened() {
    let rig = Rig::with(QUOTA, NEVER, |host| {
        for folder in ["in", "spool"] {
            let folder = fs::File::open(host.join(folder)).unwrap();
            rustix::fs::mknodat(&folder, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
        }
        _ = std::os::unix::net::UnixListener::bind(host.join("spool/socket")).unwrap();
    });
    let mut guest = rig.guest();
    for dir in [again(&guest.input), again(&guest.spool)] {
        // Opened for reading it would wait for somebody who writes.
        assert_eq!(guest.open_in(&dir, "fifo", OpenFlags::empty(), READ).await.err(), Some(ErrorCode::NotPermitted));
    }
    let spool = again(&guest.spool);
    for path in ["fifo", "socket"] {
        let flags = DescriptorFlags::WRITE;
        assert_eq!(guest.open_in(&spool, path, OpenFlags::CREATE, flags).await.err(), Some(ErrorCode::NotPermitted));
    }
}

#[tokio::test]
async fn what_is_only_read_does_not_change() {
    let rig = Rig::with(QUOTA, NEVER, |host| {
        with_ways_out(host);
        fs::create_dir(host.join("in/folder")).unwrap();
    });
    let mut guest = rig.guest();
    let input = again(&guest.input);
    let denied = Some(ErrorCode::NotPermitted);
    for (how, flags) in [
        (OpenFlags::CREATE, READ),
        (OpenFlags::TRUNCATE, READ),
        (OpenFlags::empty(), DescriptorFlags::WRITE),
        (OpenFlags::CREATE | OpenFlags::EXCLUSIVE, READ | DescriptorFlags::WRITE),
    ] {
        assert_eq!(guest.open_in(&input, "plain", how, flags).await.err(), denied, "{how:?} {flags:?}");
    }
    let plain = guest.open_in(&input, "plain", OpenFlags::empty(), READ).await.unwrap();
    assert_eq!(guest.write(&plain, 0, 1).await.err(), denied);
    assert_eq!(code(guest.view().set_size(again(&plain), 0).await).err(), denied);
    assert!(matches!(
        guest.view().write_via_stream(again(&plain), 0).map_err(|error| error.downcast().unwrap()),
        Err(ErrorCode::NotPermitted)
    ));
    assert!(matches!(
        guest.view().append_via_stream(again(&plain)).map_err(|error| error.downcast().unwrap()),
        Err(ErrorCode::NotPermitted)
    ));
    let path = || "plain".to_owned();
    assert_eq!(code(guest.view().unlink_file_at(again(&input), path()).await).err(), denied);
    assert_eq!(code(guest.view().rename_at(again(&input), path(), again(&input), "x".into()).await).err(), denied);
    assert_eq!(code(guest.view().create_directory_at(again(&input), "x".into()).await).err(), denied);
    assert_eq!(code(guest.view().remove_directory_at(again(&input), "folder".into()).await).err(), denied);
    let read = code(guest.view().read(again(&plain), 100, 0).await).unwrap();
    assert_eq!(read.0, b"plain");
    assert_eq!(fs::read(rig.host.path().join("in/plain")).unwrap(), b"plain");
}
