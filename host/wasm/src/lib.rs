//! Loads Wasm components, runs their functions on Arrow columns under limits.
