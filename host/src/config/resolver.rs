//! The judge of single values: takes a value as written, and gives what it means or remembers what is wrong with it. It
//! goes on after a mistake (with the default), so that a file's mistakes are told all at once.

use std::{
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use super::{
    caution::Caution,
    environment::Environment,
    mistake::Mistake,
    raw::{Amount, Integer, Quantity, Text},
    secret::{self, Guarded},
    shape::{Mistakes, Tables},
    snippet::{Place, Source},
    units::{self, Problem},
};

/// What is known and found while one file is resolved.
pub(super) struct Resolver<'a> {
    pub(super) environment: &'a Environment,
    pub(super) source: &'a Source,
    /// The folder that relative paths start from.
    pub(super) folder: &'a Path,
    /// Where the tables of the file stand.
    pub(super) tables: &'a Tables,
    pub(super) mistakes: Mistakes,
    pub(super) cautions: Vec<(Place, Caution)>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(environment: &'a Environment, source: &'a Source, folder: &'a Path, tables: &'a Tables) -> Self {
        Self { environment, source, folder, tables, mistakes: Mistakes::new(), cautions: Vec::new() }
    }

    pub(super) fn refuse(&mut self, place: Place, mistake: Mistake) {
        self.mistakes.push((place, mistake));
    }

    pub(super) fn warn(&mut self, place: Place, caution: Caution) {
        self.cautions.push((place, caution));
    }

    /// Where something is missing: in the table, or in the file where that is missing too.
    pub(super) fn in_table(&self, table: &str) -> Place {
        self.tables.get(table).cloned().map_or(Place::File, Place::Span)
    }

    /// A string that may refer to secrets.
    pub(super) fn guarded(&mut self, key: &str, written: &Text) -> Option<Guarded> {
        let resolved = secret::resolve(key, written.get_ref(), self.environment, self.folder);
        resolved.map_err(|mistake| self.refuse(Place::Span(written.span()), mistake)).ok()
    }

    /// A string that is shown to the world and must not refer to secrets.
    pub(super) fn plain(&mut self, key: &str, written: &Text) -> Option<String> {
        let plain = secret::without_references(key, written.get_ref());
        plain.map_err(|mistake| self.refuse(Place::Span(written.span()), mistake)).ok()
    }

    /// A path, made absolute.
    pub(super) fn path(&mut self, key: &str, written: &Text) -> Option<PathBuf> {
        self.plain(key, written).map(|path| self.folder.join(path))
    }

    /// One of several words, which `T` reads and lists.
    pub(super) fn word<T: Word>(&mut self, key: &str, written: &Option<Text>) -> Option<T> {
        let written = written.as_ref()?;
        let value = self.plain(key, written)?;
        let word = T::from_str(&value).ok();
        if word.is_none() {
            let mistake = Mistake::UnknownWord { key: key.to_owned(), value, allowed: T::ALLOWED };
            self.refuse(Place::Span(written.span()), mistake);
        }
        word
    }

    pub(super) fn integer<T>(&mut self, key: &str, written: &Option<Integer>, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + fmt::Display,
    {
        let written = written.as_ref()?;
        let value = T::try_from(*written.get_ref()).ok().filter(|value| range.contains(value));
        if value.is_none() {
            self.refuse(Place::Span(written.span()), Mistake::out_of_range(key, written, &range));
        }
        value
    }

    /// One of the native SDK's `_ms` keys.
    pub(super) fn millis(&mut self, key: &str, written: &Option<Integer>) -> Option<Duration> {
        self.integer(key, written, 1..=3_600_000_u64).map(Duration::from_millis)
    }

    /// A duration with its unit, of which `default` is an example.
    pub(super) fn duration(&mut self, key: &str, written: &Option<Quantity>, default: Duration) -> Duration {
        let range = Duration::from_millis(1)..=Duration::from_secs(86_400);
        let kind = Kind { name: "a duration", read: units::duration, show: units::show_duration };
        self.quantity(key, written, default, range, &kind)
    }

    /// A size with its unit, of which `default` is an example.
    pub(super) fn size(
        &mut self,
        key: &str,
        written: &Option<Quantity>,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        let kind = Kind { name: "a size", read: units::size, show: units::show_size };
        self.quantity(key, written, default, range, &kind)
    }

    fn quantity<T: PartialOrd + Copy>(
        &mut self,
        key: &str,
        written: &Option<Quantity>,
        default: T,
        range: RangeInclusive<T>,
        kind: &Kind<T>,
    ) -> T {
        let Some(written) = written else { return default };
        let judged = kind.judge(key, written.get_ref(), default, &range);
        judged.map_err(|mistake| self.refuse(Place::Span(written.span()), mistake)).unwrap_or(default)
    }
}

/// Words that a key takes.
pub(super) trait Word: FromStr {
    /// All of them, as they are best written.
    const ALLOWED: &'static [&'static str];
}

/// A kind of quantity.
struct Kind<T> {
    name: &'static str,
    read: fn(&str) -> Result<T, Problem>,
    show: fn(T) -> String,
}

impl<T: PartialOrd + Copy> Kind<T> {
    fn judge(&self, key: &str, written: &Amount, example: T, range: &RangeInclusive<T>) -> Result<T, Mistake> {
        let no_unit = |value: String| Mistake::NoUnit { key: key.to_owned(), value, example: (self.show)(example) };
        let text = match written {
            Amount::Bare(number) => return Err(no_unit(number.clone())),
            Amount::Text(text) => secret::without_references(key, text)?,
        };
        match (self.read)(&text) {
            Ok(value) if range.contains(&value) => Ok(value),
            Ok(_) => {
                let (least, most) = ((self.show)(*range.start()), (self.show)(*range.end()));
                Err(Mistake::OutOfRange { key: key.to_owned(), value: text, least, most })
            }
            Err(Problem::NoUnit) => Err(no_unit(format!("\"{text}\""))),
            Err(Problem::Other(reason)) => {
                let example = format!("it like `{key} = \"{}\"`", (self.show)(example));
                Err(Mistake::Malformed { value: text, kind: self.name, reason, example })
            }
        }
    }
}
