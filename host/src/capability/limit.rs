//! The limits that a connector is held to, and how often it ran into each. Whoever enforces a limit says
//! [`LimitHits::hit`]; the metric, and the log line with the key to raise, come from here.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Declares the limits with the words for them, so that none can be forgotten.
macro_rules! limits {
    ($($(#[$doc:meta])+ $limit:ident = $name:literal, $key:literal;)+) => {
        /// Something that there is only so much of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $($(#[$doc])+ $limit,)+
        }

        impl Limit {
            /// Every limit, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$limit,)+];

            /// The value of the metric's label `limit`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$limit => $name,)+
                }
            }

            /// What to raise in the connector's file, as `limits.memory`.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$limit => $key,)+
                }
            }
        }
    };
}

limits! {
    /// Bytes of all memories and tables of an instance together, with its globals, functions and imports.
    Memory = "memory", "limits.memory";
    /// How many linear memories an instance has.
    Memories = "memories", "limits.memories";
    /// How many tables an instance has.
    Tables = "tables", "limits.tables";
    /// How many core modules an instance is made of.
    Instances = "instances", "limits.core_instances";
    /// The component's file, in bytes.
    ComponentSize = "component_size", "limits.component_size";
    /// How long compiling takes.
    CompileTime = "compile_time", "limits.compile_timeout";
    /// How much memory compiling takes.
    CompileMemory = "compile_memory", "limits.compile_memory";
    /// How long a call takes.
    CallTimeout = "call_timeout", "limits.call_timeout";
    /// How long a start takes.
    StartTimeout = "start_timeout", "limits.start_timeout";
    /// Bytes that a guest passes to the host in one call.
    HostcallFuel = "hostcall_fuel", "limits.hostcall_fuel";
    /// Handles that an instance holds.
    Resources = "resources", "limits.resources";
    /// Sockets that an instance has open.
    OpenSockets = "open_connections", "limits.open_connections";
    /// HTTP connections that the connector has open.
    HttpConnections = "http_connections", "limits.http_connections";
    /// HTTP exchanges that an instance has under way.
    HttpConcurrency = "http_concurrency", "limits.http_concurrency";
    /// Requests in one call of `send-all`.
    HttpBatch = "http_batch", "limits.http_batch";
    /// Bytes that the connector sends in a second.
    BytesOutPerSecond = "bytes_out_per_second", "limits.bytes_out_per_second";
    /// Header lines of a request or a response.
    HttpHeaders = "http_headers", "limits.http_headers";
    /// Bytes of the header lines of a request or a response.
    HttpHeaderBytes = "http_header_bytes", "limits.http_header_bytes";
    /// The body of a request.
    HttpRequestBody = "http_request_body", "limits.http_request_body";
    /// The body of a response.
    HttpResponseBody = "http_response_body", "limits.http_response_body";
    /// Log lines in a second.
    LogLines = "log_lines", "limits.log_lines_per_second";
    /// Bytes in a granted folder.
    DirQuota = "dir_quota", "capabilities.dirs: quota";
}

/// How often one connector ran into its limits, since it was started. All its instances share it.
#[derive(Debug)]
pub struct LimitHits {
    connector: Arc<str>,
    counts: [AtomicU64; Limit::ALL.len()],
}

impl LimitHits {
    /// No hits yet.
    pub fn new(connector: impl Into<Arc<str>>) -> Self {
        Self { connector: connector.into(), counts: [const { AtomicU64::new(0) }; Limit::ALL.len()] }
    }

    /// The guest ran into a limit, and got an error, had to wait or is gone. The first time is logged.
    pub fn hit(&self, limit: Limit) {
        if self.cell(limit).fetch_add(1, Ordering::Relaxed) == 0 {
            let Self { connector, .. } = self;
            let (key, limit) = (limit.key(), limit.name());
            tracing::warn!(%connector, limit, "the connector ran into a limit; `{key}` sets it (said once, then only counted)");
        }
    }

    /// How often it was hit.
    pub fn count(&self, limit: Limit) -> u64 {
        self.cell(limit).load(Ordering::Relaxed)
    }

    fn cell(&self, limit: Limit) -> &AtomicU64 {
        // Declared in this order, without numbers of their own.
        &self.counts[limit as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::capability::logging::capture::Capture;

    #[test]
    fn every_limit_has_a_name_and_a_key_of_its_own() {
        let names: BTreeSet<_> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        let keys: BTreeSet<_> = Limit::ALL.iter().map(|limit| limit.key()).collect();
        assert_eq!((names.len(), keys.len()), (Limit::ALL.len(), Limit::ALL.len()));
    }

    #[test]
    fn every_hit_is_counted_and_the_first_is_logged() {
        let capture = Capture::start();
        let hits = LimitHits::new("orders");
        for _ in 0..3 {
            hits.hit(Limit::DirQuota);
        }
        hits.hit(Limit::Memory);
        let counted: Vec<_> = Limit::ALL.iter().map(|limit| hits.count(*limit)).filter(|count| *count > 0).collect();
        assert_eq!(counted, [1, 3]);
        let logged = capture.lines_with("ran into a limit");
        let [quota, memory] = logged.as_slice() else { panic!("{logged:?}") };
        assert!(quota.contains("`capabilities.dirs: quota`") && quota.contains("connector=orders"), "{quota}");
        assert!(memory.contains("`limits.memory`"), "{memory}");
    }
}
