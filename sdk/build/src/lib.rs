//! For build scripts that embed components: compiles packages of this workspace for wasm32-wasip2.
//!
//! All components of a workspace share one build folder, `components` in the outer cargo's target folder, so that what
//! they have in common is compiled once. A component is compiled again when the hash over what it is made of changes
//! (`sources`), not when a file is touched: the hash is kept beside the built file. A comment or another host crate
//! changes no component, and a component that is not compiled keeps its bytes.

// Lines on stdout are how a build script talks to cargo.
#![allow(clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "the files are the workspace's own")]

mod compile;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use compile::Profile;
use sha2::{Digest, Sha256};

/// A component: its package, and the package's folder, seen from the workspace's root.
type Package<'a> = (&'a str, &'a str);

/// The whole `main` of a build script: compiles `packages` (package and folder, seen from the
/// workspace's root) and copies each as `<package with underscores>.wasm` to `OUT_DIR`, and beside it its SHA-256 in
/// hexadecimal as `<package with underscores>.sha256`.
pub fn main(packages: &[(&str, &str)]) -> ExitCode {
    match build(packages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn build(packages: &[Package<'_>]) -> Result<(), String> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let is_root = |folder: &&Path| folder.join("Cargo.lock").is_file();
    let root = manifest.ancestors().find(is_root).ok_or("the package is not inside a workspace")?;
    println!("cargo::rerun-if-changed=build.rs");
    for (_, folder) in packages {
        for path in sources::paths(folder) {
            println!("cargo::rerun-if-changed={}", root.join(path).display());
        }
    }
    // <target>/<profile>/build/<package>-<hash>/out
    let shared = out.ancestors().nth(4).ok_or("OUT_DIR is not inside a target folder")?.join("components");
    let profile = Profile::beside(&variable("PROFILE")?, &variable("OPT_LEVEL")?);
    let kept = |package: &str, ending: &str| shared.join(format!("{package}.{}.{ending}", profile.name()));

    let mut stale = Vec::new();
    for (package, folder) in packages {
        let hash = sources::hash(root, folder, &compile::compiler()?)?;
        let is_built = fs::read_to_string(kept(package, "hash")).is_ok_and(|built| built == hash);
        if !is_built || !kept(package, "wasm").is_file() {
            stale.push((*package, hash));
        }
    }
    if !stale.is_empty() {
        compile::ensure_target()?;
        let names: Vec<&str> = stale.iter().map(|(package, _)| *package).collect();
        compile::compile(root, &shared, profile, &names)?;
        for (package, hash) in &stale {
            replace(&compile::built(&shared, profile, package), &kept(package, "wasm"))?;
            fs::write(kept(package, "hash"), hash).map_err(|error| format!("cannot write the hash: {error}"))?;
        }
    }
    for (package, _) in packages {
        let copy = out.join(compile::file_name(package));
        replace(&kept(package, "wasm"), &copy)?;
        let wasm = fs::read(&copy).map_err(|error| format!("cannot read {}: {error}", copy.display()))?;
        fs::write(copy.with_extension("sha256"), format!("{:x}", Sha256::digest(wasm)))
            .map_err(|error| format!("cannot write the digest: {error}"))?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("cargo has not set {name}"))
}

/// Copies in one step, so that an interrupted build leaves no half of a file. A copy that is there stays untouched.
fn replace(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot copy {} to {}: {error}", from.display(), to.display());
    let bytes = fs::read(from).map_err(failed)?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let partial = to.with_extension(format!("partial-{}", std::process::id()));
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, to)).map_err(failed)
}
