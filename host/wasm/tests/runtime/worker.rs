//! Compile workers that are none. Real ones are the command line's, and its tests drive them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rowmill_wasm::{Compiler, Engine, EngineOptions, Error, Fault, Limit};

use crate::guests::wasm;

async fn load(program: &Path) -> Error {
    let compiler = Compiler::Worker(program.to_owned());
    let engine = Engine::new(EngineOptions { compiler, ..EngineOptions::default() }).expect("an engine");
    engine.load("honest", &wasm("honest")).await.expect_err("no worker")
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("worker");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("made a program");
    path
}

#[tokio::test]
async fn a_worker_that_is_missing_is_our_fault() {
    let error = load(Path::new("/nowhere/rowmill")).await;
    assert_eq!(error.fault(), Fault::Internal);
    let text = error.to_string();
    assert!(text.contains("its compile worker /nowhere/rowmill does not start"), "{text}");
}

#[tokio::test]
async fn how_a_worker_died_is_an_error_of_the_component() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, words) in [
        ("exit 0", "the compiler ended without an answer"),
        ("head -c 100 >/dev/null; exit 7", "the compiler ended with the exit code 7"),
        ("echo 'it is\n broken' >&2; exit 1", "the exit code 1: it is broken"),
        ("kill -SEGV $$", "the compiler was ended by signal 11"),
        ("echo nonsense", "the compiler ended without an answer"),
        // Env is empty, whatever shells set by themselves aside.
        ("[ -z \"$HOME$USER$CARGO\" ] || exit 9; exit 3", "the exit code 3"),
        ("kill -XCPU $$", "compiling it needs more than its cpu limit of"),
        ("echo 'memory allocation of 5 bytes failed' >&2; kill -ABRT $$", "more than its memory limit of"),
    ] {
        let error = load(&script(folder.path(), text)).await;
        assert_eq!(error.fault(), Fault::Component, "{error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
        assert!(!error.is_limit(), "no rows are at fault");
        assert_eq!(error.limit().is_some(), matches!(error, Error::CompileLimit { .. }));
    }
    let error = load(&script(folder.path(), "kill -XCPU $$")).await;
    assert_eq!(error.limit(), Some(Limit::Cpu));
}

#[tokio::test]
async fn a_worker_that_answers_without_end_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = load(&script(folder.path(), "head -c 400000000 /dev/zero")).await;
    assert!(error.to_string().contains("the compiler ended without an answer"), "{error}");
}

/// The future is dropped, and with it the process.
#[tokio::test]
async fn a_compilation_that_nobody_waits_for_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("pid");
    let program = script(folder.path(), &format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 600", mark.display()));
    let wait = async {
        loop {
            if let Ok(pid) = std::fs::read_to_string(&mark) {
                return pid.trim().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let pid = tokio::select! {
        error = load(&program) => panic!("{error}"),
        pid = wait => pid,
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // A zombie until the runtime has looked after it.
    let alive = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while alive() {
        assert!(std::time::Instant::now() < deadline, "still there");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
