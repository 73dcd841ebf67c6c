//! What a pattern means and what is not read: named before the start, while running, by `status` and at the
//! next start.

use rowmill_devserver::Kind;

use crate::harness::{Outcome, Workspace, shared};

const KINDS: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

fn workspace(kind: Kind, name: &str, tables: &str) -> Workspace<'static> {
    let workspace = Workspace::new(shared(kind), shared(kind), &format!("patterns_{name}_{}", kind.name()));
    workspace.write_pipeline(&format!(
        "
pipeline: patterns
source: {{ url: \"${{SOURCE}}\", tables: [{tables}] }}
steps: []
sink: {{ url: \"${{TARGET}}\", table: \"${{table}}_out\", meta: \"${{META}}\" }}
"
    ));
    workspace
}

fn check(workspace: &Workspace<'_>) -> Outcome {
    workspace.run(&["check", "pipeline.yaml", "--color", "never"])
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn what_can_not_be_read_is_refused_by_its_name() {
    for kind in KINDS {
        let workspace = workspace(kind, "refused", "\"a_*\", t, \"z_*\"");
        workspace.source_sql(
            "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE a_1 (id INT PRIMARY KEY);
             CREATE TABLE a_isam (id INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE a_keyless (v INT);
             CREATE VIEW z_1 AS SELECT * FROM t;",
        );
        let mut expected = vec!["`a_isam`", "MyISAM", "`a_keyless`", "no primary key", "z_*", "only", "`z_1` (view)"];
        if kind == Kind::MariaDb {
            workspace.source_sql("CREATE TABLE a_old (id INT PRIMARY KEY) WITH SYSTEM VERSIONING;");
            expected.extend(["`a_old`", "system-versioned", "DROP SYSTEM VERSIONING"]);
        }
        let outcome = check(&workspace);
        assert_eq!(outcome.code, 3, "{}", outcome.stderr);
        assert_says(&outcome.stderr, &expected);
        assert_eq!(outcome.stderr.matches("`a_isam` ENGINE").count(), 1, "{}", outcome.stderr);

        // A name says the same as a pattern.
        let named = self::workspace(kind, "named", "v");
        named.source_sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t;");
        let outcome = check(&named);
        assert_eq!(outcome.code, 3, "{}", outcome.stderr);
        assert_says(&outcome.stderr, &["`v`", "view", "a base table"]);
    }
}

#[test]
fn what_is_no_table_is_passed_over_with_a_word() {
    for kind in KINDS {
        let workspace = workspace(kind, "views", "\"*\"");
        workspace.source_sql(
            "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT * FROM t;",
        );
        let mut expected = vec!["`v` (view)"];
        if kind == Kind::MariaDb {
            workspace.source_sql("CREATE SEQUENCE s;");
            expected.push("`s` (sequence)");
        }
        let outcome = check(&workspace);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_says(&outcome.stderr, &expected);
        workspace.catch_up();
        if kind == Kind::MariaDb {
            workspace.source_sql("SELECT NEXTVAL(s);");
        }
        let log = workspace.catch_up().stderr;
        assert!(!log.contains("is not read"), "{log}");
        assert_eq!(workspace.target_sql("SHOW TABLES").trim(), "t_out");
        workspace.verify();
    }
}

#[test]
fn a_user_who_sees_some_tables_is_told_so() {
    for kind in KINDS {
        let workspace = workspace(kind, "hidden", "\"*\"");
        let (db, user) = (&workspace.source_db, format!("hidden_{}", kind.name().to_lowercase()));
        workspace.source_sql(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE secret (id INT PRIMARY KEY);
             DROP USER IF EXISTS '{user}'@'%'; CREATE USER '{user}'@'%';
             GRANT SELECT ON `{db}`.t TO '{user}'@'%'; GRANT LOCK TABLES ON `{db}`.* TO '{user}'@'%';
             GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{user}'@'%';"
        ));
        let check = || {
            let mut command = workspace.rowmill(&["check", "pipeline.yaml", "--color", "never"]);
            command.env("SOURCE", workspace.source.url(db).replace("root@", &format!("{user}@")));
            Outcome::of(command.output().unwrap())
        };
        let outcome = check();
        assert_says(&outcome.stderr, &["WARN", "may not read every table", &user]);
        workspace.source_sql(&format!("GRANT SELECT ON `{db}`.* TO '{user}'@'%'"));
        let outcome = check();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("may not read every table"), "{}", outcome.stderr);
    }
}

#[test]
fn a_table_that_comes_later_is_told_of_once() {
    for kind in KINDS {
        let workspace = workspace(kind, "later", "\"t_*\"");
        workspace.source_sql("CREATE TABLE t_1 (id INT PRIMARY KEY); INSERT INTO t_1 VALUES (1);");
        let mut running = workspace.start();
        workspace.wait("snapshot", || workspace.progress("position IS NOT NULL AND snapshot IS NULL") == "1");
        let told = |table: &str| {
            let named = format!("`{table}`");
            let log = workspace.log_text();
            log.lines().filter(|line| line.contains("WARN") && line.contains(&named)).count()
        };
        // Before it has a row, under another name, and with its first row.
        workspace.source_sql(
            "CREATE TABLE IF NOT EXISTS t_2 (id INT PRIMARY KEY) COMMENT 't_9'; CREATE TABLE new (id INT PRIMARY KEY);
             CREATE TABLE other (id INT PRIMARY KEY); RENAME TABLE new TO t_3; CREATE TABLE t_4 LIKE other;
             ALTER TABLE other RENAME TO t_5; CREATE TABLE other (id INT PRIMARY KEY) SELECT 1 AS id;",
        );
        for table in ["t_2", "t_3", "t_4", "t_5"] {
            workspace.wait(&format!("word of {table}"), || told(table) == 1);
        }
        workspace.source_sql("INSERT INTO t_2 VALUES (1); INSERT INTO t_3 VALUES (1); INSERT INTO t_1 VALUES (2);");
        workspace.wait("rows", || workspace.target_sql("SELECT COUNT(*) FROM t_1_out").trim() == "2");
        for (table, times) in [("t_1", 0), ("t_2", 1), ("t_3", 1), ("t_9", 0), ("new", 0), ("other", 0)] {
            assert_eq!(told(table), times, "{table}: {}", workspace.log_text());
        }
        let status = workspace.run(&["status", "pipeline.yaml"]);
        assert_says(&status.stdout, &["not read", "`t_2`", "`t_5`", "source.tables"]);
        assert!(!status.stdout.contains("`t_1`"), "{}", status.stdout);
        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());

        let refused = workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"]);
        assert_ne!(refused.code, 0);
        assert_says(&refused.stderr, &["the list of source tables changed", "`t_2` is new", "`t_5` is new"]);
        workspace.source_sql("DROP TABLE t_2, t_3, t_4, t_5;");
        workspace.catch_up();
        workspace.verify();
        assert_eq!(workspace.run(&["status", "pipeline.yaml"]).stdout.matches("not read").count(), 0);
    }
}
