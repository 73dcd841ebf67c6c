//! Components that no toolchain makes are refused before they are compiled, and quickly.

use rowmill_wasm::{Engine, EngineOptions, Error, Fault};

use crate::guests::{engine, wasm};

/// A component with a core module of this text.
fn module(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {text}))")).expect("valid text")
}

async fn load(bytes: &[u8]) -> Error {
    let error = engine().load("x.wasm", bytes).await.expect_err("refused");
    assert_eq!(error.fault(), Fault::Component, "{error}");
    error
}

#[tokio::test]
async fn what_no_toolchain_makes_is_refused_by_name() {
    let nest = |count: usize| format!("(func {} {})", "loop ".repeat(count), "end ".repeat(count));
    for (bytes, words) in [
        // 76 KB that took minutes.
        (module(&nest(25_000)), "has 3101 levels of nested blocks in one function, at most 3100 are compiled"),
        (module(&"(func)".repeat(54_001)), "has 54001 functions"),
        (module(&format!("(func (local{}))", " i64".repeat(8_001))), "has 8001 locals of one function"),
        (module(&format!("(func{})", " i32.const 0 drop".repeat(600_000))), "bytes of code in one function"),
        (module(&format!("(type (func (param{})))", " i32".repeat(77))), "has 77 parameters and results"),
        (module(&"(type (func))".repeat(5_301)), "has 5301 core types"),
        (module(&"(global i32 (i32.const 0))".repeat(3_501)), "has 3501 globals"),
        (module(&"(table 0 funcref)".repeat(65)), "has 65 tables"),
        (
            module(&format!("(table 0 funcref) (func) (elem func{})", " 0".repeat(1_000_001))),
            "has 1000001 items of element segments",
        ),
        (
            module(&format!("(global i32 i32.const 0{})", " i32.const 0 i32.add".repeat(30_000))),
            "bytes of one constant expression, at most 65536 are compiled",
        ),
        (wat::parse_str(format!("(component {})", "(core module)".repeat(153))).unwrap(), "has 153 core modules"),
        (wat::parse_str(format!("(component {})", "(component)".repeat(105))).unwrap(), "has 105 components within"),
        (
            wat::parse_str(format!("{}{}", "(component ".repeat(20), ")".repeat(20))).unwrap(),
            "has 13 levels of components",
        ),
        (wat::parse_str(format!("(component {})", "(type u8)".repeat(1_851))).unwrap(), "has 1851 component types"),
    ] {
        let error = load(&bytes).await;
        assert!(matches!(error, Error::Structure { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("component x.wasm: ") && text.contains(words), "{text}");
    }
}

/// A count that a section claims and does not hold.
#[tokio::test]
async fn a_lie_about_a_count_is_no_work() {
    let mut bytes = wat::parse_str("(component)").expect("valid text");
    // A core module with a section of 4,294,967,295 globals in six bytes.
    let module = [&b"\0asm\x01\0\0\0"[..], &[6, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]].concat();
    bytes.extend([1, module.len() as u8]);
    bytes.extend(module);
    let text = load(&bytes).await.to_string();
    assert!(text.contains("has 4294967295 globals"), "{text}");
}

#[tokio::test]
async fn known_components_are_far_from_the_limits() {
    for name in ["hostile", "honest", "bench"] {
        engine().load(name, &wasm(name)).await.expect(name);
    }
}

/// Flipped bits anywhere in a component: an error of the component, or a component.
#[tokio::test]
async fn damaged_files_end_in_an_error_or_load() {
    let whole = wasm("honest");
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let (mut loaded, mut refused) = (0, 0);
    for seed in 0..60_u64 {
        let mut bytes = whole.clone();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..=seed % 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bit = usize::try_from(state % (bytes.len() as u64 * 8)).expect("small");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        if seed % 10 == 9 {
            bytes.truncate(bytes.len() / 2);
        }
        match engine.load("damaged", &bytes).await {
            Ok(component) => {
                loaded += 1;
                // Whatever it does now is its own affair, and ends.
                let _ = component.describe().await;
            }
            Err(error) => {
                refused += 1;
                assert!(error.fault() != Fault::Internal, "{error}");
                assert!(!error.to_string().chars().any(char::is_control), "{error}");
            }
        }
    }
    assert!(loaded > 0 && refused > 10, "{loaded} loaded, {refused} refused");
}
