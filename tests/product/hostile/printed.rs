//! Nothing that a file, a component or a server says acts on the terminal or forges a line of the log.
//!
//! The texts hold every control character that the place can take. Each place of the binary that
//! prints them is run, with and without colors, and as JSON.

use std::path::Path;
use std::process::Command;

use rowmill_devserver::Kind;

use crate::harness::{Outcome, Workspace, shared};

/// What must not reach a terminal: C0 but the line end, DEL, C1, line separators, bidirectional controls.
fn acts(c: char) -> bool {
    let bidirectional =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c != '\n' && (c.is_control() || bidirectional || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// All of them, line ends included; a name of a file can't have two of C0.
fn evil(without: &[char]) -> String {
    ('\0'..='\u{2069}').filter(|c| (acts(*c) || *c == '\n') && !without.contains(c)).collect()
}

/// As much of a name as fits a server's 64 characters; MySQL takes no NUL.
const NAME: &str = "n\u{1b}[2J\n\u{7f}\r\u{9b}31m\u{202e}\u{2066}\u{2028}\u{7}\te";

/// The same for a table, without what is a pattern in a pipeline file.
const TABLE: &str = "n\u{1b}2J\n\u{7f}\r\u{9b}31m\u{202e}\u{2066}\u{2028}\u{7}\te";

/// Without the sequences of colors, which are ours.
fn uncolored(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let end = rest[at + 2..].find(|c: char| !c.is_ascii_digit() && c != ';').map(|end| at + 2 + end);
        match end {
            Some(end) if rest[end..].starts_with('m') => {
                out.push_str(&rest[..at]);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    out + rest
}

#[track_caller]
fn harmless(what: &str, outcome: &Outcome, colored: bool) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let text = if colored { uncolored(text) } else { text.clone() };
        let found: Vec<char> = text.chars().filter(|c| acts(*c)).collect();
        assert!(found.is_empty(), "{what} prints {found:?}\n{text:?}");
    }
}

/// Every line that is not part of a diagnostic begins with the time.
#[track_caller]
fn records(what: &str, stderr: &str) {
    let diagnostics = stderr.find("error: ").map_or(stderr, |at| &stderr[..at]);
    for line in diagnostics.lines() {
        let stamped = line.starts_with("20") && line.as_bytes().get(4) == Some(&b'-');
        assert!(stamped, "{what}: a line that is no record: {line:?}\n{stderr}");
    }
}

fn rowmill(folder: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowmill-tested"));
    Outcome::of(
        command.args(args).current_dir(folder).env_remove("RUST_LOG").output().expect("the rowmill binary runs"),
    )
}

/// Runs it for people, with colors, and for programs.
fn everyway(what: &str, run: impl Fn(&[&str]) -> Outcome, args: &[&str]) -> Vec<Outcome> {
    let ways: [&[&str]; 3] = [&["--color", "never"], &["--color", "always"], &["--log", "json"]];
    let outcomes = ways.map(|way| {
        let outcome = run(&[args, way].concat());
        harmless(&format!("{what} {way:?}"), &outcome, way.contains(&"always"));
        outcome
    });
    outcomes.into()
}

#[test]
fn a_pipeline_file_is_quoted_without_its_controls() {
    let folder = tempfile::tempdir().unwrap();
    // YAML takes no C0 in plain text; as an escape it takes all of them.
    let escaped: String = evil(&[]).chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
    let raw: String = evil(&[]).chars().filter(|c| *c != '\n').collect();
    let texts = [
        format!("pipeline: \"x{escaped}\"\n"),
        format!("pipeline: x{raw}\n"),
        format!("# {raw}\npipeline: x\nsourec: {raw}\n"),
        format!(
            "pipeline: x\n\"k{escaped}\": 1\nsource: {{ url: \"mysql://{escaped}@h\", tables: [\"t{escaped}\"] }}\n"
        ),
        format!(
            "pipeline: x\nsource: {{ url: \"${{A{escaped}}}\", tables: [ t ] }}\nsink: {{ url: \"${{file:{escaped}}}\" }}\n"
        ),
    ];
    for (n, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join("p.yaml"), text).unwrap();
        let outcomes = everyway(&format!("text {n}"), |args| rowmill(folder.path(), args), &["check", "p.yaml"]);
        assert!(outcomes.iter().all(|outcome| outcome.code == 2), "{outcomes:?}");
        for line in outcomes[2].stderr.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        }
    }
    // The file's own name.
    let name = format!("p{}.yaml", evil(&['\0', '/']));
    // A name has at most 255 bytes.
    let name: String = name.chars().take(60).collect::<String>() + ".yaml";
    everyway("no such file", |args| rowmill(folder.path(), args), &["check", &name]);
    std::fs::write(folder.path().join(&name), "pipeline: [").unwrap();
    everyway("a file's name", |args| rowmill(folder.path(), args), &["check", &name]);
}

