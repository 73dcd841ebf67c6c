//! The binary as a user meets it: exit codes, what is on stdout and what on stderr.

use std::path::Path;
use std::process::{Command, Output};

const GOOD: &str = "\
pipeline: orders
source:
  url: mysql://reader:hunter2@127.0.0.1:3306/shop
  tables: [orders]
sink:
  url: mysql://writer:${MART_PASSWORD}@127.0.0.1:3307/mart
";

fn rowmill(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rowmill"))
        .args(args)
        .current_dir(folder)
        .env_remove("MART_PASSWORD")
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
        .output()
        .expect("started")
}

#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32, wanted: &[&str]) -> String {
    let output = rowmill(folder, args);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for text in wanted {
        assert!(stderr.contains(text), "{text:?} is not in\n{stderr}");
    }
    assert!(!stderr.contains("hunter2"), "{stderr}");
    stderr
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("p.yaml"), text).expect("written");
    folder
}

#[test]
fn usage_errors_exit_with_2() {
    let folder = folder(GOOD);
    check(folder.path(), &["rnu"], 2, &["unrecognized subcommand 'rnu'"]);
    check(folder.path(), &["run"], 2, &["<FILE>"]);
    check(folder.path(), &["udf", "new", "x", "--lang", "go"], 2, &["go is not supported in this version"]);
}

#[test]
fn help_goes_to_stdout() {
    let folder = folder(GOOD);
    for args in [&["--help"][..], &["run", "--help"], &["udf", "run", "--help"]] {
        let output = rowmill(folder.path(), args);
        assert_eq!(output.status.code(), Some(0));
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(stdout.contains("Usage: rowmill"), "{stdout}");
        assert!(stdout.contains("Examples:"), "{stdout}");
    }
}

#[test]
fn a_wrong_file_is_refused_by_every_command_before_anything_is_opened() {
    let folder = folder(&GOOD.replace("tables:", "tabels:"));
    for command in ["run", "check", "plan", "status", "verify", "reset"] {
        check(
            folder.path(),
            &[command, "p.yaml"],
            2,
            &[
                "error: no such key in source: tabels\n --> p.yaml:4:3\n",
                "4 |   tabels: [orders]\n  |   ^^^^^^\n",
                "= fix: did you mean tables?",
                "error: source.tables is missing",
                "error: the environment variable MART_PASSWORD is not set\n --> p.yaml:6:23\n",
                "3 problems",
            ],
        );
    }
    check(folder.path(), &["check", "nowhere.yaml"], 2, &["the pipeline file nowhere.yaml can't be read"]);
}

#[test]
fn problems_as_json_are_one_object_per_line() {
    let folder = folder(&GOOD.replace("pipeline: orders", "pipeline: Orders"));
    let stderr = check(folder.path(), &["check", "p.yaml", "--log", "json"], 2, &[]);
    let lines: Vec<serde_json::Value> = stderr.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert_eq!(lines[0]["line"], 1);
    assert_eq!(lines[0]["column"], 11);
    assert_eq!(lines[0]["fault"], "configuration");
}

#[test]
fn files_that_are_no_components_are_named() {
    let folder = folder(GOOD);
    check(folder.path(), &["udf", "inspect", "nowhere.wasm"], 2, &["the component nowhere.wasm can't be read"]);
    check(folder.path(), &["udf", "inspect", "p.yaml"], 2, &["p.yaml"]);
    check(folder.path(), &["udf", "inspect", "std/nothing"], 2, &["no built-in component is called std/nothing"]);
}

#[test]
fn a_new_project_is_written_and_never_overwritten() {
    let folder = folder(GOOD);
    let output = rowmill(folder.path(), &["udf", "new", "fix-price", "--lang", "rust"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(folder.path().join("fix-price/Cargo.toml").is_file());
    check(folder.path(), &["udf", "new", "fix-price", "--lang", "rust"], 2, &["can't be made"]);
}

/// A row per line, in order; the meter beside it.
#[test]
fn a_function_runs_on_the_rows_of_a_file() {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("rows.jsonl"), "{\"name\": \"  Ada \"}\n{\"name\": null}\n").expect("written");
    let args = ["udf", "run", "std/text#trim", "--input", "rows.jsonl", "--args", "name"];
    let output = rowmill(folder.path(), &args);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let values: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Map<_, _>>(line).expect("JSON"))
        .map(|row| row.values().next().cloned().expect("a result"))
        .collect();
    assert_eq!(values, [serde_json::Value::from("Ada"), serde_json::Value::Null]);
    assert!(stderr.contains("2 rows in 1 call:") && stderr.contains("ns/row"), "{stderr}");
    check(
        folder.path(),
        &["udf", "run", "std/text#trim", "--input", "rows.jsonl", "--args", "nmae"],
        2,
        &["the input has no column nmae", "= needed: one of name"],
    );
}
