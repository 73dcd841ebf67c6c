//! The arrows between crates go one way: what a crate must never depend on, directly or through others.
//!
//! Dependencies of tests don't count, nor do those of build scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates, and what none of them may reach.
const NEVER: &[(&[&str], &[&str])] = &[
    // Data and rules: no servers, no tasks, no components.
    (&["rowmill-foreign", "rowmill-change", "rowmill-plan", "rowmill-yaml"], &["tokio", "wasmtime", "mysql_async"]),
    (&["rowmill-change"], &["rowmill-plan"]),
    (&["rowmill-plan"], &["rowmill-yaml"]),
    // Each of the things that a pipeline is made of knows none of the others.
    (&["rowmill-mysql"], &["wasmtime", "rowmill-plan", "rowmill-state"]),
    (&["rowmill-wasm"], &["mysql_async", "rowmill-plan", "rowmill-state"]),
    (&["rowmill-state"], &["mysql_async", "wasmtime", "rowmill-plan", "rowmill-change"]),
    // Operators and what binds them work for any source and target.
    (&["rowmill-operators", "rowmill-bind"], &["mysql_async", "rowmill-mysql", "rowmill-yaml"]),
    (&["rowmill-operators"], &["rowmill-bind"]),
    (&["rowmill-observe"], &["rowmill-operators", "rowmill-plan", "tokio", "wasmtime", "mysql_async"]),
    (&["rowmill-run"], &["rowmill-yaml", "rowmill-udfs", "clap"]),
    // The host shares the contract with components, not the code that they are made with.
    (&["rowmill"], &["rowmill-sdk", "rowmill-sdk-macros"]),
    (&["rowmill-sdk"], &["rowmill-foreign", "rowmill-change", "rowmill-wasm", "wasmtime", "tokio", "mysql_async"]),
];

/// Name to the names of its dependencies.
struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    fn read() -> Self {
        // Packages for other systems need not be on this machine.
        let version = Command::new("rustc").arg("-vV").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let names: BTreeMap<String, String> =
            list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let is_normal =
                |dep: &&serde_json::Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let deps = list(&node["deps"]);
            let deps = deps.iter().filter(is_normal).map(|dep| names[&text(&dep["pkg"])].clone());
            graph.entry(names[&text(&node["id"])].clone()).or_default().extend(deps);
        }
        Self(graph)
    }

    /// The way from one to the other, if there is one.
    fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        assert!(self.0.contains_key(from) && self.0.contains_key(to), "{from} or {to} is no crate of the workspace");
        let mut ways = vec![vec![from.to_owned()]];
        let mut seen = BTreeSet::from([from.to_owned()]);
        while let Some(way) = ways.pop() {
            let last = way.last().unwrap();
            if last == to {
                return Some(way);
            }
            for next in &self.0[last] {
                if seen.insert(next.clone()) {
                    ways.push([way.clone(), vec![next.clone()]].concat());
                }
            }
        }
        None
    }
}

#[test]
fn no_crate_depends_on_what_it_must_not_know() {
    let graph = Graph::read();
    let mut wrong = Vec::new();
    for (crates, forbidden) in NEVER {
        for from in *crates {
            for to in *forbidden {
                wrong.extend(graph.way(from, to).map(|way| way.join(" -> ")));
            }
        }
    }
    assert!(wrong.is_empty(), "these must not be:\n{}", wrong.join("\n"));
    // Arrows that there are, so that an empty graph would be noticed.
    for (from, to) in [("rowmill", "rowmill-run"), ("rowmill-run", "mysql_async"), ("rowmill-run", "wasmtime")] {
        assert!(graph.way(from, to).is_some(), "{from} reaches {to}");
    }
}

#[test]
fn a_run_asks_only_its_clock_for_the_time() {
    // What shows a status or lists savepoints is beside the run; the streams are its test.
    let beside = ["clock.rs", "savepoint.rs", "streams.rs", "streams"];
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../host/run/src"))];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if beside.iter().any(|name| path.ends_with(name)) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            read += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for asks in ["Instant::now", "SystemTime::now", ".elapsed()"] {
                assert!(!text.contains(asks), "{} asks {asks}", path.display());
            }
        }
    }
    assert!(read > 20, "{read} files");
}
