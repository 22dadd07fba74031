//! Pages for users, the same as in `host/docs/`. Every example in them is parsed, compiled or run by a test.

/// A page, with its links leading to the other pages here instead of to files.
macro_rules! page {
    ($name:ident, $file:literal) => {
        /// [configuration]: crate::docs::configuration
        /// [delivery]: crate::docs::delivery
        /// [sandbox]: crate::docs::sandbox
        /// [threat-model]: crate::docs::threat_model
        /// [operations]: crate::docs::operations
        /// [dev-broker]: crate::docs::dev_broker
        /// [writing-a-sink]: crate::docs::writing_a_sink
        /// [reference]: crate::docs::reference
        /// [host-reference]: crate::docs::host_reference
        ///
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $name {}
    };
}

page!(configuration, "configuration.md");
page!(delivery, "delivery.md");
page!(schemas, "schemas.md");
page!(sandbox, "sandbox.md");
page!(threat_model, "threat-model.md");
page!(operations, "operations.md");
page!(writing_a_sink, "writing-a-sink.md");
page!(dev_broker, "dev-broker.md");

/// Every key of a connector's file: `config/reference.toml`.
///
/// ```toml
#[doc = include_str!("../../config/reference.toml")]
/// ```
pub mod reference {}

/// Every key of an operator's file: `config/host.toml`.
///
/// ```toml
#[doc = include_str!("../../config/host.toml")]
/// ```
pub mod host_reference {}

#[cfg(test)]
mod tests;
