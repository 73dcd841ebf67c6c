//! Components compiled by workers of the real binary, and its cache.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rowmill_devserver::Kind;
use rowmill_wasm::{Compiler, Engine, EngineOptions, Error, Fault, Limit};

use crate::harness::{DEADLINE, Workspace, shared};
use crate::signals::workers;
use crate::slow;

fn engine() -> Engine {
    let compiler = Compiler::Worker(PathBuf::from(env!("CARGO_BIN_EXE_rowmill-tested")));
    Engine::new(EngineOptions { compiler, ..EngineOptions::default() }).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(future)
}

#[test]
fn what_a_worker_compiles_runs() {
    let engine = engine();
    block_on(async {
        let component = engine.load("honest", rowmill_test_guests::HONEST).await.unwrap();
        assert!(component.describe().await.unwrap().function("mul").is_some());
        for name in rowmill_udfs::NAMES {
            let component = engine.load(name, rowmill_udfs::component(name).unwrap().0).await.unwrap();
            assert!(!component.describe().await.unwrap().functions.is_empty(), "{name}");
        }
    });
}

#[test]
fn what_is_wrong_with_a_component_comes_back_from_a_worker() {
    let error = block_on(engine().load("odd", b"\0asm\x0d\0\x01\0\x01\x0a\0asm\x01\0\0\0\x01\x00")).unwrap_err();
    assert!(matches!(error, Error::Compile { .. }), "{error}");
}

/// 5 s and 5 s per MiB: the file has a fifth of one, and the system counts whole seconds.
#[test]
fn a_compilation_ends_at_its_limit_of_cpu_time() {
    let wasm = slow::component(10);
    let error = block_on(engine().load("slow", &wasm)).unwrap_err();
    // Only a worker has a limit.
    assert!(matches!(error, Error::CompileLimit { limit: Limit::Cpu, .. }), "{error}");
    assert_eq!(error.fault(), Fault::Component);
    assert!(error.to_string().contains("compiling it needs more than its cpu limit of 7s of CPU time"), "{error}");
}

/// 256 MiB and 32 MiB per MiB.
#[test]
fn a_compilation_ends_at_its_limit_of_memory() {
    let error = block_on(engine().load("wide", &slow::wide())).unwrap_err();
    assert!(matches!(error, Error::CompileLimit { limit: Limit::Memory, .. }), "{error}");
    assert!(error.to_string().contains("more than its memory limit of 307 MiB of memory"), "{error}");
}

/// Nothing of ours is within its reach.
#[test]
fn a_worker_has_nothing_but_its_pipes_and_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slow.wasm");
    std::fs::write(&path, slow::component(400)).unwrap();
    // Descriptor 9 is left open by whoever starts it.
    let script =
        format!("exec 9</etc/passwd; exec '{}' udf inspect '{}'", env!("CARGO_BIN_EXE_rowmill-tested"), path.display());
    let mut parent = std::process::Command::new("sh").args(["-c", &script]).env("SECRET", "hunter2").spawn().unwrap();
    let deadline = Instant::now() + DEADLINE;
    let read = |pid: u32, what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let worker = loop {
        // Once it compiles it has used some time.
        let busy = |pid: &u32| {
            read(*pid, "limits").contains("Max core file size        0 ")
                && !read(*pid, "status").contains("Threads:\t1\n")
        };
        if let Some(worker) = workers(parent.id()).into_iter().find(busy) {
            break worker;
        }
        assert!(Instant::now() < deadline, "no worker");
        std::thread::sleep(Duration::from_millis(5));
    };
    let others = || -> Vec<String> {
        let open = std::fs::read_dir(format!("/proc/{worker}/fd")).unwrap().flatten();
        let targets = open.map(|entry| format!("{:?}", std::fs::read_link(entry.path()).unwrap_or_default()));
        targets.filter(|target| !target.contains("pipe:")).collect()
    };
    // The worker itself looks for a moment how many cores it may use; what was left open to it stays.
    let mut descriptors = others();
    for _ in 0..20 {
        if descriptors.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
        descriptors = others();
    }
    let environment = read(worker, "environ");
    let limits = read(worker, "limits");
    let nice: i32 =
        read(worker, "stat").rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap();
    let _ = parent.kill();
    let _ = parent.wait();
    assert_eq!(descriptors, Vec::<String>::new());
    assert_eq!(environment, "");
    assert!(nice >= 10, "nice {nice}");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line[name.len()..].split_whitespace().next().unwrap_or_default().to_owned()
    };
    // 400 functions have 8.01 MiB.
    let size = slow::component(400).len() as u64;
    assert_eq!(limit("Max cpu time"), (5 + (5 * size).div_ceil(1 << 20)).to_string());
    assert_eq!(limit("Max data size"), ((256 << 20) + 32 * size).to_string());
    assert_eq!(limit("Max file size"), "0");
}

#[test]
fn a_damaged_cache_entry_is_a_warning() {
    let workspace = Workspace::new(shared(Kind::MariaDb), shared(Kind::MariaDb), "compiling_cache");
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT); INSERT INTO t VALUES (1, 1);");
    std::fs::write(workspace.folder.path().join("honest.wasm"), rowmill_test_guests::HOSTILE).unwrap();
    workspace.write_pipeline(
        "
pipeline: cached
source: { url: \"${SOURCE}\", tables: [t] }
steps:
  - map: { x: { udf: \"./honest.wasm#sleep\", args: [n] } }
sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }
",
    );
    let home = workspace.folder.path().join("cache");
    let check = || {
        let output = workspace.rowmill(&["check", "pipeline.yaml"]).env("XDG_CACHE_HOME", &home).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        about_components(&String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(), "");
    assert_eq!(check(), "");
    let entry = std::fs::read_dir(home.join("rowmill/components")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&entry).unwrap();
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    std::fs::remove_file(&entry).unwrap();
    std::fs::write(&entry, bytes).unwrap();
    let said = check();
    assert!(said.contains("WARN") && said.contains("compiled component not usable, compiling anew"), "{said}");
    assert!(said.contains("it is damaged") && said.lines().count() == 1, "{said}");
    assert_eq!(check(), "");
}

/// Lines of a log but for the warning that the test servers have no TLS.
pub(crate) fn about_components(log: &str) -> String {
    log.lines().filter(|line| !line.contains("is not encrypted")).map(|line| format!("{line}\n")).collect()
}
