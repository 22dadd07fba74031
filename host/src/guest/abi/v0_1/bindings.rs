//! Generated from `wit/v0.1`. Lists and strings that the host passes are borrowed, so that a batch is copied once: into
//! the guest's memory.

wasmtime::component::bindgen!({
    path: "../wit/v0.1",
    world: "sink-connector-with-lifecycle",
    imports: { "danube:sink/http": async },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
