//! A network namespace: the test runs itself again in a network that has nothing but what is put into it.

use std::{
    env, fs,
    net::Ipv4Addr,
    process::{Command, Output},
};

use tempfile::TempDir;

/// Set in the process that is within.
const WITHIN: &str = "DANUBE_WASM_TEST_NETWORK";
/// What the shell ends with where the namespace can't be furnished.
const UNFURNISHED: i32 = 90;

const HELP: &str = "\
help: this test needs a network namespace. Run it as root, or allow them to everybody:
    sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   # Ubuntu
    docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN ...          # in a container
It takes `unshare` and `mount` (util-linux) and `ip` (iproute2). To do without it:
    cargo test --workspace -- --skip probe::internet";

/// `/etc` is this process's own from here on, and so is every address in `$ADDRESSES`.
const FURNISH: &str = r#"
{
    ip link set lo up
    for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
    for file in resolv.conf nsswitch.conf hosts; do mount --bind "$ETC/$file" "/etc/$file"; done
} || exit 90
exec "$@"
"#;

/// Runs `test` in a network of its own, in which these addresses are the machine's and 127.0.0.1 serves names.
///
/// `name` is what the runner calls the test.
pub(super) fn within(name: &str, addresses: &[Ipv4Addr], test: impl Future<Output = ()>) {
    if env::var_os(WITHIN).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(test);
    }
    let etc = TempDir::new().unwrap();
    for (file, content) in [
        ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:5\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
        ("hosts", "127.0.0.1 localhost\n"),
    ] {
        fs::write(etc.path().join(file), content).unwrap();
    }
    let addresses: Vec<_> = addresses.iter().map(Ipv4Addr::to_string).collect();
    let mut unshare = Command::new("unshare");
    if !is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.args(["--net", "--mount", "sh", "-euc", FURNISH, "sh"]).arg(env::current_exe().unwrap());
    unshare.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    unshare.env(WITHIN, "1").env("ETC", etc.path()).env("ADDRESSES", addresses.join(" "));
    // Its broker is in there with it.
    unshare.env_remove("DANUBE_SERVICE_URL");
    let Output { status, stdout, stderr } = unshare.output().unwrap_or_else(|error| panic!("unshare: {error}\n{HELP}"));
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.code() != Some(UNFURNISHED) && stdout.contains("running 1 test"), "{stderr}\n{HELP}");
    assert!(status.success(), "{stdout}\n{stderr}");
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}
