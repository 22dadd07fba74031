//! Which variables the nested cargo must not see: those with which the outer one steers its own compilation.

use std::process::Command;

/// What a person sets for every cargo on the machine. All other variables of cargo's belong to the build under way.
const KEPT: [&str; 7] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_", "CARGO_TERM_"];

/// Variables without cargo's prefix: compiler flags and wrappers (clippy, coverage), and the outer job server.
const DROPPED: [&str; 14] = [
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "DEBUG",
    "HOST",
    "LLVM_PROFILE_FILE",
    "MAKEFLAGS",
    "MFLAGS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "TARGET",
];

/// Removes from `command` what it would inherit and must not.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(disturbs) {
            command.env_remove(name);
        }
    }
}

fn disturbs(name: &str) -> bool {
    let of_cargo = name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept));
    let flags = name.ends_with("RUSTFLAGS") || name.ends_with("RUSTDOCFLAGS");
    of_cargo || flags || name.starts_with("DEP_") || DROPPED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::disturbs;

    #[test]
    fn the_outer_compilation_stays_outside() {
        let steering = [
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MAKEFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_GUEST_LTO",
            "DEP_RING_ROOT",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
        ];
        assert_eq!(steering.into_iter().filter(|name| !disturbs(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn settings_of_the_machine_go_along() {
        let personal = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_MIRROR_INDEX", "PATH", "RUSTUP_TOOLCHAIN"];
        assert_eq!(personal.into_iter().filter(|name| disturbs(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
