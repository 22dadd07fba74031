//! A figure, its target, and how both are shown.

use std::{borrow::Cow, fmt};

/// What was measured.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    key: &'static str,
    value: f64,
    target: Target,
    what: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
    None,
}

impl Figure {
    pub(super) fn at_least(key: &'static str, value: f64, target: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::AtLeast(target), what: what.into() }
    }

    pub(super) fn at_most(key: &'static str, value: f64, target: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::AtMost(target), what: what.into() }
    }

    pub(super) fn below(key: &'static str, value: f64, target: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::Below(target), what: what.into() }
    }

    pub(super) fn plain(key: &'static str, value: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::None, what: what.into() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::Below(limit) => write!(f, "< {limit}"),
            Self::None => Ok(()),
        }
    }
}

impl Figure {
    /// Four digits that count, however large it is.
    fn value(&self) -> String {
        let decimals = (3 - self.value.abs().max(1e-3).log10().floor() as i32).clamp(0, 4) as usize;
        format!("{:.decimals$}", self.value)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value: _, target, what } = self;
        write!(f, "{key:<28} {:>10}   {:<8} {what}", self.value(), target.to_string())
    }
}

/// All of them as a table for a page.
pub(super) fn markdown(figures: &[Figure]) -> String {
    let row =
        |figure: &Figure| format!("| `{}` | {} | {} | {} |\n", figure.key, figure.value(), figure.target, figure.what);
    let rows: String = figures.iter().map(row).collect();
    format!("| key | value | target | what |\n|---|---|---|---|\n{rows}")
}

/// All of them as one object.
pub(super) fn json(figures: &[Figure]) -> serde_json::Value {
    figures
        .iter()
        .map(|figure| (figure.key.to_owned(), serde_json::Value::from(figure.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
