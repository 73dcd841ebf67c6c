//! `rowmill udf new`: a project that builds and passes its own test.

use std::path::Path;

use rowmill_plan::problem::Problem;

use crate::args::{Kind, Language};
use crate::diagnostics::Exit;
use crate::output::{self, Form};
use crate::template;

/// Writes the project into `folder/name`, which must not exist.
pub(super) fn new(folder: &Path, name: &str, language: Language, kind: Kind) -> Result<Exit, Box<Problem>> {
    let files = template::files(name, language, kind);
    let project = folder.join(name);
    std::fs::create_dir(&project).map_err(|error| {
        let problem = Problem::configuration(format!("the folder {} can't be made", project.display()));
        Box::new(problem.found(error.to_string()).needed("a name that is not taken, in a folder that can be written"))
    })?;
    for (path, content) in &files {
        let path = project.join(path);
        let write = || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, content)
        };
        write().map_err(|error| {
            Box::new(
                Problem::configuration(format!("the file {} can't be written", path.display()))
                    .found(error.to_string()),
            )
        })?;
    }
    let built = name.replace('-', "_");
    let text = format!(
        "{name}/ holds {} {} function. Next:\n  \
         cd {name}\n  \
         cargo test\n  \
         cargo build --release --target wasm32-wasip2\n  \
         rowmill udf inspect target/wasm32-wasip2/release/{built}.wasm\n",
        if kind == Kind::Aggregate { "an" } else { "a" },
        kind.name()
    );
    output::print(&text, Form::Plain);
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_written_once() {
        let folder = tempfile::tempdir().expect("a folder");
        new(folder.path(), "price", Language::Rust, Kind::Scalar).expect("written");
        assert!(folder.path().join("price").is_dir());
        let problem = new(folder.path(), "price", Language::Rust, Kind::Scalar).expect_err("taken");
        assert!(problem.to_string().contains("can't be made"), "{problem}");
    }
}
