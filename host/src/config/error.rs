//! Errors of loading: all mistakes of one file, and of all files. What can be wrong is a [`Mistake`]; this module says
//! where it is, and prints it.

use std::{fmt, path::Path, sync::Arc};

pub use super::mistake::Mistake;
use super::{
    caution::Caution,
    policy::Rule,
    snippet::{Place, Source, Weight, render},
};

/// Everything that is wrong with one file. `Display` shows each mistake with its line, without colour.
#[derive(Clone)]
pub struct Error {
    source: Arc<Source>,
    mistakes: Vec<(Place, Mistake)>,
}

impl Error {
    pub(super) fn new(source: Arc<Source>, mut mistakes: Vec<(Place, Mistake)>) -> Self {
        mistakes.sort_by_key(|(place, _)| place.order());
        Self { source, mistakes }
    }

    /// A mistake that is not in a file's text.
    pub(super) fn outside(path: &Path, mistake: Mistake) -> Self {
        Self::new(Arc::new(Source::new(path, "")), vec![(Place::Request, mistake)])
    }

    /// The file, as it was named; empty when none was.
    pub fn file(&self) -> &Path {
        self.source.path()
    }

    /// What is wrong, in the order of the file. Never empty.
    pub fn mistakes(&self) -> impl Iterator<Item = &Mistake> {
        self.mistakes.iter().map(|(_, mistake)| mistake)
    }

    /// The text for people: several lines for each mistake, with a newline at the end.
    pub fn render(&self, color: bool) -> String {
        let show = |(place, mistake): &(Place, Mistake)| {
            let (help, rule) = (mistake.help(), mistake.rule().map(Rule::also));
            render(Weight::Error, &mistake.to_string(), help.as_deref(), (&self.source, place), rule, color) + "\n"
        };
        self.mistakes.iter().map(show).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("file", &self.file()).field("mistakes", &self.mistakes).finish()
    }
}

impl std::error::Error for Error {}

/// Everything that is wrong with all files that were to be loaded. Never empty.
#[derive(Debug, Clone)]
pub struct Errors(pub(super) Vec<Error>);

impl Errors {
    /// One for each file that is wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.0.iter()
    }

    /// The text for people, with a newline at the end.
    pub fn render(&self, color: bool) -> String {
        self.0.iter().map(|error| error.render(color)).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Errors {}

/// Something in a file that works but is probably not meant.
#[derive(Clone)]
pub struct Warning {
    source: Arc<Source>,
    place: Place,
    caution: Caution,
}

impl Warning {
    pub(super) fn new(source: Arc<Source>, place: Place, caution: Caution) -> Self {
        Self { source, place, caution }
    }

    /// What it is about.
    pub fn caution(&self) -> &Caution {
        &self.caution
    }

    /// The text for people, with a newline at the end.
    pub fn render(&self, color: bool) -> String {
        let (title, help) = (self.caution.to_string(), self.caution.help());
        render(Weight::Warning, &title, Some(&help), (&self.source, &self.place), None, color) + "\n"
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl fmt::Debug for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warning").field("place", &self.place).field("caution", &self.caution).finish()
    }
}

/// Why a file could not be read, in the same words on every system where they matter.
pub(super) fn reason(error: &std::io::Error) -> String {
    let kind = error.kind();
    if kind == std::io::ErrorKind::NotFound {
        "there is no such file".to_owned()
    } else if kind == std::io::ErrorKind::InvalidData {
        "it is not UTF-8".to_owned()
    } else {
        error.to_string()
    }
}
