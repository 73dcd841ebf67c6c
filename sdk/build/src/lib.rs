//! For build scripts that embed components: compiles packages of this workspace for wasm32-wasip2.
//!
//! A nested cargo does it, in a target folder of its own inside `OUT_DIR`: the outer cargo holds
//! the lock of the usual one, and the inner one must not see the outer one's flags (a
//! `RUSTFLAGS` for the host's CPU would break the components) or its profile.

// Lines on stdout are how a build script talks to cargo.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";

/// What every component is built from, seen from the workspace's root.
const SHARED: [&str; 6] =
    ["Cargo.toml", "sdk/collation", "sdk/rust/src", "sdk/rust/Cargo.toml", "sdk/rust/macros", "wit"];

/// The whole `main` of a build script: compiles `packages` (package and folder, seen from the
/// workspace's root) and copies each as `<package with underscores>.wasm` to `OUT_DIR`.
pub fn main(packages: &[(&str, &str)]) -> ExitCode {
    match build(packages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn build(packages: &[(&str, &str)]) -> Result<(), String> {
    let folder =
        |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo has not set {name}"));
    let manifest = folder("CARGO_MANIFEST_DIR")?;
    let out = folder("OUT_DIR")?;
    let is_root = |folder: &&Path| folder.join("Cargo.lock").is_file();
    let root = manifest.ancestors().find(is_root).ok_or("the package is not inside a workspace")?;
    let own = packages.iter().flat_map(|(_, folder)| [format!("{folder}/src"), format!("{folder}/Cargo.toml")]);
    for source in SHARED.map(str::to_owned).into_iter().chain(own) {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    ensure_target()?;
    let target = out.join("components");
    compile(root, &target, packages)?;
    for (package, _) in packages {
        let file = format!("{}.wasm", package.replace('-', "_"));
        let built = target.join(TARGET).join(PROFILE).join(&file);
        std::fs::copy(&built, out.join(&file)).map_err(|error| format!("cannot copy {}: {error}", built.display()))?;
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
        "components are compiled for {TARGET}, which this Rust toolchain does not \
         have; install it:\n\n    rustup target add {TARGET}\n"
    ))
}

fn compile(root: &Path, target: &Path, packages: &[(&str, &str)]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--target", TARGET, "--profile", PROFILE]);
    for (package, _) in packages {
        command.args(["--package", package]);
    }
    command.arg("--target-dir").arg(target);
    // The outer build's settings are not the components'.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let inherited = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR"];
        let ours = text.starts_with("CARGO_REGISTR") || inherited.contains(&text.as_ref());
        let outer = [
            "RUSTFLAGS",
            "RUSTC",
            "RUSTDOC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "TARGET",
            "HOST",
            "OUT_DIR",
            "PROFILE",
            "OPT_LEVEL",
            "DEBUG",
            "NUM_JOBS",
        ];
        if (text.starts_with("CARGO") && !ours) || outer.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    // `cargo check` of the workspace, clippy's wrapper included, builds them all the same.
    let output = command.output().map_err(|e| format!("cannot run cargo: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("the components do not compile:\n{}", String::from_utf8_lossy(&output.stderr)))
}
