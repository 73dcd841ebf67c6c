//! An initialised data folder, made once per server version and copied for each server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::programs::{Programs, cache};

/// The template folder of this server version, made now if it is missing. Flags that a data folder is bound to
/// make another one.
///
/// Several processes may ask at once: each builds in a folder of its own, and the first rename wins.
pub(crate) fn template(programs: &Programs, flags: &[&str]) -> anyhow::Result<PathBuf> {
    let bound: Vec<&str> = flags.iter().copied().filter(|flag| flag.starts_with("--lower-case-table-names=")).collect();
    let templates = cache()?.join("templates");
    let ready = templates.join(format!("{}-{}{}", programs.kind.name(), programs.version()?, bound.concat()));
    if ready.is_dir() {
        return Ok(ready);
    }
    std::fs::create_dir_all(&templates).with_context(|| format!("creating {}", templates.display()))?;
    let building = tempfile::Builder::new().prefix("building-").tempdir_in(&templates)?;
    let data = building.path().join("data");
    let output = programs.initialize(&data)?.args(&bound).output().context("initialising a data folder")?;
    if !output.status.success() {
        bail!(
            "initialising a data folder failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // Every copy must get a server_uuid of its own.
    let _ = std::fs::remove_file(data.join("auto.cnf"));
    match std::fs::rename(&data, &ready) {
        Ok(()) => Ok(ready),
        Err(_) if ready.is_dir() => Ok(ready),
        Err(error) => Err(error).with_context(|| format!("creating {}", ready.display())),
    }
}

/// Copies a template to `data`. Three quarters of it are logs that are still empty, which take no room.
pub(crate) fn copy(template: &Path, data: &Path) -> anyhow::Result<()> {
    let status = Command::new("cp")
        .args(["-r", "--sparse=always", "--"])
        .arg(template)
        .arg(data)
        .status()
        .context("running cp")?;
    if !status.success() {
        bail!("copying {} to {} failed: {status}", template.display(), data.display());
    }
    Ok(())
}
