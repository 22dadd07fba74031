//! Shows a place in a config file the way rustc shows one in source: the headline, the line with a caret, the way out.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::conceal::conceal;

/// The text of a file, as far as it may be shown.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: conceal(text) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Where a line stands, counting from 1.
    pub(super) fn span_of(&self, line: usize) -> Range<usize> {
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        before..self.text.len()
    }

    /// The text at a span.
    pub(super) fn text(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// The part of a span that lies in its first line: more would only make the message long.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let inside = self.text(span);
        let length = inside.find(['\r', '\n']).unwrap_or(inside.len());
        let start = span.start.min(self.text.len());
        start..start + length
    }
}

/// What a message points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The file as a whole.
    File,
    /// Bytes of it.
    Span(Range<usize>),
    /// An environment variable that took the place of a key.
    Variable(&'static str),
    /// What was asked for, before any file was read.
    Request,
}

impl Place {
    /// What messages are sorted by: as a reader meets them.
    pub(super) fn order(&self) -> usize {
        match self {
            Self::Request | Self::Variable(_) | Self::File => 0,
            Self::Span(span) => span.start,
        }
    }
}

/// How much a message weighs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weight {
    Error,
    Warning,
}

/// Bytes of a file that a message shows besides, with a word about them.
pub(super) type Also<'a> = (&'a Source, &'a Range<usize>, &'a str);

/// The message as several lines of text, without a newline at the end.
pub(super) fn render(
    weight: Weight,
    title: &str,
    help: Option<&str>,
    (source, place): (&Source, &Place),
    also: Option<Also<'_>>,
    color: bool,
) -> String {
    let level = match weight {
        Weight::Error => Level::ERROR,
        Weight::Warning => Level::WARNING,
    };
    let path = source.path.display().to_string();
    let mut group = Group::with_title(level.primary_title(title));
    group = match place {
        Place::File => group.element(Origin::path(path)),
        Place::Span(span) => {
            let caret = AnnotationKind::Primary.span(source.first_line(span));
            group.element(Snippet::source(source.text.as_str()).path(path).annotation(caret))
        }
        Place::Variable(name) => group.element(Origin::path(path)).element(
            Level::NOTE.message(format!("the environment variable `{name}` takes the place of the file's key")),
        ),
        Place::Request => group,
    };
    group = group.elements(also.map(|(source, span, label)| {
        let caret = AnnotationKind::Context.span(source.first_line(span)).label(label);
        Snippet::source(source.text.as_str()).path(source.path.display().to_string()).annotation(caret)
    }));
    group = group.elements(help.map(|help| Level::HELP.message(help)));
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}
