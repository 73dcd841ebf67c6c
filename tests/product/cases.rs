//! Runs every folder of `tests/cases` between every pair of servers.
//!
//! A case is a folder: `pipeline.yaml`, `source.sql` (before the first run), optionally
//! `target.sql`, then `changes-1.sql`, `changes-2.sql`, … each followed by another run. At the end
//! the output of `query.sql` on the target must be `expected.tsv`, and `rowmill verify` must say
//! equal. Then the same changes are made again from the start while rowmill is running. A case with
//! `error.txt` must fail: the first line is `exit N`, each further line must occur in the message,
//! or must not if it begins with `!`; and nothing may be left behind in the target. If it has changes, the run
//! after the last of them must fail, and the target be as `expected.tsv` says. A case with `source.txt` is
//! for sources of the product named there, `mysql` or `mariadb`; one with `own-source.txt`, which says why,
//! has a source server of its own.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

mod harness;

use std::path::{Path, PathBuf};

use harness::{PAIRS, Pair, Workspace, shared};
use libtest_mimic::{Arguments, Trial};
use rowmill_devserver::Server;

fn main() {
    let mut arguments = Arguments::from_args();
    // Servers are the bottleneck, not cores.
    arguments.test_threads.get_or_insert(4);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut trials = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let product = std::fs::read_to_string(folder.join("source.txt")).unwrap_or_default();
        for pair in PAIRS.into_iter().filter(|pair| pair.name.starts_with(product.trim())) {
            let folder = folder.clone();
            let case = name.clone();
            trials.push(Trial::test(format!("{name} {}", pair.name), move || {
                run(&folder, &case, pair);
                Ok(())
            }));
        }
    }
    assert!(!trials.is_empty(), "no cases found");
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(folder: &Path, name: &str, pair: Pair) {
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let own = text("own-source.txt").map(|_| Server::lend(pair.source, &[]).unwrap());
    let source = own.as_deref().unwrap_or_else(|| shared(pair.source));
    let case = Workspace::new(source, shared(pair.target), &format!("{name}_{}", short(pair)));
    case.write_pipeline(&text("pipeline.yaml").expect("pipeline.yaml"));
    case.source_sql(&text("source.sql").expect("source.sql"));
    let target = text("target.sql");
    if let Some(target) = &target {
        case.target_sql(target);
    }
    let changes: Vec<String> = (1..).map_while(|n| text(&format!("changes-{n}.sql"))).collect();
    let error = text("error.txt");
    if let (Some(error), true) = (&error, changes.is_empty()) {
        return expect_error(&case, error, target.is_some());
    }
    let expected = text("expected.tsv").expect("expected.tsv");
    let query = text("query.sql").expect("query.sql");

    case.catch_up();
    for (i, script) in changes.iter().enumerate() {
        case.source_sql(script);
        if error.is_none() || i + 1 < changes.len() {
            case.catch_up();
        }
    }
    if let Some(error) = &error {
        let outcome = case.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        expect_message(error, Some(outcome.code), &outcome.stderr);
    }
    assert_eq!(case.target_sql(&query), expected, "after runs one after the other");
    if error.is_none() {
        case.verify();
    }

    let live = Workspace::new(source, shared(pair.target), &format!("{name}_{}_live", short(pair)));
    live.write_pipeline(&text("pipeline.yaml").expect("pipeline.yaml"));
    live.source_sql(&text("source.sql").expect("source.sql"));
    if let Some(target) = &target {
        live.target_sql(target);
    }
    // What a stop leaves undone is not known: the changes before the last ones are in the snapshot then.
    let (before, after) = changes.split_at(if error.is_some() { changes.len() - 1 } else { 0 });
    before.iter().for_each(|script| drop(live.source_sql(script)));
    let mut running = live.start();
    live.wait("snapshot", || live.progress("position IS NOT NULL AND snapshot IS NULL") == "1");
    for script in after {
        live.source_sql(script);
    }
    if let Some(error) = &error {
        live.wait("the end of the run", || !running.is_running());
        expect_message(error, running.child.wait().unwrap().code(), &live.log_text());
        assert_eq!(live.target_sql(&query), expected, "while running\n{}", live.log_text());
        return;
    }
    live.wait("equality with expected.tsv", || !running.is_running() || live.target_sql(&query) == expected);
    assert_eq!(live.target_sql(&query), expected, "while running\n{}", live.log_text());
    live.verify();
    assert_eq!(running.stop(), Some(0), "{}", live.log_text());
}

fn short(pair: Pair) -> String {
    pair.name.split('-').map(|product| &product[..2]).collect()
}

/// The exit code and the lines of `error.txt`.
fn expect_message(error: &str, code: Option<i32>, text: &str) {
    let mut lines = error.lines();
    let expected: i32 = lines.next().and_then(|line| line.strip_prefix("exit ")).expect("exit N").parse().unwrap();
    assert_eq!(code, Some(expected), "{text}");
    let message = text.to_lowercase();
    for line in lines {
        match line.strip_prefix('!') {
            Some(absent) => assert!(!message.contains(&absent.to_lowercase()), "{absent:?} in {text}"),
            None => assert!(message.contains(&line.to_lowercase()), "no {line:?} in {text}"),
        }
    }
}

fn expect_error(case: &Workspace<'_>, error: &str, has_target: bool) {
    let outcome = case.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
    expect_message(error, Some(outcome.code), &outcome.stderr);
    // A failing check moves no row and creates nothing; a row that fails later leaves what was committed before.
    if outcome.code != 1 && !has_target {
        assert_eq!(case.target_sql("SHOW TABLES"), "", "something was left in the target");
    }
}
