//! Each project of the template passes its own `cargo test`.

use rowmill_templates::{KINDS, files};
use std::path::Path;
use std::process::Command;

#[test]
fn new_projects_pass_their_own_tests() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("rust");
    let lock = sdk.join("../../Cargo.lock");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("template");
    for kind in KINDS {
        let project = folder.join(kind);
        let dependency = format!("{{ path = {:?} }}", sdk.display().to_string());
        for (path, content) in files("my-udf", kind, &dependency).expect(kind) {
            assert!(!content.contains("{{"), "a placeholder is left in {path}: {content}");
            let path = project.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            std::fs::write(path, content).expect("written");
        }
        // The workspace's versions, so that nothing has to be fetched.
        std::fs::copy(&lock, project.join("Cargo.lock")).expect("copied");
        let output = Command::new(env!("CARGO"))
            .args(["test", "--quiet", "--offline", "--target-dir"])
            .arg(folder.join("target"))
            .current_dir(&project)
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{kind}: {text}");
        assert!(!text.contains("warning"), "{kind}: {text}");
    }
}

#[test]
fn there_is_no_template_for_other_kinds() {
    assert!(files("x", "window", "\"0.1\"").is_none());
}
