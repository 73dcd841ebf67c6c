//! The project that `rowmill udf new` writes.
//!
//! Its text is kept beside the SDK; here it is only decided where a new project finds the SDK.

use std::path::Path;

use crate::args::{Kind, Language};

/// The files of a project: path inside it, and content.
pub(crate) fn files(name: &str, language: Language, kind: Kind) -> Vec<(&'static str, String)> {
    match language {
        Language::Rust => rowmill_templates::files(name, kind.name(), &sdk()).unwrap_or_default(),
    }
}

/// The SDK of the source tree that this binary was built in if it is still there, else the
/// published one.
fn sdk() -> String {
    let tree = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/rust"));
    match tree.canonicalize() {
        Ok(path) => format!("{{ path = {:?} }}", path.display().to_string()),
        Err(_) => format!("{:?}", env!("CARGO_PKG_VERSION")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the README of a project shows must be what the loader takes.
    #[test]
    fn the_step_in_the_readme_is_a_step() {
        for kind in [Kind::Scalar, Kind::Filter, Kind::Table, Kind::Aggregate] {
            let files = files("fix-price", Language::Rust, kind);
            let readme = files.iter().find(|(path, _)| *path == "README.md").map(|(_, text)| text).expect("a README");
            let steps = readme.split("```yaml\n").nth(1).and_then(|text| text.split("```").next()).expect("an example");
            let text = format!(
                "pipeline: a\nsource: {{ url: 'mysql://h/d', tables: [t] }}\nsink: {{ url: 'mysql://h/e' }}\n{steps}"
            );
            let loaded = rowmill_yaml::parse(Path::new("p.yaml"), &text, &|_| None);
            let loaded = loaded.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
            assert_eq!(loaded.pipeline.relations[0].steps.len(), 1);
        }
    }
}
