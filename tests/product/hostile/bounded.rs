//! What is made to cost much costs little: each command on each of these ends in one message, within
//! 10 s of CPU and 300 MB, and lets itself be stopped.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rowmill_devserver::Kind;

use crate::harness::{DEADLINE, Workspace, shared};
use crate::measure::{Measured, Watched};

const CPU: Duration = Duration::from_secs(10);
const MEMORY: u64 = 300 << 20;
/// From SIGTERM to the end.
const STOP: Duration = Duration::from_secs(2);

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// A component of one module of one function: loops in loops, 76 KB of them.
fn nest() -> Vec<u8> {
    const DEPTH: usize = 25_300;
    let body = [&[0][..], &[3, 0x40].repeat(DEPTH), &[0x0b].repeat(DEPTH), &[0x0b]].concat();
    let code = [&[1][..], &leb(body.len()), &body].concat();
    let module =
        [&b"\0asm\x01\0\0\0"[..], &section(1, &[1, 0x60, 0, 0]), &section(3, &[1, 0]), &section(10, &code)].concat();
    [&b"\0asm\x0d\0\x01\0"[..], &section(1, &module)].concat()
}

/// Files, a table, and a pipeline for `hostile.wasm#function`.
fn workspace(name: &str, component: &str, function: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(Kind::MariaDb), shared(Kind::MariaDb), &format!("bounded_{name}"));
    let folder = workspace.folder.path();
    std::fs::write(folder.join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    std::fs::write(folder.join("nest.wasm"), nest()).unwrap();
    std::fs::write(folder.join("rows.csv"), "n\n1\n2\n3\n").unwrap();
    for zero in ["zero.wasm", "zero.csv", "zero.yaml"] {
        symlink("/dev/zero", folder.join(zero)).unwrap();
    }
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT); INSERT INTO t VALUES (1, 1), (2, 2)");
    describe(&workspace, component, function);
    workspace
}

