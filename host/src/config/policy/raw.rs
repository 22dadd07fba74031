//! An operator's file as written. The grants and limits of its policy are written like those of a connector's file.

use serde::Deserialize;
use serde_spanned::Spanned;

use crate::config::raw::{HttpGrant, Integer, Limits, Quantity, SocketGrant, Text};

/// All of the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct HostFile {
    pub(in crate::config) policy: Option<Policy>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Policy {
    pub(in crate::config) http: Option<Spanned<Vec<Spanned<HttpGrant>>>>,
    pub(in crate::config) sockets: Option<Spanned<Vec<Spanned<SocketGrant>>>>,
    pub(in crate::config) topics: Option<Spanned<Vec<Text>>>,
    pub(in crate::config) dead_letters: Option<Spanned<Vec<Text>>>,
    pub(in crate::config) dirs: Option<Spanned<Vec<Spanned<Folder>>>>,
    pub(in crate::config) env: Option<Spanned<Vec<Text>>>,
    pub(in crate::config) brokers: Option<Spanned<Vec<Text>>>,
    pub(in crate::config) references: Option<Spanned<Vec<Text>>>,
    pub(in crate::config) max_instances: Option<Integer>,
    pub(in crate::config) require_sha256: Option<Spanned<bool>>,
    pub(in crate::config) allow_components: Option<Spanned<Vec<Text>>>,
    pub(in crate::config) allow_observe: Option<Spanned<bool>>,
    pub(in crate::config) limits: Limits,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Folder {
    pub(in crate::config) host: Option<Text>,
    pub(in crate::config) mode: Option<Text>,
    pub(in crate::config) quota: Option<Quantity>,
}
