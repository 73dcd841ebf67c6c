//! Embeds the files of `sdk/rust/template`, from which `rowmill udf new` makes a project.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let template = root.join("../../sdk/rust/template");
    println!("cargo::rerun-if-changed={}", template.display());
    let mut files = Vec::new();
    if template.is_dir() {
        collect(&template, &template, &mut files)?;
    }
    files.sort();
    let mut code = String::from("const FILES: &[(&str, &str)] = &[\n");
    for (name, path) in files {
        let _ = writeln!(code, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("template.rs"), code)
}

/// Text files below `folder`, with their path inside the template. What a build leaves is not part of it.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if path.is_dir() {
            if name != "target" {
                collect(root, &path, files)?;
            }
        } else if name != "Cargo.lock" {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push((name, fs::canonicalize(&path)?));
        }
    }
    Ok(())
}
