//! The keys of a grant's table that are about TLS.

use std::path::PathBuf;

use crate::capability::tls::TlsVersion;
use crate::config::{
    Identity,
    mistake::Mistake,
    raw,
    resolver::{Resolver, Word},
    snippet::Place,
};

/// Where no TLS is spoken, and what to do about keys that are about it.
pub(super) type WithoutTls = (&'static str, &'static str);
pub(super) const IN_POLICY: WithoutTls =
    ("in the operator's policy", "write it in the connectors' files, or remove it");

/// How TLS is spoken under a grant. The paths are absolute, the files PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantTls {
    /// The authorities to trust, and no others; without it the public ones.
    pub ca_cert: Option<PathBuf>,
    /// For a server that asks its clients for a certificate.
    pub identity: Option<Identity>,
    /// The oldest version.
    pub min: Option<TlsVersion>,
}

/// The keys of a grant's table that are about TLS.
pub(super) struct TlsKeys<'a> {
    pub(super) ca_cert: &'a Option<raw::Text>,
    pub(super) client_cert: &'a Option<raw::Text>,
    pub(super) client_key: &'a Option<raw::Text>,
    pub(super) min_tls: &'a Option<raw::Text>,
}

impl TlsKeys<'_> {
    /// What they say; where there is no TLS, every one of them is refused.
    pub(super) fn read(&self, without_tls: Option<WithoutTls>, resolver: &mut Resolver<'_>) -> GrantTls {
        let Self { ca_cert, client_cert, client_key, min_tls } = *self;
        let Some((place, help)) = without_tls else {
            return GrantTls {
                ca_cert: ca_cert.as_ref().and_then(|path| resolver.readable("ca_cert", path)),
                identity: Identity::resolve(client_cert, client_key, resolver),
                min: resolver.word("min_tls", min_tls),
            };
        };
        let keys =
            [("ca_cert", ca_cert), ("client_cert", client_cert), ("client_key", client_key), ("min_tls", min_tls)];
        for (key, written) in keys {
            let Some(written) = written else { continue };
            resolver.refuse(Place::Span(written.span()), Mistake::NoEffect { key, place, help });
        }
        GrantTls::default()
    }
}

impl Word for TlsVersion {
    const ALLOWED: &'static [&'static str] = &["1.2", "1.3"];
}
