//! The connector files: as written, then resolved.
