//! What is loaded, and what is refused before it runs.

use rowmill_wasm::{Error, Fault, Kind};

use crate::guests::{component, engine, wasm};

async fn refused(bytes: &[u8]) -> Error {
    let error = engine().load("x.wasm", bytes).await.expect_err("refused");
    assert!(error.to_string().contains("component x.wasm"), "{error}");
    error
}

#[tokio::test]
async fn what_is_no_component_is_told_apart() {
    for (bytes, words) in [
        (&b"\0asm\x01\0\0\0"[..], "a core WebAssembly module"),
        (b"\x7fELF\x02", "a native program"),
        (b"", "an empty file"),
        (b"(component)", "WebAssembly text"),
        (b"PK\x03\x04", "starts with the bytes 50 4b 03 04"),
    ] {
        let error = refused(bytes).await;
        assert!(matches!(error, Error::NotAComponent { .. }));
        assert_eq!(error.fault(), Fault::Configuration);
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = refused(b"\0asm\x0d\0\x01\0garbage").await;
    assert!(matches!(error, Error::Compile { .. }), "{error}");
    let error = refused(&vec![0; (64 << 20) + 1]).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

fn importing(name: &str) -> Vec<u8> {
    wat::parse_str(format!(r#"(component (import "{name}" (instance (export "f" (func)))))"#)).expect("valid text")
}

#[tokio::test]
async fn imports_beyond_the_virtual_world_are_refused_by_name() {
    for name in [
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:keyvalue/store@0.2.0-draft",
        "wasi:clocks/monotonic-clock@0.3.0",
        "evil:corp/backdoor",
        "rowmill:udf/host@0.2.0",
    ] {
        let error = refused(&importing(name)).await;
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("granted are rowmill:udf/host"), "{text}");
    }
}

#[tokio::test]
async fn a_granted_import_of_another_shape_is_refused() {
    let wasm = wat::parse_str(
        r#"(component
             (import "rowmill:udf/host@0.1.0" (instance (export "steal" (func))))
             (instance $none)
             (export "rowmill:udf/catalog@0.1.0" (instance $none)))"#,
    )
    .expect("valid text");
    let error = refused(&wasm).await;
    assert!(matches!(error, Error::Interface { .. }), "{error}");
}

#[tokio::test]
async fn a_component_of_another_kind_or_version_is_refused() {
    let empty = wat::parse_str("(component)").expect("valid text");
    let error = refused(&empty).await;
    assert!(error.to_string().contains("it exports nothing"), "{error}");
    let newer = r#"(component (instance $none) (export "rowmill:udf/catalog@0.2.0" (instance $none)))"#;
    let error = refused(&wat::parse_str(newer).expect("valid text")).await;
    assert!(error.to_string().contains("it speaks rowmill:udf version 0.2.0"), "{error}");
    let hollow = r#"(component (instance $none) (export "rowmill:udf/catalog@0.1.0" (instance $none)))"#;
    let error = refused(&wat::parse_str(hollow).expect("valid text")).await;
    assert!(matches!(error, Error::Interface { .. }), "{error}");
}

#[tokio::test]
async fn a_component_describes_itself() {
    let component = component("honest").await;
    assert_eq!(component.interface_version(), "0.1.0");
    assert_eq!(component.digest().len(), 64);
    assert_eq!(component.size(), wasm("honest").len() as u64);
    assert!(component.imports().iter().all(|import| import.granted));
    let description = component.describe().await.expect("describes");
    assert_eq!(description.version, "1.2.3");
    let mul = description.function("mul").expect("there");
    assert_eq!(mul.kind, Kind::Scalar);
    assert_eq!(mul.parameters[0].accepts, ["float64"]);
    let json = serde_json::to_value(&*description).expect("plain data");
    assert_eq!(json["functions"][2]["kind"], "filter");
}
