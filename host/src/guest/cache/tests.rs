use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;
use crate::capability::logging::capture::Capture;

fn cache() -> (TempDir, CodeCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&folder.path().join("cache")).unwrap();
    (folder, cache)
}

fn id(component: &str) -> CodeId {
    CodeId { sha256: component.repeat(64), engine: "e".repeat(64) }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The names in the folder, but the key's.
fn entries(cache: &CodeCache) -> Vec<String> {
    let names = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != KEY).collect();
    names.sort();
    names
}

#[test]
fn what_was_stored_is_loaded_and_closed_to_others() {
    let (_folder, cache) = cache();
    assert_eq!(cache.load(&id("a")), None);
    cache.store(&id("a"), b"code").unwrap();
    assert_eq!(cache.load(&id("a")).as_deref(), Some(b"code".as_slice()));
    assert_eq!(entries(&cache), [id("a").file_name()]);
    assert_eq!(mode(cache.path()), 0o700);
    for file in [KEY, &id("a").file_name()] {
        assert_eq!(mode(&cache.path().join(file)), 0o600, "{file}");
    }
    let again = CodeCache::open(cache.path()).unwrap();
    assert_eq!(again.load(&id("a")).as_deref(), Some(b"code".as_slice()));
    assert_eq!(again.load(&CodeId { engine: "f".repeat(64), ..id("a") }), None);
}

#[test]
fn what_this_host_did_not_write_is_not_loaded() {
    let (_folder, cache) = cache();
    cache.store(&id("a"), b"code").unwrap();
    let path = cache.path().join(id("a").file_name());
    let whole = fs::read(&path).unwrap();
    let refused = |what: &str| {
        let capture = Capture::start();
        assert_eq!(cache.load(&id("a")), None, "{what}");
        let logged = capture.text();
        assert!(logged.contains("compiled code is not used, and compiled anew"), "{what}: {logged}");
        assert!(logged.contains(what), "{what}: {logged}");
    };
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        refused("not as this host wrote it");
        fs::write(&path, &whole[..at]).unwrap();
        refused("not as this host wrote it");
    }
    // Planted by one who can write here but does not know the key.
    let digest = <Sha256 as sha2::Digest>::digest(b"evil");
    fs::write(&path, [MAGIC, digest.as_slice(), b"evil"].concat()).unwrap();
    refused("not as this host wrote it");
    // What is good for another component.
    cache.store(&id("b"), b"other").unwrap();
    fs::copy(cache.path().join(id("b").file_name()), &path).unwrap();
    refused("not as this host wrote it");

    fs::write(&path, &whole).unwrap();
    chmod(&path, 0o660);
    refused("it is writable by others (mode 660)");
    fs::remove_file(&path).unwrap();
    symlink(cache.path().join(id("b").file_name()), &path).unwrap();
    refused("symbolic link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("it is not a file");
    fs::remove_dir(&path).unwrap();

    cache.store(&id("a"), b"code").unwrap();
    assert!(cache.load(&id("a")).is_some());
}

#[test]
fn what_another_user_owns_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let (folder, cache) = cache();
    cache.store(&id("a"), b"code").unwrap();
    let give_away = |path: &Path| std::os::unix::fs::chown(path, Some(12345), None).unwrap();
    give_away(&cache.path().join(id("a").file_name()));
    assert_eq!(cache.load(&id("a")), None);
    give_away(cache.path());
    let error = CodeCache::open(cache.path()).unwrap_err().to_string();
    assert!(error.ends_with("belongs to user 12345, so that others could plant code in it"), "{error}");

    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    give_away(&theirs);
    let error = CodeCache::open(&theirs.join("ours")).unwrap_err();
    assert!(matches!(&error, CacheError::Unsafe { path, .. } if *path == theirs.canonicalize().unwrap()), "{error}");
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let (folder, cache) = cache();
    for mode in [0o720, 0o702, 0o1777] {
        chmod(cache.path(), mode);
        let error = CodeCache::open(cache.path()).unwrap_err();
        let expected = format!(
            "`{}` is writable by others (mode {mode:o}), so that others could plant code in it",
            cache.path().display()
        );
        assert_eq!(error.to_string(), expected);
    }
    chmod(cache.path(), 0o755);
    assert!(CodeCache::open(cache.path()).is_ok());
    // Nor one that others can replace by another, but for a folder like /tmp, where they can't.
    chmod(folder.path(), 0o777);
    let error = CodeCache::open(cache.path()).unwrap_err();
    assert!(matches!(&error, CacheError::Unsafe { path, .. } if *path == folder.path().canonicalize().unwrap()));
    chmod(folder.path(), 0o1777);
    assert!(CodeCache::open(cache.path()).is_ok());
    // A link is as good as what it leads to.
    let link = folder.path().join("link");
    symlink(cache.path(), &link).unwrap();
    assert_eq!(CodeCache::open(&link).unwrap().path(), cache.path());
    chmod(cache.path(), 0o777);
    assert!(CodeCache::open(&link).is_err());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(CodeCache::open(&file), Err(CacheError::Io { .. })));
}

#[test]
fn a_bad_key_is_replaced_and_makes_everything_worthless() {
    let (_folder, cache) = cache();
    cache.store(&id("a"), b"code").unwrap();
    let key = cache.path().join(KEY);
    for harm in [|key: &Path| fs::write(key, "short").unwrap(), |key: &Path| chmod(key, 0o666)] {
        harm(&key);
        let again = CodeCache::open(cache.path()).unwrap();
        assert_eq!((fs::metadata(&key).unwrap().len(), mode(&key)), (64, 0o600));
        assert_eq!(again.load(&id("a")), None);
        again.store(&id("a"), b"code").unwrap();
        assert!(CodeCache::open(cache.path()).unwrap().load(&id("a")).is_some());
    }
    assert_eq!(entries(&cache), [id("a").file_name()]);
}

#[test]
fn hosts_that_start_at_once_have_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let keys: Vec<_> = std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| CodeCache::open(&path).unwrap().key)).collect();
        opened.into_iter().map(|opened| opened.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[test]
fn what_was_not_used_for_longest_makes_room() {
    let (_folder, mut cache) = cache();
    let size = (MAGIC.len() + TAG + 1000) as u64;
    cache.room = 3 * size;
    let long_ago = SystemTime::now() - Duration::from_secs(10_000);
    let age = |name: &str| fs::File::open(cache.path().join(name)).unwrap().set_modified(long_ago).unwrap();
    for component in ["a", "b", "c"] {
        cache.store(&id(component), &[0; 1000]).unwrap();
        age(&id(component).file_name());
    }
    fs::write(cache.path().join("0.new"), "left behind").unwrap();
    age("0.new");
    fs::write(cache.path().join("1.new"), "at work").unwrap();
    assert!(cache.load(&id("a")).is_some());
    cache.store(&id("d"), &[0; 1000]).unwrap();
    let left = entries(&cache);
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left.contains(&id("a").file_name()) && left.contains(&id("d").file_name()), "{left:?}");
    assert!(left.contains(&"1.new".to_owned()));
    // One that has no room at all is kept until the next.
    cache.store(&id("e"), &[0; 10_000]).unwrap();
    assert_eq!(entries(&cache), ["1.new".to_owned(), id("e").file_name()]);
}
