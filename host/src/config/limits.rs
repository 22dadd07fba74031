//! `[limits]`: what one instance of the guest may use, and what its component may take to get there.

use std::time::Duration;

use super::{caution::Caution, processing::LARGEST_WINDOW, raw, resolver::Resolver, snippet::Place};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a guest may pass to the host in one call is bounded by its memory, for it can't honestly have more. Lists of
/// small records take more room on the host than in the guest, so small guests get this many bytes all the same.
const LEAST_HOSTCALL_FUEL: u64 = 16 * MIB;

/// What one instance of the guest may use, and what its component may take to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories of the instance together, in bytes.
    pub memory: u64,
    /// The longest call of `process-batch`, the host's work for it included.
    pub call_timeout: Duration,
    /// The longest start: instantiation, `initialize`, `consumer-configs`.
    pub start_timeout: Duration,
    /// The longest HTTP exchange, from the connection to the end of the response.
    pub http_timeout: Duration,
    /// The longest wait for a connection, TLS included.
    pub http_connect_timeout: Duration,
    /// The longest wait for the head of an HTTP response, once there is a connection.
    pub http_first_byte_timeout: Duration,
    /// The largest body of a request, in bytes.
    pub http_request_body: u64,
    /// The largest body of a response, in bytes.
    pub http_response_body: u64,
    /// The most header lines of a request or a response.
    pub http_headers: u32,
    /// The most bytes of the header lines of a request or a response.
    pub http_header_bytes: u64,
    /// The most HTTP exchanges at a time.
    pub http_concurrency: u32,
    /// The most requests in one call of `send-all`.
    pub http_batch: u32,
    /// The most HTTP connections of all instances of the connector together.
    pub http_connections: u32,
    /// The most bytes that all instances of the connector together send in a second. From [`Self::UNBOUNDED_RATE`] on there is
    /// no bound.
    pub bytes_out_per_second: u64,
    /// The most sockets and TLS sessions on them at a time.
    pub open_connections: u32,
    /// The most log lines that are kept in a second.
    pub log_lines_per_second: u32,
    /// The most core modules that make up the instance.
    pub core_instances: u32,
    /// The most linear memories of the instance.
    pub memories: u32,
    /// The most tables of the instance.
    pub tables: u32,
    /// The most handles (streams, requests, files and so on) that it holds at once.
    pub resources: u32,
    /// The most bytes that it may pass to the host in one call.
    pub hostcall_fuel: u64,
    /// The largest component file, in bytes.
    pub component_size: u64,
    /// The longest compilation.
    pub compile_timeout: Duration,
    /// The most memory that compiling may take, in bytes.
    pub compile_memory: u64,
    /// The most lanes of the connector: its topics times its `instances`.
    pub max_lanes: u32,
    /// The most records of a batch, whoever asks for them.
    pub max_batch_size: u32,
    /// The most payload bytes of a batch, whoever asks for them.
    pub max_batch_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 * MIB,
            call_timeout: Duration::from_secs(20),
            start_timeout: Duration::from_secs(30),
            http_timeout: Duration::from_secs(30),
            http_connect_timeout: Duration::from_secs(5),
            http_first_byte_timeout: Duration::from_secs(30),
            http_request_body: 16 * MIB,
            http_response_body: 16 * MIB,
            http_headers: 100,
            http_header_bytes: 64 << 10,
            http_concurrency: 16,
            http_batch: 10_000,
            http_connections: 64,
            bytes_out_per_second: Self::UNBOUNDED_RATE,
            open_connections: 64,
            log_lines_per_second: 200,
            core_instances: 1000,
            memories: 100,
            tables: 1000,
            resources: 1000,
            hostcall_fuel: 256 * MIB,
            component_size: 64 * MIB,
            compile_timeout: Duration::from_secs(60),
            compile_memory: 2 * GIB,
            max_lanes: 64,
            max_batch_size: LARGEST_WINDOW,
            max_batch_bytes: 64 * MIB,
        }
    }
}

impl Limits {
    /// So many bytes per second are no bound, since no machine sends them.
    pub const UNBOUNDED_RATE: u64 = 1 << 40;

