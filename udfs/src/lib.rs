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

/// What results a component of that name has: a number, and the SHA-256 of builds that had the same results before there
/// were numbers.
///
/// Digests of plans name built-in components by this number, so that progress and states go on when a component is built
/// anew. **Raise it whenever a result changes**: rows that were written with the earlier results must not be mixed with
/// others. `udfs/golden` notices.
pub fn behaviour(name: &str) -> Option<(u32, &'static [&'static str])> {
    Some(match name {
        "sql" => (
            1,
            &[
                "964abf887f42640e5b3ed40914647784a6edef631e78bbba21517575a146e05b",
                "5edfd005406cc15f1cd9a5e213f0c03ef676a0531c7d3855def12dfa815b6993",
            ],
        ),
        "stats" => (
            1,
            &[
                "75e4b24a151290a1283dd31c56bd2a2e4bd7fe3c0a107d99bfdd8c4979bca2cb",
                "09cfe8daed157de04fbfbb8ef6bd0afb6261e91866df96d3453af583b7e5e12e",
            ],
        ),
        "text" => (
            1,
            &[
                "fb16942ff88d3b7d6b33dc400a75d413a4530723a470b908b325689341abfab5",
                "2e9162dd4d914f198bc84f59117e2a66322f869d965d441c23867d6c13841a56",
            ],
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{NAMES, behaviour, component};

    #[test]
    fn every_name_has_a_component() {
        for name in NAMES {
            let (wasm, digest) = component(name).expect(name);
            // The preamble of a component: magic, version 13, layer 1.
            assert_eq!(wasm[..8], *b"\0asm\x0d\0\x01\0", "{name}");
            assert_eq!(format!("{:x}", Sha256::digest(wasm)), digest, "{name}");
            assert!(behaviour(name).is_some_and(|(number, _)| number > 0), "{name}");
        }
        assert_eq!(component("std/text"), None);
    }
}