#[test]
fn components_are_shown_without_their_controls() {
    let folder = tempfile::tempdir().unwrap();
    let file: String = evil(&['\0', '/', '#']).chars().take(70).collect::<String>() + ".wasm";
    std::fs::write(folder.path().join(&file), rowmill_test_guests::HOSTILE).unwrap();
    std::fs::write(folder.path().join("rows.csv"), "n\n1\n2\n3\n").unwrap();
    let run = |args: &[&str]| rowmill(folder.path(), args);
    everyway("inspect", run, &["udf", "inspect", &file]);
    everyway("inspect --json", run, &["udf", "inspect", &file, "--json"]);
    everyway("a file that is no component", run, &["udf", "inspect", "rows.csv"]);
    for function in ["say-controls", "print-controls", "panic-controls", "row-error-controls", "text-controls"] {
        let call = format!("{file}#{function}");
        let outcomes = everyway(function, run, &["udf", "run", &call, "--input", "rows.csv", "--args", "n"]);
        assert!(outcomes[0].code <= 1, "{function}: {}", outcomes[0].stderr);
        for line in outcomes[0].stdout.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        }
    }
    for function in ["controls-in-bind", "controls-in-names", "no\u{1b}[2Jne\n"] {
        let call = format!("{file}#{function}");
        let outcomes = everyway(function, run, &["udf", "run", &call, "--input", "rows.csv", "--args", "n"]);
        assert_eq!(outcomes[0].code, 2, "{function}: {}", outcomes[0].stderr);
    }
    std::fs::write(folder.path().join("documents.wasm"), documented()).unwrap();
    everyway("inspect docs", run, &["udf", "inspect", "documents.wasm"]);
}

/// The hostile guest, whose docs then hold controls: they are bytes of its data.
fn documented() -> Vec<u8> {
    let mut bytes = rowmill_test_guests::HOSTILE.to_vec();
    let docs = b"breaks every rule";
    let at = bytes.windows(docs.len()).position(|window| window == docs).unwrap();
    let evil = b"\x1b[2J\x07\r\n\xc2\x9b1m\xe2\x80\xaex";
    bytes[at..at + evil.len()].copy_from_slice(evil);
    bytes
}

fn pipeline(workspace: &Workspace, name: &str, function: &str, on_error: &str) {
    workspace.write_pipeline(&format!(
        "
pipeline: printed
source: {{ url: \"${{SOURCE}}\", tables: [\"{name}\"] }}
steps:
  - map: {{ x: {{ udf: \"./hostile.wasm#{function}\", args: [n], config: {{ when: 3 }} }} }}
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
on_error: {on_error}
"
    ));
}

fn servers_texts_are_harmless(kind: Kind) {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("printed_{}", kind.name()));
    std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    let yaml: String =
        TABLE.chars().map(|c| if acts(c) || c == '\n' { format!("\\u{:04x}", c as u32) } else { c.into() }).collect();
    workspace.source_sql(&format!(
        "CREATE TABLE `{TABLE}` (id VARCHAR(60) PRIMARY KEY, n BIGINT, `{NAME}` INT) CHARACTER SET utf8mb4;
         INSERT INTO `{TABLE}` VALUES ('{NAME}', 3, 1), ('plain', 4, 1);"
    ));
    let run = |args: &[&str]| workspace.run(args);
    pipeline(&workspace, &yaml, "row-error-controls", "skip");
    for args in [&["check", "pipeline.yaml"][..], &["plan", "pipeline.yaml"], &["plan", "pipeline.yaml", "--json"]] {
        let outcomes = everyway(args[0], run, args);
        assert_eq!(outcomes[0].code, 0, "{args:?}: {}", outcomes[0].stderr);
    }
    // A skipped row, its key, and what the component says of it, in the log.
    for (way, colored) in [("never", false), ("always", true)] {
        workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]);
        let outcome = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "-v", "--color", way]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        harmless("run", &outcome, colored);
        records("run", &uncolored(&outcome.stderr));
        assert!(outcome.stderr.contains("row-error"), "{}", outcome.stderr);
    }
    // Differing keys.
    workspace.target_sql(&format!("UPDATE `out` SET n = 99; INSERT INTO `out` (id, `{NAME}`) VALUES ('x{NAME}', 7)"));
    for args in [&["verify", "pipeline.yaml"][..], &["verify", "pipeline.yaml", "--json"]] {
        let outcomes = everyway("verify", run, args);
        assert_eq!(outcomes[0].code, 4, "{}{}", outcomes[0].stdout, outcomes[0].stderr);
    }
    // Why it stopped: from the component, then from whoever can write the progress table.
    pipeline(&workspace, &yaml, "panic-controls", "fail");
    workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]);
    let outcomes = everyway("stopped", run, &["run", "pipeline.yaml", "--until-caught-up"]);
    assert_eq!(outcomes[0].code, 1, "{}", outcomes[0].stderr);
    for args in [&["status", "pipeline.yaml"][..], &["status", "pipeline.yaml", "--json"]] {
        everyway("status", run, args);
    }
    let meta = workspace.meta();
    workspace.target_sql(&format!("UPDATE `{meta}`.progress SET owner = '{NAME}', stopped_reason = '{NAME}'"));
    for args in [&["status", "pipeline.yaml"][..], &["status", "pipeline.yaml", "--json"]] {
        let outcomes = everyway("status that another one wrote", run, args);
        assert!(outcomes[0].stdout.contains("[2J"), "{}", outcomes[0].stdout);
    }
    // What the server says of a table that is not there.
    pipeline(&workspace, &format!("no{yaml}"), "count", "fail");
    everyway("a missing table", run, &["check", "pipeline.yaml"]);
}

#[test]
fn tables_rows_and_progress_are_shown_without_their_controls_mysql() {
    servers_texts_are_harmless(Kind::MySql);
}

#[test]
fn tables_rows_and_progress_are_shown_without_their_controls_mariadb() {
    servers_texts_are_harmless(Kind::MariaDb);
}
