//! What an instance may hold, and which of it was not enough. wasmtime counts all but the memory, and says in words of its
//! own what it refused.

use wasmtime::component::ResourceTableError;

use crate::capability::limit::Limit;

/// What an instance may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceLimits {
    /// The most bytes of all its memories and tables together.
    pub memory: u64,
    /// The most core modules that it is made of.
    pub core_instances: u32,
    /// The most linear memories.
    pub memories: u32,
    /// The most tables.
    pub tables: u32,
    /// The most handles at once. Each costs the host memory that `memory` does not count.
    pub resources: u32,
    /// The most bytes that it may pass to the host in one call.
    pub hostcall_fuel: u64,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        let memory = 256 << 20;
        Self { memory, core_instances: 1000, memories: 100, tables: 1000, resources: 1000, hostcall_fuel: memory }
    }
}

impl InstanceLimits {
    /// The limit that this error is about, if it is about one: what there was too much of, how much there may be, and which limit it is.
    pub(super) fn exceeded(&self, error: &wasmtime::Error) -> Option<(&'static str, u64, Limit)> {
        let Self { memory: _, core_instances, memories, tables, resources, hostcall_fuel } = *self;
        let handles = ("too many handles", resources.into(), Limit::Resources);
        if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
            return Some(handles);
        }
        let known = [
            ("instance count too high", ("too many core modules", core_instances.into(), Limit::Instances)),
            ("memory count too high", ("too many memories", memories.into(), Limit::Memories)),
            ("table count too high", ("too many tables", tables.into(), Limit::Tables)),
            ("store handle limit exceeded", handles),
            ("resource table has no free keys", handles),
            ("fuel allocated for hostcalls", ("too many bytes in one call", hostcall_fuel, Limit::HostcallFuel)),
        ];
        let words = error.root_cause().to_string();
        known.into_iter().find_map(|(part, limit)| words.contains(part).then_some(limit))
    }
}
