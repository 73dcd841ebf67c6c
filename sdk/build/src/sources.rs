//! What a component is made of, as a hash.
//!
//! Rust files count by their tokens, so that comments and layout don't matter; documentation counts in the component's
//! own package only, where it describes the functions. (Line numbers in a panic's message can then be those of an
//! earlier text.) Of the workspace's manifest the profiles and the features of dependencies count, of the lock file
//! the packages that come from a registry: what is a component's and what is the host's is not told apart there.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The packages of this workspace that components depend on. A test compares them with the manifests.
pub(crate) const SHARED: [&str; 3] = ["sdk/collation", "sdk/rust", "sdk/rust/macros"];
const CONTRACT: &str = "wit";

/// What has to be looked at for the component in this folder: files and folders, seen from the workspace's root.
pub(crate) fn paths(component: &str) -> Vec<String> {
    let packages = SHARED.into_iter().chain([component]);
    let own = packages.flat_map(|package| [format!("{package}/Cargo.toml"), format!("{package}/src")]);
    own.chain([CONTRACT, "Cargo.toml", "Cargo.lock"].map(str::to_owned)).collect()
}

/// The hash of the component in this folder, made by this compiler.
pub(crate) fn hash(root: &Path, component: &str, compiler: &str) -> Result<String, String> {
    let mut hasher = DefaultHasher::new();
    compiler.hash(&mut hasher);
    for path in paths(component) {
        let documented = path.starts_with(component);
        for file in files(&root.join(&path))? {
            let bytes = fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
            let text = match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(data) => {
                    data.as_bytes().hash(&mut hasher);
                    continue;
                }
            };
            match (path.as_str(), file.extension().and_then(|ending| ending.to_str())) {
                ("Cargo.toml", _) => settings(&text).for_each(|line| line.hash(&mut hasher)),
                ("Cargo.lock", _) => registry_packages(&text).for_each(|package| package.hash(&mut hasher)),
                (_, Some("toml")) => lines(&text).for_each(|line| line.hash(&mut hasher)),
                (_, Some("rs")) => match text.parse::<TokenStream>() {
                    Ok(tokens) => tokens_into(tokens, documented, &mut hasher),
                    // The compiler will say what is wrong with it.
                    Err(_) => text.hash(&mut hasher),
                },
                _ => text.hash(&mut hasher),
            }
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// A file itself, or all files below a folder, in a fixed order.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| format!("cannot list {}: {error}", path.display());
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut inside = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>, String>>()?;
    inside.sort();
    let nested = inside.iter().map(|path| files(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(nested.into_iter().flatten().collect())
}

/// The lines of a manifest that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Of the workspace's manifest: what its packages inherit, and profiles of components.
fn settings(text: &str) -> impl Iterator<Item = &str> {
    let mut counts = false;
    lines(text).filter(move |line| {
        if line.starts_with('[') {
            let section = line.trim_matches(['[', ']']);
            counts = ["workspace.package", "workspace.dependencies"].contains(&section)
                || section.starts_with("profile.component")
                || section == "profile.release";
        }
        counts && !line.contains("path = ")
    })
}

/// Of a lock file: packages with a source outside of the workspace.
fn registry_packages(text: &str) -> impl Iterator<Item = &str> {
    text.split("[[package]]").filter(|package| package.contains("\nsource = "))
}

fn tokens_into(tokens: TokenStream, documented: bool, hasher: &mut DefaultHasher) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if let (TokenTree::Punct(punct), false) = (&token, documented)
            && punct.as_char() == '#'
        {
            // `#[doc = …]`, which a documentation comment is, or `#![doc = …]`.
            let mut after = tokens.clone();
            if matches!(after.peek(), Some(TokenTree::Punct(inner)) if inner.as_char() == '!') {
                after.next();
            }
            if after.next().is_some_and(|attribute| is_documentation(&attribute)) {
                tokens = after;
                continue;
            }
        }
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                open.hash(hasher);
                tokens_into(group.stream(), documented, hasher);
                close.hash(hasher);
            }
            // `a == b` is not `a = = b`.
            TokenTree::Punct(punct) => (punct.as_char(), format!("{:?}", punct.spacing())).hash(hasher),
            other => other.to_string().hash(hasher),
        }
    }
}

fn is_documentation(attribute: &TokenTree) -> bool {
    let TokenTree::Group(group) = attribute else { return false };
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket && matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, documented: bool) -> u64 {
        let mut hasher = DefaultHasher::new();
        tokens_into(text.parse().unwrap(), documented, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn comments_and_layout_do_not_count() {
        let plain = "pub fn f(a: u8) -> bool { a == 1 }";
        let commented = "//! Of the file.\n\n/// Of the function.\n#[doc = \"more\"]\npub fn f(a: u8) -> bool {\n    // why\n    a == 1 /* one */\n}\n";
        assert_eq!(of(plain, false), of(commented, false));
        assert_ne!(of(plain, true), of(commented, true), "a component's own documentation describes it");
        for other in [
            "pub fn f(a: u8) -> bool { a == 2 }",
            "pub fn f(a: u8) -> bool { a = = 1 }",
            "pub fn f(a: u8) -> bool { (a) == 1 }",
            "pub fn f(b: u8) -> bool { b == 1 }",
            "#[inline] pub fn f(a: u8) -> bool { a == 1 }",
        ] {
            assert_ne!(of(plain, false), of(other, false), "{other}");
        }
    }

    #[test]
    fn a_package_of_the_host_changes_no_component() {
        let manifest = "[workspace]\nmembers = [\"a\"]\n[workspace.dependencies]\nserde = \"1\"\nown = { path = \"own\" }\n[profile.dev]\nopt-level = 1\n[profile.component]\nlto = true\n";
        let counted = ["[workspace.dependencies]", "serde = \"1\"", "[profile.component]", "lto = true"];
        assert_eq!(settings(manifest).collect::<Vec<_>>(), counted);
        let lock = "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"1\"\n\n[[package]]\nname = \"serde\"\nversion = \"1\"\nsource = \"registry\"\n";
        assert_eq!(registry_packages(lock).count(), 1);
    }

    /// Follows `path` dependencies from each component's manifest, as far as they lead.
    #[test]
    fn all_packages_that_components_are_made_of_are_looked_at() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let workspace = text("Cargo.toml");
        let path_of = |name: &str| {
            let line = workspace.lines().find(|line| line.starts_with(&format!("{name} = {{ path = \"")))?;
            line.split('"').nth(1).map(str::to_owned)
        };
        let mut open: Vec<String> = SHARED.map(str::to_owned).to_vec();
        open.extend(["udfs/sql", "udfs/stats", "udfs/text", "examples/orders/price"].map(str::to_owned));
        open.extend(["hostile", "honest", "bench", "random"].map(|guest| format!("tests/guests/{guest}")));
        for package in open {
            let manifest = text(&format!("{package}/Cargo.toml"));
            let mut section = "";
            for line in lines(&manifest) {
                if line.starts_with('[') {
                    section = line;
                    continue;
                }
                let needed = section.contains("dependencies") && !section.contains("dev-");
                let name = line.split(['.', ' ']).next().unwrap_or_default();
                if let Some(path) = path_of(name).filter(|_| needed) {
                    assert!(SHARED.contains(&path.as_str()), "{package} is made of {path}, too");
                }
                assert!(!needed || !line.contains("path = "), "{package}: name {name} in the workspace's manifest");
            }
        }
    }
}
