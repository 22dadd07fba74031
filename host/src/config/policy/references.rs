//! The variables and files of the host that connector files may refer to.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use super::NamePattern;
use crate::config::{mistake::Mistake, raw, resolver::Resolver, snippet::Place};

/// Variables, or files, that may be read for a connector's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum ReferenceBound {
    Variables(NamePattern),
    /// A file, or a folder with all that is below it. Absolute.
    Files(PathBuf),
}

impl ReferenceBound {
    pub(super) fn resolve(written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<Self> {
        let text = resolver.plain("references", written)?;
        let bound = match text.split_once(':') {
            Some(("env", name)) => NamePattern::of(name).map(Self::Variables),
            Some(("file", path)) if !path.is_empty() => Some(Self::Files(resolver.folder.join(path))),
            Some(_) | None => None,
        };
        if bound.is_none() {
            resolver.refuse(Place::Span(written.span()), Mistake::BadReferenceBound { text });
        }
        bound
    }

    pub(in crate::config) fn covers_variable(&self, name: &str) -> bool {
        matches!(self, Self::Variables(pattern) if pattern.matches(name))
    }

    /// Whether a file is within it, wherever links lead. One that is not there goes by its name, so that a refusal says
    /// nothing about what is elsewhere.
    pub(in crate::config) fn covers_file(&self, path: &Path) -> bool {
        let Self::Files(bound) = self else { return false };
        match path.canonicalize() {
            Ok(path) => bound.canonicalize().is_ok_and(|bound| path.starts_with(bound)),
            Err(_) => !path.components().any(|part| part == Component::ParentDir) && path.starts_with(bound),
        }
    }
}

impl fmt::Display for ReferenceBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables(pattern) => write!(f, "env:{pattern}"),
            Self::Files(path) => write!(f, "file:{}", path.display()),
        }
    }
}
