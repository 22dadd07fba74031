//! `[capabilities] dirs`: the folders that a guest may use. Whether they are there is found when they are opened.

use std::{ops::Range, str::FromStr};

use serde_spanned::Spanned;

use super::{
    ceiling,
    mistake::Mistake,
    raw,
    resolver::{Resolver, Word},
    snippet::Place,
};
use crate::capability::files::{Access, Grant, below};

/// What an example of a quota is.
const EXAMPLE: u64 = 1 << 30;

/// `mode`
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "ro" => Ok(Self::Read),
            "rw" => Ok(Self::Write),
            _ => Err(()),
        }
    }
}

impl Word for Mode {
    const ALLOWED: &'static [&'static str] = &["ro", "rw"];
}

/// The grants that are sound in themselves and together.
pub(super) fn resolve(written: &[Spanned<raw::Dir>], resolver: &mut Resolver<'_>) -> Vec<Grant> {
    let mut grants: Vec<(Grant, usize)> = Vec::new();
    for written in written {
        let Some(grant) = grant(written, resolver) else { continue };
        let meets = |(other, _): &&(Grant, usize)| {
            below(&grant.guest, &other.guest).is_some() || below(&other.guest, &grant.guest).is_some()
        };
        if let Some((other, start)) = grants.iter().find(meets) {
            let (other, line) = (other.guest.clone(), resolver.source.line(*start));
            let mistake = Mistake::FoldersMeet { guest: grant.guest, other, line };
            resolver.refuse(Place::Span(written.span()), mistake);
            continue;
        }
        grants.push((grant, written.span().start));
    }
    grants.into_iter().map(|(grant, _)| grant).collect()
}

fn grant(written: &Spanned<raw::Dir>, resolver: &mut Resolver<'_>) -> Option<Grant> {
    let raw::Dir { host, guest, mode, quota } = written.get_ref();
    for (absent, key, example) in
        [(host.is_none(), "host", "host = \"/var/spool/orders\""), (guest.is_none(), "guest", "guest = \"/spool\"")]
    {
        if absent {
            resolver.refuse(Place::Span(written.span()), Mistake::Missing { key, example });
        }
    }
    let host = host.as_ref().and_then(|host| resolver.path("host", host));
    let guest = guest.as_ref().and_then(|guest| guest_path(guest, resolver));
    let access = access(mode, quota, &written.span(), resolver)?;
    let grant = Grant { host: host?, guest: guest?, access };
    ceiling::folder(&grant, written.span(), resolver);
    Some(grant)
}

/// What `mode` and `quota` of an entry at this place say together.
pub(super) fn access(
    mode: &Option<raw::Text>,
    quota: &Option<raw::Quantity>,
    place: &Range<usize>,
    resolver: &mut Resolver<'_>,
) -> Option<Access> {
    let missing = |key, example, r: &mut Resolver<'_>| {
        r.refuse(Place::Span(place.clone()), Mistake::Missing { key, example });
        None
    };
    if mode.is_none() {
        return missing("mode", "mode = \"ro\"", resolver);
    }
    match (resolver.word("mode", mode)?, quota) {
        (Mode::Read, None) => Some(Access::Read),
        (Mode::Read, Some(quota)) => {
            resolver.refuse(Place::Span(quota.span()), Mistake::QuotaUnused);
            None
        }
        (Mode::Write, Some(_)) => {
            Some(Access::Write { quota: resolver.size("quota", quota, EXAMPLE, 1 << 16..=1 << 50) })
        }
        (Mode::Write, None) => missing("quota", "quota = \"1GiB\"", resolver),
    }
}

fn guest_path(written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<String> {
    let value = resolver.plain("guest", written)?;
    let names: Vec<&str> = value.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    let normal = format!("/{}", names.join("/"));
    if value == normal && !names.contains(&"..") && !value.contains('\0') {
        return Some(value);
    }
    let better = if names.contains(&"..") || value.contains('\0') { "/spool".to_owned() } else { normal };
    resolver.refuse(Place::Span(written.span()), Mistake::BadGuestPath { value, better });
    None
}
