//! `danube-wasm new`: a project that builds, and passes its own test as it stands.

mod name;
mod project;
mod rust;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use self::{name::Name, project::File};
use super::{Stop, language::Language};

/// `danube-wasm new`
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// The folder to write. Its last part becomes the name of the project and of its connector.
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// The language of the sink.
    #[arg(long, value_enum)]
    lang: Language,
}

impl New {
    pub(super) fn execute(&self) -> Result<ExitCode, Stop> {
        let name = Name::of_folder(&self.folder).map_err(|error| Stop::Usage(format!("error: {error}")))?;
        check_free(&self.folder)?;
        let files = project::files(self.lang, &name)?;
        for file in &files {
            write(&self.folder, file).with_context(|| format!("cannot write the project: {}", file.path))?;
        }
        self.say(files.len(), &name);
        Ok(ExitCode::SUCCESS)
    }

    fn say(&self, files: usize, name: &Name) {
        let (folder, lang) = (self.folder.display(), self.lang.name());
        println!("wrote {files} files to {folder}: a sink in {}", self.lang.title());
        println!();
        println!("next:");
        println!("  danube-wasm doctor --lang {lang}     # is all there that the build needs?");
        println!("  cd {folder}");
        println!("  sh build.sh");
        println!("  danube-wasm test {name}.wasm --records records.ndjson --expect expected.json");
        println!("  danube-wasm dev {name}.toml --watch");
    }
}

/// A folder that is not there, or is empty.
fn check_free(folder: &Path) -> Result<(), Stop> {
    let taken = |why: &str| {
        let folder = folder.display();
        let help = "help: nothing is overwritten; choose another name, or move what is there";
        Err(Stop::Usage(format!("error: `{folder}` {why}\n{help}")))
    };
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => taken("is a folder that is not empty"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => taken("is a file"),
        Err(error) => taken(&format!("can't be used: {error}")),
    }
}

fn write(folder: &Path, file: &File) -> io::Result<()> {
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, &file.content)
}
