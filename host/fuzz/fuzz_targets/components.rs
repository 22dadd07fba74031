#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| danube_wasm::fuzz::components(input));
