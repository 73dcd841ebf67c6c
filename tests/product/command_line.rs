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
    Command::new(env!("CARGO_BIN_EXE_rowmill-tested"))
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
    check(folder.path(), &["state"], 2, &["Usage: rowmill state [OPTIONS] <FILE> <COMMAND>"]);
    check(folder.path(), &["state", "p.yaml"], 2, &["list", "export", "import"]);
    check(folder.path(), &["state", "p.yaml", "import"], 2, &["<DIR>"]);
}

#[test]
fn help_goes_to_stdout() {
    let folder = folder(GOOD);
    for args in [&["--help"][..], &["run", "--help"], &["state", "--help"], &["udf", "run", "--help"]] {
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
    for more in [&["run"][..], &["check"], &["plan"], &["status"], &["verify"], &["reset"], &["state", "list"]] {
        let args = [&more[..1], &["p.yaml"], &more[1..]].concat();
        check(
            folder.path(),
            &args,
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

/// Before a server is asked.
#[test]
fn pipelines_without_aggregates_have_no_state() {
    let folder = folder(&GOOD.replace("${MART_PASSWORD}", "hunter2"));
    for args in [&["list"][..], &["export", "savepoint"]] {
        let args = [&["state", "p.yaml"], args].concat();
        check(folder.path(), &args, 2, &["pipeline orders has no aggregate, so it keeps no state"]);
    }
}

/// Before a server is asked.
#[test]
fn what_a_rebuild_could_not_make_is_refused() {
    let good = GOOD.replace("${MART_PASSWORD}", "hunter2");
    let append = folder(&format!("{good}  mode: append\n"));
    let parts = ["an append sink can't be rebuilt", "found: mode: append", "fix: `rowmill reset FILE --drop-target`"];
    check(append.path(), &["run", "p.yaml", "--rebuild"], 2, &parts);
    let latest = folder(&good.replace("tables: [orders]", "tables: [orders]\n  start: latest"));
    let parts = ["does not begin with a snapshot can't be rebuilt", "needed: start: snapshot"];
    check(latest.path(), &["run", "p.yaml", "--rebuild", "--delete-extra"], 2, &parts);
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
    let output = rowmill(folder.path(), &["udf", "new", "mean", "--lang", "rust", "--kind", "aggregate"]);
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(stdout.starts_with("mean/ holds an aggregate function. Next:"), "{stdout}");
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

/// Groups in the order of their first row, NULL as one of them.
#[test]
fn an_aggregate_runs_on_the_rows_of_a_file() {
    let folder = folder(GOOD);
    let rows = "country,price\nDE,1.50\nFR,2.25\nDE,0.05\n,7.00\n";
    std::fs::write(folder.path().join("rows.csv"), rows).expect("written");
    let args = ["udf", "run", "std/stats#sum", "--input", "rows.csv", "--args", "price:decimal(10,2)"];
    let run = |more: &[&str]| {
        let output = rowmill(folder.path(), &[&args[..], more].concat());
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        (String::from_utf8(output.stdout).expect("UTF-8"), stderr)
    };
    let (stdout, stderr) = run(&["--batch", "2"]);
    assert_eq!(stdout, "{\"sum\":\"10.80\"}\n");
    assert!(stderr.contains("4 rows in 3 calls:") && stderr.contains("1 result,"), "{stderr}");
    let (stdout, _) = run(&["--by", "country"]);
    let expected = "{\"country\":\"DE\",\"sum\":\"1.55\"}\n{\"country\":\"FR\",\"sum\":\"2.25\"}\n{\"country\":null,\"sum\":\"7.00\"}\n";
    assert_eq!(stdout, expected);

    let by = |function: &'static str, column: &'static str| {
        ["udf", "run", function, "--input", "rows.csv", "--args", "country", "--by", column]
    };
    check(folder.path(), &by("std/stats#count", "county"), 2, &["no such column", "needed: one of country, price"]);
    check(folder.path(), &by("std/text#trim", "country"), 2, &["--by with trim, which is no aggregate"]);
}

#[test]
fn the_aggregates_of_a_component_are_shown() {
    let folder = folder(GOOD);
    let output = rowmill(folder.path(), &["udf", "inspect", "std/stats"]);
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(stdout.contains("\n  aggregate sum("), "{stdout}");
}

/// A trap takes all accumulators with it, so there is no result that could be believed.
#[test]
fn an_aggregate_that_traps_ends_the_run() {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).expect("written");
    std::fs::write(folder.path().join("rows.csv"), "n\n1\n2\n3\n").expect("written");
    for (call, wanted) in [("update", "{\"rows\":[1,2],\"error\":"), ("evaluate", "{\"error\":")] {
        let config = format!("{{\"in\": \"{call}\"}}");
        let args = ["udf", "run", "hostile.wasm#agg-panic", "--input", "rows.csv", "--batch", "2", "--config", &config];
        let output = rowmill(folder.path(), &args);
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
        assert!(stdout.starts_with(wanted) && stdout.contains("\"code\":\"trap\""), "{stdout}");
        assert!(stderr.contains("0 results, 0 row errors, 1 trap"), "{stderr}");
    }
}
