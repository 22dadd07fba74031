//! The files of a project: those of the language's template, under the project's name, and the sources of the SDK in the
//! folder that bears the SDK's name. Both are embedded as they stand in `guest-sdk/`.

use super::{Language, Name, rust};

include!(concat!(env!("OUT_DIR"), "/projects.rs"));

/// How `.gitignore` is called in a template, so that it does not hold there.
const GITIGNORE: &str = "gitignore";

/// A file of a project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Below the project's folder.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// All files of a project.
pub(super) fn files(language: Language, name: &Name) -> anyhow::Result<Vec<File>> {
    let template = format!("{}/template/", language.name());
    let mut files: Vec<File> = below(&template).map(|(path, content)| named(path, content, name)).collect();
    anyhow::ensure!(!files.is_empty(), "there is no template for {} in this build", language.title());
    match language {
        Language::Rust => files.extend(rust::sdk(below("rust/").filter(|(path, _)| !path.starts_with("template/")))?),
        Language::Js | Language::Ts => files.extend(sdk("js/danube-sink/")),
        Language::Python => files.extend(sdk("python/danube_sink/")),
        Language::Go => files.extend(sdk("go/danubesink/")),
        Language::C => files.extend(sdk("c/danube_sink/")),
    }
    Ok(files)
}

/// The files below a folder of `guest-sdk`, by their paths in it.
fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, content)| Some((path.strip_prefix(folder)?, *content)))
}

fn named(path: &str, content: &[u8], name: &Name) -> File {
    let path = match path.rsplit_once('/') {
        Some((folder, GITIGNORE)) => format!("{folder}/.{GITIGNORE}"),
        None if path == GITIGNORE => format!(".{GITIGNORE}"),
        Some(_) | None => path.to_owned(),
    };
    let content = match std::str::from_utf8(content) {
        Ok(text) => name.put_into(text).into_bytes(),
        Err(_) => content.to_owned(),
    };
    File { path: name.put_into(&path), content }
}

/// The SDK in `folder` of `guest-sdk`, in the project's folder of the same name.
fn sdk(folder: &str) -> impl Iterator<Item = File> {
    let (_, own) = folder.split_once('/').unwrap_or_default();
    below(folder).map(move |(path, content)| File { path: format!("{own}{path}"), content: content.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_template_is_complete() {
        let name = Name::of_folder(Path::new("orders-to-shop")).unwrap();
        for language in Language::ALL {
            let title = language.title();
            let files = files(language, &name).unwrap();
            let text = |path: &str| {
                let file =
                    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{title} lacks {path}"));
                std::str::from_utf8(&file.content).unwrap()
            };
            for path in [".gitignore", "build.sh", "expected.json", "orders-to-shop.toml", "records.ndjson"] {
                assert!(!text(path).is_empty(), "{title}: {path}");
            }
            let readme = text("README.md");
            assert!(readme.contains("```sh\n"), "{title}: README.md says how to build and test");
            let left = files.iter().filter(|file| String::from_utf8_lossy(&file.content).contains("my-sink"));
            let in_template = |file: &&File| !file.path.to_lowercase().starts_with("danube");
            let left: Vec<_> = left.filter(in_template).map(|file| &file.path).collect();
            assert!(left.is_empty(), "{title}: {left:?}");
        }
    }
}
