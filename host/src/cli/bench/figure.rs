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
    Below(f64),
    None,
}

impl Figure {
    pub(super) fn at_least(key: &'static str, value: f64, target: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::AtLeast(target), what: what.into() }
    }

    pub(super) fn below(key: &'static str, value: f64, target: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::Below(target), what: what.into() }
    }

    pub(super) fn plain(key: &'static str, value: f64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { key, value, target: Target::None, what: what.into() }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, target, what } = self;
        let target = match target {
            Target::AtLeast(least) => format!(">= {least}"),
            Target::Below(most) => format!("< {most}"),
            Target::None => String::new(),
        };
        // Four digits that count, however large it is.
        let decimals = (3 - value.abs().max(1e-3).log10().floor() as i32).clamp(0, 4) as usize;
        write!(f, "{key:<28} {value:>10.decimals$}   {target:<8} {what}")
    }
}

/// All of them as one object.
pub(super) fn json(figures: &[Figure]) -> serde_json::Value {
    figures
        .iter()
        .map(|figure| (figure.key.to_owned(), serde_json::Value::from(figure.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
