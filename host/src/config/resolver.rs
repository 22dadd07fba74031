//! The judge of single values: takes a value as written, and gives what it means or remembers what is wrong with it. It
//! goes on after a mistake (with the default), so that a file's mistakes are told all at once.

use std::{
    fmt,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use super::{
    caution::Caution,
    ceiling,
    environment::Environment,
    mistake::Mistake,
    policy::{Bounds, Measure, Policy},
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
    /// What the file may have at most.
    pub(super) policy: &'a Policy,
    pub(super) mistakes: Mistakes,
    pub(super) cautions: Vec<(Place, Caution)>,
    section: Section,
    bounds: Bounds,
}

/// What the quantities that are read just now are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// A connector's limits: the policy bounds them.
    Limits,
    /// The policy's own bounds: they are kept in `bounds`.
    Bounds,
    /// Neither.
    Other,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        environment: &'a Environment,
        source: &'a Source,
        folder: &'a Path,
        tables: &'a Tables,
        policy: &'a Policy,
    ) -> Self {
        let (mistakes, cautions) = (Mistakes::new(), Vec::new());
        let (section, bounds) = (Section::Other, Bounds::default());
        Self { environment, source, folder, tables, policy, mistakes, cautions, section, bounds }
    }

    /// Reads a connector's limits, none of which may be above its bound in the policy.
    pub(super) fn limits<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.section = Section::Limits;
        let limits = read(self);
        self.section = Section::Other;
        limits
    }

    /// Reads limits as a policy's bounds on those of connectors: those that are written.
    pub(super) fn bounds<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Bounds {
        self.section = Section::Bounds;
        read(self);
        self.section = Section::Other;
        std::mem::take(&mut self.bounds)
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
        self.resolved(key, written.get_ref(), written.span())
    }

    /// The same for one that stands at this place.
    pub(super) fn resolved(&mut self, key: &str, written: &str, place: Range<usize>) -> Option<Guarded> {
        if !ceiling::references(written, &place, self) {
            return None;
        }
        let resolved = secret::resolve(key, written, self.environment, self.folder);
        resolved.map_err(|mistake| self.refuse(Place::Span(place), mistake)).ok()
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

    /// The path of a file that the host is to read for the connector.
    pub(super) fn readable(&mut self, key: &str, written: &Text) -> Option<PathBuf> {
        let path = self.path(key, written)?;
        ceiling::file(&path, written.span(), self).then_some(path)
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

    /// A SHA-256.
    pub(super) fn digest(&mut self, key: &str, written: &Text) -> Option<[u8; 32]> {
        let value = self.plain(key, written)?;
        let reason = match units::digest(&value) {
            Ok(digest) => return Some(digest),
            Err(Problem::Other(reason)) => reason,
            Err(Problem::NoUnit) => "it is not hexadecimal".to_owned(),
        };
        let example = "64 hexadecimal digits, as `sha256sum connector.wasm` prints them".to_owned();
        let mistake = Mistake::Malformed { value, kind: "a SHA-256 digest", reason, example };
        self.refuse(Place::Span(written.span()), mistake);
        None
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

    /// A number of things, bounded like a size.
    pub(super) fn count(
        &mut self,
        key: &str,
        written: &Option<Integer>,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> u32 {
        let value = self.integer(key, written, range);
        let place = written.as_ref().filter(|_| value.is_some()).map(Integer::span);
        self.bounded(key, place, value.unwrap_or(default), |count| count.to_string())
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

    fn quantity<T: Measure>(
        &mut self,
        key: &str,
        written: &Option<Quantity>,
        default: T,
        range: RangeInclusive<T>,
        kind: &Kind<T>,
    ) -> T {
        let Some(written) = written else { return self.bounded(key, None, default, kind.show) };
        match kind.judge(key, written.get_ref(), default, &range) {
            Ok(value) => self.bounded(key, Some(written.span()), value, kind.show),
            Err(mistake) => {
                self.refuse(Place::Span(written.span()), mistake);
                default
            }
        }
    }

    /// The value of a limit, held against the policy: what is written must be within its bound, a default gives way to it.
    fn bounded<T: Measure>(&mut self, key: &str, written: Option<Range<usize>>, value: T, show: fn(T) -> String) -> T {
        match (self.section, written) {
            (Section::Other, _) | (Section::Bounds, None) => value,
            (Section::Bounds, Some(place)) => {
                self.bounds.set(key, value, show(value), place);
                value
            }
            (Section::Limits, None) => self.policy.at_most(key, value),
            (Section::Limits, Some(place)) => {
                if let Some(mistake) = self.policy.limit(key, value, &show(value)) {
                    self.refuse(Place::Span(place), mistake);
                }
                value
            }
        }
    }
}

/// Words that a key takes.
pub(super) trait Word: FromStr {
    /// All of them, as they are best written.
    const ALLOWED: &'static [&'static str];
}

/// A kind of quantity: how it is read and shown.
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
