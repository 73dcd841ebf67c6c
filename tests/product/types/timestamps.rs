//! What happens to a TIMESTAMP is what happens to a DATETIME: late rows, windows written when they close, an
//! aggregate after a window, groups with a time to live, distinct values.

use super::{KINDS, rows, workspace, write_pipeline};

const CASES: [(&str, &str, bool); 4] = [
    (
        "late",
        "  - aggregate:
      by: [g]
      window: { tumble: 1h, on: at, late: drop, emit: close }
      values: { n: \"count(*)\", newest: \"max(at)\", kinds: \"count(distinct at)\" }",
        true,
    ),
    (
        "silent",
        "  - aggregate:
      by: [g]
      window: { session: 10m, on: at, late: drop }
      values: { n: \"count(*)\" }",
        true,
    ),
    (
        "twice",
        "  - aggregate: { by: [g], window: { hop: { size: 1h, slide: 30m }, on: at }, values: { n: \"count(*)\" } }
  - filter: \"n > 0\"
  - aggregate: { by: [window_end], values: { n: \"sum(n)\", first: \"min(window_start)\" } }",
        false,
    ),
    ("forgotten", "  - aggregate: { by: [at], ttl: 1d, values: { n: \"count(*)\" } }", false),
];

#[test]
fn a_timestamp_is_treated_like_a_datetime() {
    for kind in KINDS {
        let workspace = workspace(kind, "timestamps");
        let both = |script: &str| {
            let script: String = ["stamp", "plain"].iter().map(|table| script.replace("{}", table)).collect();
            workspace.source_sql(&script);
        };
        workspace.source_sql(
            "CREATE TABLE stamp (id INT PRIMARY KEY, g INT NOT NULL, at TIMESTAMP(3) NULL);
             CREATE TABLE plain (id INT PRIMARY KEY, g INT NOT NULL, at DATETIME(3) NULL);",
        );
        both(
            "INSERT INTO {} VALUES (1, 1, '2024-02-28 00:07:00'), (2, 1, '2024-02-28 00:15:00.250'),
             (3, 2, '2024-02-28 00:29:59.999');",
        );
        let run = |changed: bool| {
            for (name, aggregate, verifiable) in CASES {
                write_pipeline(&workspace, name, "stamp, plain", &format!("steps:\n{aggregate}"));
                workspace.catch_up();
                if verifiable || name == "twice" && !changed {
                    workspace.verify();
                }
                let of = |table: &str| rows(|sql| workspace.target_sql(sql), &format!("SELECT * FROM {table}_{name}"));
                let (stamp, plain) = (of("stamp"), of("plain"));
                assert_eq!(stamp, plain, "{name} {kind:?}");
                assert!(!changed || !stamp.is_empty(), "{name} {kind:?}");
            }
        };
        run(false);
        // The first closes windows; the second comes too late, and so does an update of a row in a closed window.
        both("INSERT INTO {} VALUES (4, 1, '2024-02-28 05:00:00');");
        run(true);
        both(
            "INSERT INTO {} VALUES (5, 2, '2024-02-28 00:31:00'); UPDATE {} SET g = 3 WHERE id = 2;
              UPDATE {} SET at = '2024-02-28 06:30:00' WHERE id = 4;",
        );
        run(true);
    }
}

/// The group is named in the message with its time.
#[test]
fn a_group_of_a_timestamp_is_named() {
    for kind in KINDS {
        let workspace = workspace(kind, "group_names");
        workspace.source_sql(
            "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NULL, v BIGINT UNSIGNED NOT NULL);
             INSERT INTO t VALUES (1, '2024-02-28 00:07:00', 1);",
        );
        write_pipeline(&workspace, "named", "t", "steps: [aggregate: { by: [at], values: { total: \"sum(v)\" } }]");
        workspace.catch_up();
        workspace.target_sql("UPDATE t_named SET total = 7");
        let differs = workspace.run(&["verify", "pipeline.yaml"]);
        assert_eq!(differs.code, 4, "{}{}", differs.stdout, differs.stderr);
        assert!(differs.stdout.contains("at=2024-02-28 00:07:00 UTC"), "{}", differs.stdout);
    }
}
