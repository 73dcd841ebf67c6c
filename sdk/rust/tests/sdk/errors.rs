//! What the compiler says about mistakes: where it points, and that it says what is allowed.
//!
//! Each file in `tests/ui/` is a crate with mistakes. A comment `//~ text` says that the compiler
//! reports an error on that line which contains the text (in the message, a label or a note), and
//! there must be no error elsewhere.

use rowmill_sdk::serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

#[test]
fn mistakes_are_shown_where_they_are() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors");
    let examples = project.join("examples");
    std::fs::create_dir_all(&examples).expect("created");
    let manifest = format!(
        "[package]\nname = \"errors\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nrowmill-sdk = {{ path = {:?} }}\n",
        sdk.display().to_string()
    );
    std::fs::create_dir_all(project.join("src")).expect("created");
    std::fs::write(project.join("src/lib.rs"), "").expect("written");
    std::fs::write(project.join("Cargo.toml"), manifest).expect("written");
    // The workspace's versions, so that nothing has to be fetched.
    std::fs::copy(sdk.join("../../Cargo.lock"), project.join("Cargo.lock")).expect("copied");
    let mut cases = BTreeMap::new();
    for entry in std::fs::read_dir(sdk.join("tests/ui")).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(examples.join(&name), &text).expect("written");
        cases.insert(name, text);
    }
    let output = Command::new(env!("CARGO"))
        .args(["check", "--examples", "--keep-going", "--offline", "--message-format=json"])
        .arg("--target-dir")
        .arg(project.join("target"))
        .current_dir(&project)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let mut found: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = line.parse::<Value>() else { continue };
        if message["message"]["level"] == "error" {
            let (name, row, text) = error(&message["message"]);
            found.entry(name).or_default().push((row, text));
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!found.is_empty(), "the compiler reports nothing:\n{stderr}");
    let mut wrong = Vec::new();
    for (name, text) in &cases {
        let errors = found.remove(name).unwrap_or_default();
        compare(name, text, &errors, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// File, line and all texts of an error.
fn error(message: &Value) -> (String, u64, String) {
    let texts = |list: &Value, key: &str| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(|item| Some(item[key].as_str()?.to_owned())).collect()
    };
    let spans = message["spans"].as_array().into_iter().flatten();
    let primary = spans.clone().find(|span| span["is_primary"] == true);
    let file = primary.map_or("", |span| span["file_name"].as_str().unwrap_or_default());
    let name = file.rsplit('/').next().unwrap_or_default().to_owned();
    let row = primary.and_then(|span| span["line_start"].as_u64()).unwrap_or(0);
    let mut all = vec![message["message"].as_str().unwrap_or_default().to_owned()];
    all.extend(texts(&message["spans"], "label"));
    all.extend(texts(&message["children"], "message"));
    (name, row, all.join("\n"))
}

/// Compares the errors of a file with its comments.
fn compare(name: &str, text: &str, errors: &[(u64, String)], wrong: &mut Vec<String>) {
    let expected = |row: u64| {
        let line = text.lines().nth(usize::try_from(row).ok()?.checked_sub(1)?)?;
        Some(line.split_once("//~ ")?.1.trim())
    };
    for (row, message) in errors {
        // "aborting due to …" has no place.
        if *row > 0 && expected(*row).is_none() {
            wrong.push(format!("{name}:{row}: {message}"));
        }
    }
    for (row, _) in (1u64..).zip(text.lines()) {
        let Some(needed) = expected(row) else { continue };
        let here: Vec<&str> = errors.iter().filter(|e| e.0 == row).map(|e| e.1.as_str()).collect();
        if !here.iter().any(|message| message.contains(needed)) {
            wrong.push(format!("{name}:{row}: needed {needed:?}, found {here:?}"));
        }
    }
}
