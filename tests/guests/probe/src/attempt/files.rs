//! Files and folders: those that are granted, and the ways out of them.

use std::{
    fs,
    io::{self, Write},
    mem,
};

use wasip2::filesystem::preopens;

fn told(outcome: io::Result<String>) -> String {
    outcome.unwrap_or_else(|error| format!("{:?}: {error}", error.kind()))
}

fn done(outcome: io::Result<()>, what: &str) -> String {
    told(outcome.map(|()| what.to_owned()))
}

pub(super) fn read(path: &str) -> String {
    told(fs::read_to_string(path).map(|text| format!("read {text:?}")))
}

pub(super) fn write(path: &str) -> String {
    done(fs::write(path, "probed"), "written")
}

/// Zeros behind what there is, 64 KiB at a time, as long as they are taken.
pub(super) fn fill(path: &str, bytes: usize) -> String {
    let filled = fs::OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| {
        let piece = [0; 64 * 1024];
        (0..bytes.div_ceil(piece.len())).try_for_each(|_| file.write_all(&piece))
    });
    done(filled, "filled")
}

/// Empty files, as long as they are taken.
pub(super) fn litter(folder: &str, count: usize) -> String {
    let littered = (0..count).try_for_each(|n| fs::File::create(format!("{folder}/{n}")).map(drop));
    done(littered, "littered")
}

pub(super) fn inspect(path: &str) -> String {
    told(fs::metadata(path).map(|it| format!("{} bytes", it.len())))
}

pub(super) fn list(path: &str) -> String {
    told(fs::read_dir(path).map(|entries| format!("listed {}", entries.count())))
}

/// Keeps so many lists of a folder open, and reads none.
pub(super) fn list_all(path: &str, count: usize) -> String {
    super::counted((0..count).map(|_| done(fs::read_dir(path).map(mem::forget), "open")))
}

pub(super) fn make_folder(path: &str) -> String {
    done(fs::create_dir(path), "made")
}

/// Folders in folders, as deep as it goes.
pub(super) fn dig(path: &str, levels: usize) -> String {
    let mut path = path.to_owned();
    for level in 0..levels {
        path.push_str("/d");
        if let Err(error) = fs::create_dir(&path) {
            return format!("{level} deep, then {:?}: {error}", error.kind());
        }
    }
    format!("{levels} deep")
}

pub(super) fn symlink(target: &str, name: &str) -> String {
    let Some((folder, _)) = preopens::get_directories().into_iter().next() else { return "no folder".to_owned() };
    folder.symlink_at(target, name).map_or_else(|code| code.name().to_owned(), |()| "linked".to_owned())
}

pub(super) fn follow(path: &str) -> String {
    told(fs::read_link(path).map(|target| format!("leads to {}", target.display())))
}

pub(super) fn hard_link(from: &str, to: &str) -> String {
    done(fs::hard_link(from, to), "linked")
}

pub(super) fn rename(from: &str, to: &str) -> String {
    done(fs::rename(from, to), "moved")
}

pub(super) fn stretch(path: &str, size: u64) -> String {
    let stretched = fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(size));
    done(stretched, "stretched")
}

pub(super) fn remove(path: &str) -> String {
    done(fs::remove_file(path), "removed")
}

pub(super) fn folders() -> String {
    format!("{:?}", preopens::get_directories().into_iter().map(|(_, name)| name).collect::<Vec<_>>())
}
