//! Builds the connector that `danube-wasm dev` runs when it is given none.

fn main() {
    match guest_build::build(&["sink-http"]) {
        Ok(guests) => println!("cargo::rustc-env=BUNDLED_HTTP_GUEST={}", guests["sink-http"].display()),
        Err(error) => println!("cargo::error=cannot build the bundled guest: {error}"),
    }
}
