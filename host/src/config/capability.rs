//! `[capabilities]`: what a guest may reach beside its own topics. Nothing is granted unless it stands here.

use secrecy::SecretString;
use serde_spanned::Spanned;

use super::{
    Mode, ceiling, dirs,
    grant::{HttpGrant, SocketGrant},
    http_header::{self, HttpHeader},
    mistake::Mistake,
    raw,
    resolver::Resolver,
    snippet::Place,
    topic::TopicPattern,
};
use crate::capability::files;

/// What a guest may reach.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Whether grants are enforced.
    pub mode: Mode,
    /// Topics that it may consume beside those of its mappings.
    pub topics: Vec<TopicPattern>,
    /// Where it may send requests.
    pub http: Vec<HttpGrant>,
    /// Where it may connect sockets.
    pub sockets: Vec<SocketGrant>,
    /// The folders that it may use; no two meet in what the guest calls them.
    pub dirs: Vec<files::Grant>,
    /// What the host adds to those requests; each within one of the grants.
    pub http_headers: Vec<HttpHeader>,
    /// Its whole environment, sorted by name.
    pub env: Vec<(String, SecretString)>,
}

impl Capabilities {
    pub(super) fn resolve(written: &raw::Capabilities, resolver: &mut Resolver<'_>) -> Self {
        let http: Vec<_> = written.http.iter().filter_map(|grant| http(grant, resolver)).collect();
        // What a grant that is not understood would have covered can't be known.
        let granted = (http.len() == written.http.len()).then_some(http.as_slice());
        let http_headers = http_header::resolve(&written.http_headers, granted, resolver);
        Self {
            mode: Mode::resolve(&written.mode, resolver),
            topics: written.topics.iter().filter_map(|topic| pattern(topic, resolver)).collect(),
            sockets: written.sockets.iter().filter_map(|grant| socket(grant, resolver)).collect(),
            dirs: dirs::resolve(&written.dirs, resolver),
            http,
            http_headers,
            env: written.env.iter().filter_map(|(name, value)| variable(name, value, resolver)).collect(),
        }
    }
}

fn http(written: &Spanned<raw::HttpGrant>, resolver: &mut Resolver<'_>) -> Option<HttpGrant> {
    let granted = HttpGrant::resolve(written, resolver)?;
    ceiling::http(&granted, written.span(), resolver);
    Some(granted)
}

fn socket(written: &Spanned<raw::SocketGrant>, resolver: &mut Resolver<'_>) -> Option<SocketGrant> {
    let granted = SocketGrant::resolve(written, resolver)?;
    ceiling::socket(&granted, written.span(), resolver);
    Some(granted)
}

fn pattern(written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<TopicPattern> {
    let pattern = TopicPattern::resolve("topics", written, resolver)?;
    ceiling::topics(&pattern, written.span(), resolver);
    Some(pattern)
}

fn variable(name: &str, written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<(String, SecretString)> {
    if name.is_empty() || name.contains(['=', '\0']) {
        let mistake = Mistake::BadVariable { name: name.to_owned() };
        resolver.refuse(Place::Span(written.span()), mistake);
        return None;
    }
    ceiling::variable(name, written.span(), resolver);
    Some((name.to_owned(), resolver.guarded("env", written)?.into_secret()))
}
