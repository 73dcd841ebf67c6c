//! SECURITY.md lists what each attack gets, and which test shows it. This keeps the list honest.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap_or_default();
        if entry.is_dir() && name != "target" {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

#[test]
fn every_listed_attack_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut files = Vec::new();
    ["host", "tests"].into_iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let code: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| attack "));
    let mut listed = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_, gets, tests] = cells[..] else { panic!("three cells are needed: {row}") };
        assert!(!gets.trim().is_empty(), "{row}");
        for test in tests.split(", ") {
            let name = test.trim().trim_matches('`');
            assert!(code.contains(&format!("fn {name}(")), "{name}, which SECURITY.md names, is not there");
            listed += 1;
        }
    }
    assert!(listed >= 40, "only {listed} tests were found in SECURITY.md");
}
