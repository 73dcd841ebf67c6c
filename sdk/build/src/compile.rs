//! The nested cargo. It has a target folder of its own: the outer cargo holds the lock of the usual one, and the inner
//! one must not see the outer one's flags (a `RUSTFLAGS` for the host's CPU would break the components).

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// How components are compiled: small and fast for what is shipped and measured, soon for everything else.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Profile {
    Soon,
    Shipped,
}

impl Profile {
    /// Beside an outer build with cargo's `PROFILE`, which is `debug` or `release` and says no more of profiles
    /// that inherit from them, and `OPT_LEVEL`, which does: one that is lean has lean components.
    pub(crate) fn beside(outer: &str, opt_level: &str) -> Profile {
        if outer == "release" && opt_level == "3" { Profile::Shipped } else { Profile::Soon }
    }

    /// Its name in the workspace's manifest.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Soon => "component-dev",
            Profile::Shipped => "component",
        }
    }
}

/// The file that cargo makes of a package.
pub(crate) fn file_name(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// Where cargo puts it.
pub(crate) fn built(target: &Path, profile: Profile, package: &str) -> PathBuf {
    target.join(TARGET).join(profile.name()).join(file_name(package))
}

fn rustc(args: &[&str]) -> Result<std::process::Output, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(&rustc).args(args).output().map_err(|error| format!("cannot run {}: {error}", rustc.display()))
}

/// The compiler's version and commit.
pub(crate) fn compiler() -> Result<String, String> {
    Ok(String::from_utf8_lossy(&rustc(&["-vV"])?.stdout).into_owned())
}

/// The standard library for components is installed.
pub(crate) fn ensure_target() -> Result<(), String> {
    let output = rustc(&["--print", "target-libdir", "--target", TARGET])?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    Err(format!(
        "components are compiled for {TARGET}, which this Rust toolchain does not \
         have; install it:\n\n    rustup target add {TARGET}\n"
    ))
}

/// Compiles packages of the workspace at `root` into the folder `target`. Several at a time wait for each other.
pub(crate) fn compile(root: &Path, target: &Path, profile: Profile, packages: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--target", TARGET, "--profile", profile.name()]);
    for package in packages {
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
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("the components do not compile:\n{}", String::from_utf8_lossy(&output.stderr)))
}