    /// How many lanes so many topics would make, if they are more than there may be.
    pub fn too_many_lanes(&self, topics: usize, instances: u32) -> Option<u64> {
        let lanes = u64::try_from(topics).unwrap_or(u64::MAX).saturating_mul(instances.into());
        Some(lanes).filter(|lanes| *lanes > self.max_lanes.into())
    }

    pub(super) fn resolve(written: &raw::Limits, ack_timeout: Duration, resolver: &mut Resolver<'_>) -> Self {
        let default = Self::default();
        let (w, r) = (written, resolver);
        let memory = r.size("memory", &w.memory, default.memory, MIB..=64 * GIB);
        let count = |r: &mut Resolver<'_>, key, written, default| r.count(key, written, default, 1..=100_000);
        let limits = Self {
            memory,
            call_timeout: r.duration("call_timeout", &w.call_timeout, default.call_timeout),
            start_timeout: r.duration("start_timeout", &w.start_timeout, default.start_timeout),
            http_timeout: r.duration("http_timeout", &w.http_timeout, default.http_timeout),
            http_connect_timeout: r.duration(
                "http_connect_timeout",
                &w.http_connect_timeout,
                default.http_connect_timeout,
            ),
            http_first_byte_timeout: r.duration(
                "http_first_byte_timeout",
                &w.http_first_byte_timeout,
                default.http_first_byte_timeout,
            ),
            http_request_body: r.size("http_request_body", &w.http_request_body, default.http_request_body, 1..=GIB),
            http_response_body: r.size(
                "http_response_body",
                &w.http_response_body,
                default.http_response_body,
                1..=GIB,
            ),
            http_headers: r.count("http_headers", &w.http_headers, default.http_headers, 1..=10_000),
            http_header_bytes: r.size(
                "http_header_bytes",
                &w.http_header_bytes,
                default.http_header_bytes,
                1 << 10..=MIB,
            ),
            http_batch: count(r, "http_batch", &w.http_batch, default.http_batch),
            http_connections: r.count("http_connections", &w.http_connections, default.http_connections, 1..=10_000),
            bytes_out_per_second: r.size(
                "bytes_out_per_second",
                &w.bytes_out_per_second,
                default.bytes_out_per_second,
                1 << 10..=1 << 50,
            ),
            http_concurrency: r.count("http_concurrency", &w.http_concurrency, default.http_concurrency, 1..=1024),
            open_connections: r.count("open_connections", &w.open_connections, default.open_connections, 1..=1024),
            log_lines_per_second: r.count(
                "log_lines_per_second",
                &w.log_lines_per_second,
                default.log_lines_per_second,
                0..=1_000_000,
            ),
            core_instances: count(r, "core_instances", &w.core_instances, default.core_instances),
            memories: count(r, "memories", &w.memories, default.memories),
            tables: count(r, "tables", &w.tables, default.tables),
            resources: count(r, "resources", &w.resources, default.resources),
            hostcall_fuel: r.size("hostcall_fuel", &w.hostcall_fuel, memory.max(LEAST_HOSTCALL_FUEL), MIB..=64 * GIB),
            component_size: r.size("component_size", &w.component_size, default.component_size, 1 << 10..=GIB),
            compile_timeout: r.duration("compile_timeout", &w.compile_timeout, default.compile_timeout),
            compile_memory: r.size("compile_memory", &w.compile_memory, default.compile_memory, 64 * MIB..=64 * GIB),
            max_lanes: r.count("max_lanes", &w.max_lanes, default.max_lanes, 1..=4096),
            max_batch_size: r.count("max_batch_size", &w.max_batch_size, default.max_batch_size, 1..=1_000_000),
            max_batch_bytes: r.size("max_batch_bytes", &w.max_batch_bytes, default.max_batch_bytes, 1 << 10..=GIB),
        };
        if limits.call_timeout >= ack_timeout {
            let place = w.call_timeout.as_ref().map_or(Place::File, |written| Place::Span(written.span()));
            r.warn(place, Caution::OutlivesAck { key: "call_timeout" });
        }
        limits
    }
}
