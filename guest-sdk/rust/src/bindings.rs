//! The contract, as code: generated from `wit/v0.1`. Nothing of it is public; [`register!`](crate::register) reaches it
//! only to export the functions that the host calls.

wit_bindgen::generate!({
    path: "../../wit/v0.1",
    world: "sink-connector-with-lifecycle",
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "::danube_sink::__private::bindings",
});
