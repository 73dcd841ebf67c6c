//! The project that `rowmill udf new` writes, embedded at build time from `sdk/rust/template`.
//!
//! Names and contents of its files may hold `{{name}}` (as typed), `{{crate}}` (the same with `_`
//! for `-`), `{{kind}}` and `{{sdk}}` (where Cargo finds the SDK). A file that exists once per
//! kind has the kind in its name: `src/lib.scalar.rs` becomes `src/lib.rs` for a scalar function
//! and is left out for others. A final `.tmpl` goes; it keeps Cargo from taking the template
//! itself for a package.

use std::path::Path;

use crate::args::Kind;

include!(concat!(env!("OUT_DIR"), "/template.rs"));

/// The files of a project: path inside it, and content.
pub(crate) fn files(name: &str, kind: Kind) -> Vec<(String, String)> {
    render(FILES, name, kind, &sdk())
}

fn render(files: &[(&str, &str)], name: &str, kind: Kind, sdk: &str) -> Vec<(String, String)> {
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{kind}}", kind.name())
            .replace("{{sdk}}", sdk)
    };
    files
        .iter()
        .filter_map(|(path, content)| {
            let path = path.strip_suffix(".tmpl").unwrap_or(path);
            Some((fill(&for_kind(path, kind)?), fill(content)))
        })
        .collect()
}

/// `src/lib.scalar.rs` as `src/lib.rs`; none if it is another kind's.
fn for_kind(path: &str, kind: Kind) -> Option<String> {
    for other in [Kind::Scalar, Kind::Filter, Kind::Table] {
        let mark = format!(".{}.", other.name());
        if path.contains(&mark) {
            return (other == kind).then(|| path.replace(&mark, "."));
        }
    }
    Some(path.to_owned())
}

/// The SDK of the source tree that this binary was built in, if it is still there.
fn sdk() -> String {
    let tree = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/rust"));
    match tree.canonicalize() {
        Ok(path) => format!("path = {:?}", path.display().to_string()),
        Err(_) => format!("version = {:?}", env!("CARGO_PKG_VERSION")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_filled_in() {
        let template = [
            ("Cargo.toml.tmpl", "[package]\nname = \"{{name}}\"\n[dependencies]\nrowmill-sdk = { {{sdk}} }\n"),
            ("src/lib.scalar.rs", "// {{crate}} {{kind}}"),
            ("src/lib.table.rs", "// other"),
        ];
        let files = render(&template, "fix-price", Kind::Scalar, "version = \"1\"");
        assert_eq!(
            files,
            [
                (
                    "Cargo.toml".to_owned(),
                    "[package]\nname = \"fix-price\"\n[dependencies]\nrowmill-sdk = { version = \"1\" }\n".to_owned()
                ),
                ("src/lib.rs".to_owned(), "// fix_price scalar".to_owned()),
            ]
        );
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for kind in [Kind::Scalar, Kind::Filter, Kind::Table] {
            let files = files("price", kind);
            for wanted in ["Cargo.toml", "src/lib.rs"] {
                assert!(files.iter().any(|(path, _)| path == wanted), "{wanted} of a {} project", kind.name());
            }
            for (path, content) in files {
                assert!(!path.contains("{{") && !content.contains("{{"), "{path}");
            }
        }
    }
}
