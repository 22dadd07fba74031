//! Builds the bundled connectors: `danube-wasm dev` runs the http one when it is given no file, and the files in `config/`
//! name both.

fn main() {
    match guest_build::build(&["sink-http", "sink-stdout"]) {
        Ok(guests) => println!("cargo::rustc-env=BUNDLED_HTTP_GUEST={}", guests["sink-http"].display()),
        Err(error) => println!("cargo::error=cannot build the bundled guests: {error}"),
    }
}
