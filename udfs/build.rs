//! Compiles the built-in components for wasm32-wasip2, for `src/lib.rs` to embed.
//!
//! A nested cargo does it, in a target folder of its own inside `OUT_DIR`: the outer cargo holds
//! the lock of the usual one, and the inner one must not see the outer one's flags (a
//! `RUSTFLAGS` for the host's CPU would break the components) or its profile.

// Lines on stdout are how a build script talks to cargo.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Package and file name of each component.
const COMPONENTS: [(&str, &str); 2] = [
    ("rowmill-udf-sql", "rowmill_udf_sql.wasm"),
    ("rowmill-udf-text", "rowmill_udf_text.wasm"),
];

/// What the components are built from, seen from the workspace's root.
const SOURCES: [&str; 8] = [
    "udfs/sql/src",
    "udfs/sql/Cargo.toml",
    "udfs/text/src",
    "udfs/text/Cargo.toml",
    "sdk/rust/src",
    "sdk/rust/Cargo.toml",
    "sdk/rust/macros",
    "wit",
];

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .ok_or_else(|| format!("cargo has not set {name}"))
    };
    let manifest = folder("CARGO_MANIFEST_DIR")?;
    let out = folder("OUT_DIR")?;
    let root = manifest.parent().ok_or("the package is not inside a workspace")?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    println!("cargo::rerun-if-changed=build.rs");

    ensure_target()?;
    let target = out.join("components");
    compile(root, &target)?;
    for (_, file) in COMPONENTS {
        let built = target.join(TARGET).join(PROFILE).join(file);
        std::fs::copy(&built, out.join(file))
            .map_err(|e| format!("cannot copy {}: {e}", built.display()))?;
    }
    Ok(())
}

/// The standard library for components is installed.
fn ensure_target() -> Result<(), String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|e| format!("cannot run {}: {e}", rustc.display()))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    Err(format!(
        "the built-in components are compiled for {TARGET}, which this Rust toolchain does not \
         have; install it:\n\n    rustup target add {TARGET}\n"
    ))
}

fn compile(root: &Path, target: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--target", TARGET, "--profile", PROFILE]);
    for (package, _) in COMPONENTS {
        command.args(["--package", package]);
    }
    command.arg("--target-dir").arg(target);
    // The outer build's settings are not the components'.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let inherited = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR"];
        let ours = text.starts_with("CARGO_REGISTR") || inherited.contains(&text.as_ref());
        let outer = ["RUSTFLAGS", "RUSTC", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL", "DEBUG", "NUM_JOBS"];
        if (text.starts_with("CARGO") && !ours) || outer.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    // `cargo check` of the workspace, clippy's wrapper included, builds them all the same.
    let output = command.output().map_err(|e| format!("cannot run cargo: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "the built-in components do not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    ))
}
