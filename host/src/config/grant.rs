//! `[capabilities] http` and `sockets`: where a guest may send requests and connect. The grammar is [`Grant`]'s; this
//! module reads a URL or a table with it, and turns what it refuses into mistakes with their place and the way out.

use std::fmt;

use serde_spanned::Spanned;

use super::{raw, resolver::Resolver, secret::Guarded};
use crate::capability::destination::{self, Grant, Scheme};

mod part;
mod tls;

pub(super) use part::{HTTP, broker, help};
use part::{SOCKETS, accept, addresses, methods, parsed, part, text};
pub use tls::GrantTls;
use tls::{IN_POLICY, TlsKeys, WithoutTls};

/// Where a guest may send requests. `Debug` shows it as written.
#[derive(Clone)]
pub struct HttpGrant {
    /// What it grants. Its URL may come from a reference, and is shown as that.
    pub grant: Grant,
    /// The URL as written, with its references and not their values: for messages.
    pub text: Guarded,
    /// How TLS is spoken with it.
    pub tls: GrantTls,
    /// Where it stands in the file, from 1.
    pub line: usize,
}

impl fmt::Debug for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grant, text, tls, line: _ } = self;
        f.debug_struct("HttpGrant")
            .field("text", text)
            .field("methods", &grant.methods())
            .field("addresses", &grant.addresses())
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// The line to write.
impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.grant, f)
    }
}

impl HttpGrant {
    pub(super) fn resolve(written: &Spanned<raw::HttpGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        Self::read(written, None, resolver)
    }

    /// A grant of the operator's policy: a bound, under which nothing is sent.
    pub(super) fn bound(written: &Spanned<raw::HttpGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        Self::read(written, Some(IN_POLICY), resolver)
    }

    fn read(
        written: &Spanned<raw::HttpGrant>,
        without_tls: Option<WithoutTls>,
        resolver: &mut Resolver<'_>,
    ) -> Option<Self> {
        let plain;
        let table = match written.get_ref() {
            raw::HttpGrant::Table(table) => table.as_ref(),
            raw::HttpGrant::Url(url) => {
                let url = Some(Spanned::new(written.span(), url.clone()));
                plain = raw::HttpTable { url, ..raw::HttpTable::default() };
                &plain
            }
        };
        let (url, text) = text(HTTP, table.url.as_ref(), written.span(), resolver)?;
        let path = table.path.as_ref().and_then(|path| part("path", path, destination::prefix, resolver));
        let methods = methods(table, resolver);
        let addresses = addresses(&table.addresses, resolver);
        let grant = parsed(HTTP, &text, url.span(), resolver)?.with_addresses(addresses);
        let grant = match (path, &table.path) {
            (Some(path), Some(written)) => accept(grant.with_path(&path), written.span(), resolver)?,
            (_, None) | (None, _) => grant,
        };
        let grant = match methods {
            Some(methods) => accept(grant.with_methods(methods), url.span(), resolver)?,
            None => grant,
        };
        let plain = text.expose().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        let plain = plain.then_some(("on an `http://` grant", "write `https://` in `url`, or remove it"));
        let raw::HttpTable { ca_cert, client_cert, client_key, min_tls, .. } = table;
        let tls = TlsKeys { ca_cert, client_cert, client_key, min_tls }.read(without_tls.or(plain), resolver);
        Some(Self { grant, text, tls, line: resolver.source.line(written.span().start) })
    }
}

/// Where a guest may connect sockets. `Debug` shows it as written.
#[derive(Clone)]
pub struct SocketGrant {
    /// What it grants. Its URL may come from a reference, and is shown as that.
    pub grant: Grant,
    /// The URL as written, with its references and not their values: for messages.
    pub text: Guarded,
    /// How the host speaks TLS there, where it does for the guest.
    pub tls: GrantTls,
    /// Where it stands in the file, from 1.
    pub line: usize,
}

impl fmt::Debug for SocketGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grant, text, tls, line: _ } = self;
        f.debug_struct("SocketGrant")
            .field("text", text)
            .field("addresses", &grant.addresses())
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// The line to write.
impl fmt::Display for SocketGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.grant, f)
    }
}

impl SocketGrant {
    pub(super) fn resolve(written: &Spanned<raw::SocketGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        Self::read(written, None, resolver)
    }

    /// A grant of the operator's policy.
    pub(super) fn bound(written: &Spanned<raw::SocketGrant>, resolver: &mut Resolver<'_>) -> Option<Self> {
        Self::read(written, Some(IN_POLICY), resolver)
    }

    fn read(
        written: &Spanned<raw::SocketGrant>,
        without_tls: Option<WithoutTls>,
        resolver: &mut Resolver<'_>,
    ) -> Option<Self> {
        let plain;
        let table = match written.get_ref() {
            raw::SocketGrant::Table(table) => table.as_ref(),
            raw::SocketGrant::Url(url) => {
                let url = Some(Spanned::new(written.span(), url.clone()));
                plain = raw::SocketTable { url, ..raw::SocketTable::default() };
                &plain
            }
        };
        let (url, text) = text(SOCKETS, table.url.as_ref(), written.span(), resolver)?;
        let addresses = addresses(&table.addresses, resolver);
        let grant = parsed(SOCKETS, &text, url.span(), resolver)?.with_addresses(addresses);
        let datagrams = (grant.scheme() == Scheme::Udp).then_some(("on a grant of `udp`", "remove it"));
        let raw::SocketTable { url: _, addresses: _, ca_cert, client_cert, client_key, min_tls } = table;
        let tls = TlsKeys { ca_cert, client_cert, client_key, min_tls }.read(without_tls.or(datagrams), resolver);
        Some(Self { grant, text, tls, line: resolver.source.line(written.span().start) })
    }
}
