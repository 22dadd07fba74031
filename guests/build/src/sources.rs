//! What a guest was made from, as cargo noted it beside the component: the sources of all its path dependencies, and
//! the contract that they include.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What to watch so that a change to the guest is noticed: the folder of each package that it is made of, and files
/// that lie in none. `dep_info` is the text of the `.d` file that cargo leaves beside an artifact.
pub(crate) fn of(dep_info: &str, workspace: &Path) -> BTreeSet<PathBuf> {
    files(dep_info).map(|file| package_folder(&file, workspace).unwrap_or(file)).collect()
}

/// `artifact: file file ...`, with the spaces inside a path escaped.
fn files(dep_info: &str) -> impl Iterator<Item = PathBuf> {
    const SPACE: &str = "\u{0}";
    let files = dep_info.split_once(": ").map_or("", |(_, files)| files).replace("\\ ", SPACE);
    files.split_whitespace().map(|file| PathBuf::from(file.replace(SPACE, " "))).collect::<Vec<_>>().into_iter()
}

/// The nearest folder above `file` with a manifest. The workspace's own would be too much: it holds the target folder.
fn package_folder(file: &Path, workspace: &Path) -> Option<PathBuf> {
    let folder = file.ancestors().skip(1).find(|folder| folder.join("Cargo.toml").exists())?;
    (folder != workspace).then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{files, of};

    #[test]
    fn a_path_may_hold_spaces() {
        let dep_info = "/t/a.wasm: /my\\ work/src/lib.rs /other/b.wit\n";
        let expected = [PathBuf::from("/my work/src/lib.rs"), PathBuf::from("/other/b.wit")];
        assert_eq!(files(dep_info).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn packages_are_watched_whole_and_the_contract_by_file() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.ancestors().nth(2).expect("the package lies two folders deep");
        let contract = workspace.join("wit/v0.1/sink.wit");
        let dep_info = format!("a.wasm: {}/src/lib.rs {}", package.display(), contract.display());
        assert_eq!(of(&dep_info, workspace).into_iter().collect::<Vec<_>>(), [package.to_owned(), contract]);
    }
}
