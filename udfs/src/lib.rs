//! The built-in components, compiled from source by `build.rs` and embedded.
//!
//! They are ordinary components: the host loads and runs them like any other, in the same
//! sandbox and under the same limits. Pipeline files name them `std/<name>`.

/// The names of the components, without `std/`.
pub const NAMES: &[&str] = &["sql", "stats", "text"];

/// The component of that name (without `std/`), as Wasm, and its SHA-256 in hexadecimal.
pub fn component(name: &str) -> Option<(&'static [u8], &'static str)> {
    macro_rules! built {
        ($file:literal) => {
            Some((
                include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".wasm")).as_slice(),
                include_str!(concat!(env!("OUT_DIR"), "/", $file, ".sha256")),
            ))
        };
    }
    match name {
        "sql" => built!("rowmill_udf_sql"),
        "stats" => built!("rowmill_udf_stats"),
        "text" => built!("rowmill_udf_text"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{NAMES, component};

    #[test]
    fn every_name_has_a_component() {
        for name in NAMES {
            let (wasm, digest) = component(name).expect(name);
            // The preamble of a component: magic, version 13, layer 1.
            assert_eq!(wasm[..8], *b"\0asm\x0d\0\x01\0", "{name}");
            assert_eq!(format!("{:x}", Sha256::digest(wasm)), digest, "{name}");
        }
        assert_eq!(component("std/text"), None);
    }
}
