//! A stop while a component is being compiled: at once, quietly, and nothing is left behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rowmill_devserver::Kind;

use crate::compiling::about_components;
use crate::harness::{DEADLINE, Workspace, shared};
use crate::slow;

/// How long a process may take to end.
const STOP: Duration = Duration::from_secs(2);

fn workspace(name: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(Kind::MariaDb), shared(Kind::MariaDb), &format!("signals_{name}"));
    std::fs::write(workspace.folder.path().join("slow.wasm"), slow::component(400)).unwrap();
    std::fs::write(workspace.folder.path().join("rows.jsonl"), "{\"n\": 1}\n").unwrap();
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT); INSERT INTO t VALUES (1, 1);");
    workspace.write_pipeline(
        "
pipeline: signals
source: { url: \"${SOURCE}\", tables: [t] }
steps:
  - map: { x: { udf: \"./slow.wasm#f\", args: [n] } }
sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }
",
    );
    workspace
}

/// The compile workers that a process has started.
pub(crate) fn workers(parent: u32) -> Vec<u32> {
    let children = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let children = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|text| text.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    let is_worker = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"\0compile-worker\0"))
    };
    children.into_iter().filter(is_worker).collect()
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").arg(name).arg(pid.to_string()).status().unwrap().success());
}

/// Starts it, waits until it compiles, sends the signal; the exit code and what it said.
fn stopped(command: &mut Command, name: &str) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + DEADLINE;
    let worker = loop {
        if let [worker] = workers(child.id())[..] {
            break worker;
        }
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "it does not compile");
        std::thread::sleep(Duration::from_millis(5));
    };
    signal(name, child.id());
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < STOP, "it took {:?}", start.elapsed());
    let deadline = Instant::now() + DEADLINE;
    while is_alive(worker) {
        assert!(Instant::now() < deadline, "its worker is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    (output.status.code(), about_components(&String::from_utf8(output.stderr).unwrap()))
}

#[test]
fn commands_that_look_end_at_once() {
    let workspace = workspace("look");
    for (name, code) in [("-TERM", 143), ("-INT", 130)] {
        for args in [
            &["check", "pipeline.yaml"][..],
            &["plan", "pipeline.yaml"],
            &["udf", "inspect", "slow.wasm"],
            &["udf", "run", "slow.wasm#f", "--input", "rows.jsonl"],
        ] {
            let (found, said) = stopped(&mut workspace.rowmill(args), name);
            assert_eq!(found, Some(code), "{args:?} {name}: {said}");
            assert_eq!(said, "", "{args:?} {name}");
        }
    }
}

#[test]
fn a_run_gives_up_compiling_and_ends_as_stopped() {
    let workspace = workspace("run");
    for name in ["-TERM", "-INT"] {
        let (found, said) = stopped(&mut workspace.rowmill(&["run", "pipeline.yaml", "--color", "never"]), name);
        assert_eq!(found, Some(0), "{name}: {said}");
        assert!(said.lines().count() <= 3 && said.contains("done") && !said.contains("ERROR"), "{name}: {said}");
    }
    assert_eq!(workspace.target_sql("SHOW TABLES"), "");
}

/// Not even a process that is killed leaves a worker behind.
#[test]
fn a_worker_dies_with_its_parent() {
    let workspace = workspace("killed");
    let (found, _) = stopped(&mut workspace.rowmill(&["udf", "inspect", "slow.wasm"]), "-KILL");
    assert_eq!(found, None);
}
