//! Which files are meant, and what concerns more than one of them.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Config,
    caution::Caution,
    environment::Environment,
    error::{Error, Errors, Warning, reason},
    mistake::Mistake,
    policy::{self, Policy},
    snippet::{Place, Source},
};

const PATH_VARIABLE: &str = "CONNECTOR_CONFIG_PATH";

/// Loads connector files. A path is a file, or a folder whose `*.toml` files but `host.toml` are loaded in the order of
/// their names; without paths it is what `CONNECTOR_CONFIG_PATH` names. What goes beyond the policy is a mistake.
///
/// # Errors
///
/// Everything that is wrong with any of the files.
pub fn load(paths: &[PathBuf], environment: &Environment, policy: &Policy) -> Result<Vec<Config>, Errors> {
    let mut configs = Vec::new();
    let mut errors = Vec::new();
    for (_, result) in load_each(paths, environment, policy) {
        match result {
            Ok(config) => configs.push(config),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(configs) } else { Err(Errors(errors)) }
}

/// The same, file by file, so that the good ones can run without the others. Of two files with the same connector name
/// the first is good. Where the request itself is wrong, its path (or an empty one) stands there with the reason.
pub fn load_each(
    paths: &[PathBuf],
    environment: &Environment,
    policy: &Policy,
) -> Vec<(PathBuf, Result<Config, Error>)> {
    let named = named(paths, environment);
    if named.is_empty() {
        return vec![refused(PathBuf::new(), Mistake::NothingGiven)];
    }
    let found = files(&named);
    let files = found.iter().filter(|found| found.is_ok()).count();
    if files > 1 && environment.get(super::NAME_VARIABLE).is_some() {
        return vec![refused(PathBuf::new(), Mistake::OneNameForMany { files })];
    }
    let mut seen = Seen::default();
    let load = |found: Found| match found {
        Ok(file) => {
            let result = read(&file, environment, policy).and_then(|loaded| seen.check(loaded));
            (file, result)
        }
        Err((path, mistake)) => refused(path, mistake),
    };
    found.into_iter().map(load).collect()
}

/// What was asked for, by the paths or else by the environment.
fn named(paths: &[PathBuf], environment: &Environment) -> Vec<PathBuf> {
    match (paths, environment.get(PATH_VARIABLE)) {
        ([], Some(path)) if !path.is_empty() => vec![path.into()],
        (paths, _) => paths.to_vec(),
    }
}

/// The `host.toml` files that stand in the folders that are to be loaded. None of them is in force by standing there.
pub fn host_files(paths: &[PathBuf], environment: &Environment) -> Vec<PathBuf> {
    let beside = |folder: PathBuf| Some(folder.join(policy::FILE)).filter(|file| folder.is_dir() && file.is_file());
    named(paths, environment).into_iter().filter_map(beside).collect()
}

fn refused(path: PathBuf, mistake: Mistake) -> (PathBuf, Result<Config, Error>) {
    let error = Error::outside(&path, mistake);
    (path, Err(error))
}

type Found = Result<PathBuf, (PathBuf, Mistake)>;

/// The files that the paths stand for, each once.
fn files(paths: &[PathBuf]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for path in paths {
        match files_of(path) {
            Ok(files) => found.extend(files.into_iter().map(Ok)),
            Err(mistake) => found.push(Err((path.clone(), mistake))),
        }
    }
    let mut known = std::collections::HashSet::new();
    found.retain(|file| match file {
        Ok(file) => known.insert(fs::canonicalize(file).unwrap_or_else(|_| file.clone())),
        Err(_) => true,
    });
    found
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Mistake> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| unreadable(path, &error))?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    let is_connector = |file: &Path| {
        file.extension() == Some(OsStr::new("toml")) && file.file_name() != Some(OsStr::new(policy::FILE))
    };
    files.retain(|file| is_connector(file) && !file.is_dir());
    files.sort();
    if files.is_empty() { Err(Mistake::EmptyFolder { path: path.to_owned() }) } else { Ok(files) }
}

fn unreadable(path: &Path, error: &io::Error) -> Mistake {
    Mistake::Unreadable { path: path.to_owned(), reason: reason(error) }
}

/// A config, and what is needed to say more about its file.
pub(super) struct Loaded {
    pub(super) config: Config,
    pub(super) source: Arc<Source>,
    /// Where the connector's name comes from.
    pub(super) name: Place,
}

fn read(file: &Path, environment: &Environment, policy: &Policy) -> Result<Loaded, Error> {
    Config::read(file, &text(file)?, environment, policy)
}

/// The text of a file.
pub(super) fn text(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|error| Error::outside(file, unreadable(file, &error)))
}

/// What the files before have taken.
#[derive(Default)]
struct Seen {
    names: HashMap<String, (PathBuf, usize)>,
    subscriptions: HashMap<(String, String), (PathBuf, usize)>,
}

impl Seen {
    fn check(&mut self, loaded: Loaded) -> Result<Config, Error> {
        let Loaded { mut config, source, name } = loaded;
        if let Some((file, line)) = self.names.get(&config.connector_name).cloned() {
            let mistake = Mistake::NameTaken { name: config.connector_name, file, line };
            return Err(Error::new(source, vec![(name, mistake)]));
        }
        let line = if let Place::Span(span) = &name { source.line(span.start) } else { 1 };
        self.names.insert(config.connector_name.clone(), (config.file.clone(), line));
        for mapping in &config.mappings {
            let (topic, subscription) = (mapping.topic.clone(), mapping.subscription.clone());
            let here = (config.file.clone(), mapping.line);
            let Some((file, line)) = self.subscriptions.insert((topic.clone(), subscription.clone()), here) else {
                continue;
            };
            let place = Place::Span(source.span_of(mapping.line));
            let caution = Caution::SubscriptionShared { topic, subscription, file, line };
            config.warnings.push(Warning::new(Arc::clone(&source), place, caution));
        }
        Ok(config)
    }
}
