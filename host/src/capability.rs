//! What a guest may reach, and the gate that decides it. Nothing is reached unless the connector's file grants it: a
//! destination names who may be called ([`destination`]), an address policy says where that name may lead
//! ([`address`]), and every HTTP request ([`http`]), lookup and connection ([`sockets`]) is decided by them; [`decision`]
//! has the words for it. [`observe`] counts instead of refusing, for writing a first file. Folders are reached through [`files`]. Guest output is captured by
//! [`logging`]. What there is only so much of is named in [`limit`].

pub mod address;
pub mod decision;
pub mod destination;
pub mod files;
pub mod http;
pub mod limit;
pub mod logging;
pub mod observe;
pub mod rate;
pub mod resolver;
pub mod sockets;
pub mod tls;
