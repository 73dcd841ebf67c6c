//! Write rowmill UDFs in Rust: plain functions in, a Wasm component out.
