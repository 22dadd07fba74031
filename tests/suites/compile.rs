//! The way from a file to code that runs: bounded in a process of its own, and kept where nobody else can write.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use danube_wasm_tests::{
    guests,
    process::{Ended, Process},
};
use tempfile::TempDir;

use crate::COMMAND;

/// Runs the command in a folder that has a connector of this component, with these limits.
async fn with_limits(command: &[&str], component: &[u8], limits: &str) -> Ended {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("sink.wasm"), component).unwrap();
    let file = format!(
        r#"connector_name = "orders"
danube_service_url = "http://127.0.0.1:6650"
component = {{ path = "sink.wasm" }}
limits = {{ {limits} }}
processing = {{ on_reject = "skip" }}

[settings]
url = "https://example.com/in"
topic_mappings = [{{ topic = "/default/orders", subscription = "orders" }}]
"#
    );
    fs::write(folder.path().join("orders.toml"), file).unwrap();
    Process::start(COMMAND, folder.path(), &[command, &["orders.toml"]].concat()).end().await
}

async fn refused(component: &[u8], limits: &str) -> String {
    let checked = with_limits(&["check"], component, limits).await;
    assert_eq!(checked.code, Some(2), "{checked:?}");
    // With the host it is the same, and the host is there to say so.
    let run = with_limits(&["run", "--listen", "none", "--no-cache"], component, limits).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    let reason = checked.stderr.lines().next().unwrap().rsplit_once("sink.wasm` ").unwrap().1.to_owned();
    assert!(run.stderr.contains(&reason), "{run:?}");
    reason
}

/// A number as WebAssembly writes it.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], number(content.len()).as_slice(), content].concat()
}

/// A small component whose one function takes room and time by the square: so many variables, read within so many loops.
fn bomb(size: usize) -> Vec<u8> {
    let mut body = [&[1], number(size).as_slice(), &[0x7e]].concat();
    body.extend([0x03, 0x40].repeat(size));
    for variable in 0..size {
        body.extend([&[0x20], number(variable).as_slice(), &[0x1a]].concat());
    }
    body.extend(vec![0x0b; size + 1]);
    let code = [&[1], number(body.len()).as_slice(), &body].concat();
    let module = [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &code)];
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat())].concat()
}

#[tokio::test]
async fn a_component_that_takes_too_long_is_given_up() {
    let component = fs::read(guests::SINK_HTTP).unwrap();
    let reason = refused(&component, r#"compile_timeout = "1ms""#).await;
    assert_eq!(reason, "takes too long to compile: limit 1ms (limits.compile_timeout)");
}

#[tokio::test]
async fn a_compilation_that_takes_long_is_shown_as_it_goes() {
    let limits = r#"compile_timeout = "3s", compile_memory = "2GiB""#;
    let run = with_limits(&["run", "--listen", "none", "--no-cache"], &bomb(4_000), limits).await;
    let lines: Vec<_> = run.stderr.lines().filter(|line| line.contains("compiling ")).collect();
    assert!(matches!(lines[..], [line] if line.contains(" MB, ") && line.contains("s so far")), "{run:?}");
    assert!(lines[0].contains("sink.wasm"), "which one: {run:?}");
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_is_given_up() {
    let bomb = bomb(12_000);
    assert!(bomb.len() < 128 << 10, "{}", bomb.len());
    let reason = refused(&bomb, r#"compile_memory = "256MiB""#).await;
    assert_eq!(reason, "takes too much memory to compile: limit 256 MiB (limits.compile_memory)");
}

/// Modules of a hundred bytes, each of which compiles to 15 MiB: a memory with something at its start and at its end.
fn inflating(modules: usize) -> Vec<u8> {
    const PAGES: usize = 240;
    let byte_at = |at: &[u8]| [&[0x00, 0x41], at, &[0x0b, 0x01, b'x']].concat();
    let data = [&[2], byte_at(&[0]).as_slice(), &byte_at(&[0xff, 0xff, 0xbf, 0x07])].concat();
    let memory = [&[1, 0], number(PAGES).as_slice()].concat();
    let module = [b"\0asm\x01\0\0\0".to_vec(), section(5, &memory), section(11, &data)].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module).repeat(modules)].concat()
}

#[tokio::test]
async fn a_component_that_compiles_to_too_much_is_given_up() {
    let component = inflating(8);
    assert!(component.len() < 1 << 10, "{}", component.len());
    let reason = refused(&component, r#"compile_memory = "400MiB""#).await;
    assert_eq!(reason, "compiles to too much code: limit 100 MiB (a quarter of limits.compile_memory)");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let reason = refused(&[0; 3 << 10], r#"component_size = "2KiB""#).await;
    assert_eq!(reason, "is too large for a component: limit 2 KiB (limits.component_size)");
}

/// Runs a connector whose broker is not there, until its component is compiled.
async fn until_compiled(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Process {
    let process = Process::start_with(COMMAND, folder, args, variables, "");
    process.until_stderr("compiled in").await;
    process
}

#[tokio::test]
async fn compiled_code_is_kept_in_the_users_folder() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let file = format!(
        r#"connector_name = "orders"
danube_service_url = "http://127.0.0.1:1"
component = {{ path = {:?} }}
processing = {{ on_reject = "skip" }}
settings = {{ url = "https://example.com", topic_mappings = [{{ topic = "/default/orders", subscription = "orders" }}] }}
"#,
        guests::SINK_HTTP
    );
    fs::write(folder.path().join("orders.toml"), file).unwrap();
    let kept = || {
        let entries = fs::read_dir(home.join("danube-wasm")).into_iter().flatten().map(|entry| entry.unwrap().path());
        let code: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "cwasm")).collect();
        code
    };
    let variables = [("XDG_CACHE_HOME", home.to_str().unwrap())];
    let run = ["run", "--listen", "none", "orders.toml"];
    drop(until_compiled(folder.path(), &[&run[..], &["--no-cache"]].concat(), &variables).await);
    assert!(!home.join("danube-wasm").exists());
    drop(until_compiled(folder.path(), &run, &variables).await);
    assert_eq!(kept().len(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home.join("danube-wasm")), mode(&kept()[0])), (0o700, 0o600));

    // A folder that others can write to is not used: without being asked for it, the host goes on without one.
    fs::set_permissions(home.join("danube-wasm"), fs::Permissions::from_mode(0o777)).unwrap();
    let warned = until_compiled(folder.path(), &run, &variables).await;
    let reason = "is writable by others (mode 777), so that others could plant code in it";
    assert!(warned.stderr().contains(reason), "{}", warned.stderr());
    let asked = [&run[..], &["--cache-dir", "home/danube-wasm"]].concat();
    let ended = Process::start(COMMAND, folder.path(), &asked).end().await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains(reason) && ended.stderr.contains("help: "), "{ended:?}");
}
