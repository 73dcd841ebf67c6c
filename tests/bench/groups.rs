//! More groups than the memory limit holds.

use rowmill_devserver::Kind;

use crate::facts::Facts;
use crate::process::Rowmill;
use crate::report::{Limit, Report};

const SECTION: &str = "groups: sum(v), count(*) of ten million groups under a memory limit of 256 MiB";
const MEMORY_MAX: f64 = 600.0;

const PIPELINE: &str = r#"
pipeline: groups
source:
  url: ${SOURCE}
  tables: [facts]
limits: { memory: 256MiB }
steps:
  - aggregate:
      by: [k]
      values: { total: "sum(v)", facts: "count(*)" }
sink:
  url: ${TARGET}
  table: totals
"#;

pub(crate) fn measure(report: &mut Report, kind: Kind, groups: u64) {
    let facts = Facts::fill(kind, groups);
    let rowmill = Rowmill::new(PIPELINE, &facts.server, "shop", "mart");
    // Compiling takes memory of its own, which another section looks at.
    rowmill.process(&["check", "pipeline.yaml"]);
    let run = rowmill.catch_up();
    assert_eq!(facts.number("SELECT COUNT(*) FROM mart.totals"), facts.groups());
    let sums = ["SELECT SUM(total) FROM mart.totals", "SELECT SUM(v) FROM shop.facts"];
    assert_eq!(facts.number(sums[0]), facts.number(sums[1]));
    report.judge(SECTION, "most that the process held (resident)", run.memory, "MB", Limit::AtMost(MEMORY_MAX));
    report.note(SECTION, "from the start to the end, all groups written to the target", run.seconds, "s");
    report.note(SECTION, "groups", groups as f64 / run.seconds, "rows/s");
}
