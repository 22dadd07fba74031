//! Builds the bundled connectors: `danube-wasm dev` runs the http one when it is given no file, `danube-wasm bench` that one,
//! the null one and ClickHouse's, and the files in `config/` name the others.

fn main() {
    match guest_build::build(&["sink-clickhouse", "sink-http", "sink-null", "sink-stdout"]) {
        Ok(guests) => {
            println!("cargo::rustc-env=BUNDLED_CLICKHOUSE_GUEST={}", guests["sink-clickhouse"].display());
            println!("cargo::rustc-env=BUNDLED_HTTP_GUEST={}", guests["sink-http"].display());
            println!("cargo::rustc-env=BUNDLED_NULL_GUEST={}", guests["sink-null"].display());
        }
        Err(error) => println!("cargo::error=cannot build the bundled guests: {error}"),
    }
}