fn describe(workspace: &Workspace, component: &str, function: &str) {
    workspace.write_pipeline(&format!(
        "
pipeline: bounded
source: {{ url: \"${{SOURCE}}\", tables: [t] }}
steps:
  - map: {{ x: {{ udf: \"./{component}#{function}\", args: [n] }} }}
sink: {{ url: \"${{TARGET}}\", table: out, meta: \"${{META}}\" }}
"
    ));
}

fn command(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace.rowmill(args);
    command.env("XDG_CACHE_HOME", workspace.folder.path().join("cache"));
    command
}

fn measured(workspace: &Workspace, args: &[&str]) -> Measured {
    let measured = Watched::start(command(workspace, args), workspace.folder.path()).wait();
    let stderr = &measured.outcome.stderr;
    assert!(measured.cpu < CPU, "{args:?} took {:?} of CPU\n{stderr}", measured.cpu);
    assert!(measured.memory < MEMORY, "{args:?} took {} MiB\n{stderr}", measured.memory >> 20);
    let shown = stderr.len().min(4000);
    assert!(stderr.len() < 100_000, "{args:?} says {} bytes\n{}", stderr.len(), &stderr[..shown]);
    measured
}

/// One message, and an exit code that says so; no signal, which is -1.
#[track_caller]
fn refused(what: &str, measured: &Measured) {
    let outcome = &measured.outcome;
    assert!(matches!(outcome.code, 1 | 2), "{what}: exit {}\n{}", outcome.code, outcome.stderr);
    let errors = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{what}\n{}", outcome.stderr);
}

/// The commands that open a component; `call` is `file#function`.
fn commands<'a>(file: &'a str, call: &'a str) -> [Vec<&'a str>; 4] {
    [
        vec!["udf", "inspect", file],
        vec!["udf", "run", call, "--input", "rows.csv", "--args", "n"],
        vec!["check", "pipeline.yaml"],
        vec!["run", "pipeline.yaml", "--until-caught-up"],
    ]
}

fn ends_in_one_message(name: &str, file: &str, function: &str, inspected: bool) {
    let workspace = workspace(name, file, function);
    let call = format!("{file}#{function}");
    for (n, args) in commands(file, &call).iter().enumerate() {
        let measured = measured(&workspace, args);
        if n == 0 && inspected {
            assert_eq!(measured.outcome.code, 0, "{}", measured.outcome.stderr);
        } else {
            refused(&format!("{args:?}"), &measured);
        }
    }
}

#[test]
fn loops_in_loops_are_refused_before_they_are_compiled() {
    ends_in_one_message("nest", "nest.wasm", "f", false);
}

#[test]
fn two_hundred_thousand_result_fields_are_refused() {
    ends_in_one_message("fields", "hostile.wasm", "fields-200000", true);
}

#[test]
fn four_million_reads_are_refused() {
    ends_in_one_message("reads", "hostile.wasm", "reads-4000000", true);
}

#[test]
fn a_device_without_end_is_no_file() {
    ends_in_one_message("zero", "zero.wasm", "f", false);
    let workspace = workspace("zero_files", "hostile.wasm", "count");
    let rows = ["udf", "run", "hostile.wasm#count", "--input", "zero.csv", "--args", "n"];
    for args in [&rows[..], &["check", "zero.yaml"], &["run", "zero.yaml"]] {
        let measured = measured(&workspace, args);
        refused(&format!("{args:?}"), &measured);
        assert!(measured.outcome.stderr.contains("a device, not a regular file"), "{}", measured.outcome.stderr);
    }
    workspace.write_pipeline(
        "pipeline: zero\nsource: { url: \"mysql://u:${file:/dev/zero}@127.0.0.1/d\", tables: [t] }\n\
         sink: { url: \"${TARGET}\", table: out }\n",
    );
    let measured = measured(&workspace, &["check", "pipeline.yaml"]);
    refused("a secret", &measured);
    assert!(measured.outcome.stderr.contains("a device, not a regular file"), "{}", measured.outcome.stderr);
}

/// 30 places of a component, a bit each: it is refused, or is another component that stays in bounds.
#[test]
fn flipped_bits_are_refused_or_harmless() {
    let workspace = workspace("flipped", "flipped.wasm", "scalar");
    let whole = rowmill_test_guests::RANDOM;
    for n in 0..30 {
        let mut bytes = whole.to_vec();
        let at = (n * 7919 + 13) * 104_729 % bytes.len();
        bytes[at] ^= 1 << (n % 8);
        std::fs::write(workspace.folder.path().join("flipped.wasm"), bytes).unwrap();
        let all = commands("flipped.wasm", "flipped.wasm#scalar");
        // All commands load it by the same way; each of the others is tried on some.
        for args in all.iter().take(if n % 12 == 0 { 4 } else { 1 }) {
            let measured = measured(&workspace, args);
            let outcome = &measured.outcome;
            if outcome.code != 0 {
                refused(&format!("bit {} of byte {at}, {args:?}", n % 8), &measured);
            }
        }
    }
}

/// What was compiled is kept in files; a damaged one is compiled again, whatever the damage.
#[test]
fn damaged_cache_entries_are_compiled_again() {
    let workspace = workspace("cache", "hostile.wasm", "count");
    let check = ["check", "pipeline.yaml"];
    assert_eq!(measured(&workspace, &check).outcome.code, 0);
    let entry = entries(&workspace.folder.path().join("cache"));
    let [entry] = &entry[..] else { panic!("{entry:?}") };
    let whole = std::fs::read(entry).unwrap();
    for n in 0..15_usize {
        let mut bytes = whole.clone();
        let at = (n * 7919 + 13) * 104_729 % bytes.len();
        match n % 5 {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(&[0; 64]),
            2 => bytes[at..].fill(0),
            3 => bytes[..(n + 1) * 16].fill(0xff),
            _ => bytes[at] ^= 1 << (n % 8),
        }
        std::fs::write(entry, &bytes).unwrap();
        let measured = measured(&workspace, &check);
        let stderr = &measured.outcome.stderr;
        assert_eq!(measured.outcome.code, 0, "damage {n} at {at}\n{stderr}");
        assert_eq!(stderr.matches("compiled component not usable").count(), 1, "damage {n} at {at}\n{stderr}");
        assert_eq!(std::fs::read(entry).unwrap().len(), whole.len(), "damage {n} at {at} is not mended");
    }
    std::fs::remove_file(entry).unwrap();
    symlink("/dev/zero", entry).unwrap();
    assert_eq!(measured(&workspace, &check).outcome.code, 0);
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(entries(&entry)) } else { found.push(entry) }
    }
    found
}

/// SIGTERM while each of them keeps the process busy.
#[test]
fn each_lets_itself_be_stopped() {
    let calls = [
        ("nest.wasm", "f"),
        ("hostile.wasm", "fields-200000"),
        ("hostile.wasm", "reads-4000000"),
        ("hostile.wasm", "loop-in-bind"),
        ("hostile.wasm", "loop"),
    ];
    let workspace = workspace("stop", "hostile.wasm", "count");
    for (file, function) in calls {
        describe(&workspace, file, function);
        let call = format!("{file}#{function}");
        for args in commands(file, &call) {
            let mut watched = Watched::start(command(&workspace, &args), workspace.folder.path());
            let deadline = Instant::now() + DEADLINE;
            // At work, or already done.
            while watched.cpu().is_some_and(|cpu| cpu < Duration::from_millis(60)) && !watched.look() {
                assert!(Instant::now() < deadline, "{args:?} does nothing");
                std::thread::sleep(Duration::from_millis(1));
            }
            watched.terminate();
            let told = Instant::now();
            let measured = watched.wait();
            assert!(told.elapsed() < STOP, "{args:?} took {:?} to stop\n{}", told.elapsed(), measured.outcome.stderr);
        }
    }
}
