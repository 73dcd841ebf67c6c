//! A `where` that asks for the row's seed, in an aggregate before which no step asks for it.

use rowmill_devserver::Kind;

use super::pipe::Pipe;
use crate::harness::{Workspace, shared};

#[test]
fn a_where_may_be_a_sample_of_the_rows() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = Workspace::new(shared(kind), shared(kind), &format!("seeded_{kind:?}"));
        std::fs::write(workspace.folder.path().join("honest.wasm"), rowmill_test_guests::HONEST).unwrap();
        let rows =
            |ids: std::ops::Range<u32>| ids.map(|id| format!("({id}, {id} % 3, 1)")).collect::<Vec<_>>().join(", ");
        workspace.source_sql(&format!(
            "CREATE TABLE t (id INT PRIMARY KEY, g INT NOT NULL, n INT NOT NULL); INSERT INTO t VALUES {};",
            rows(0..300)
        ));
        let pipe = Pipe::new(&workspace, "sample");
        pipe.write(
            "t",
            "steps:
  - aggregate:
      by: [g]
      values:
        row_count: count(*)
        n: sum(n)
        sampled: { call: count(*), where: { udf: ./honest.wasm#sampled } }
        sampled_n: { call: sum(n), where: { udf: ./honest.wasm#sampled } }",
        );
        pipe.catch_up();
        // A row is in the sample or not whatever happens to it: its seed is its key's.
        workspace.source_sql(&format!(
            "INSERT INTO t VALUES {}; UPDATE t SET n = 5; UPDATE t SET g = 1 WHERE g = 2; DELETE FROM t WHERE id < 40;",
            rows(300..450)
        ));
        pipe.catch_up();
        let shown = workspace.target_sql("SELECT g, row_count, n, sampled_n = 5 * sampled FROM sample ORDER BY g");
        assert_eq!(shown, "0\t136\t680\t1\n1\t274\t1370\t1\n", "{kind:?}");
        let sampled: u32 = workspace.target_sql("SELECT SUM(sampled) FROM sample").trim().parse().unwrap();
        assert!((100..310).contains(&sampled), "{sampled} of 410");
        let verified = pipe.call("verify", &[]);
        assert_eq!(verified.code, 0, "{}", verified.stderr);
    }
}
