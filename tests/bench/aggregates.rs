//! `sum(price), count(*) by customer_id` from the binlog of the orders to results: how fast, and what
//! takes the time.
//!
//! One thread reads, decodes, finds the groups, and calls the component; each epoch ends with the rows
//! for the target, which nobody writes. What a part takes is measured in the same run, except for
//! finding the groups, which is run alone over the same rows. Then the component's calls are made
//! again, as they were, in turns with the same code compiled natively, each time the fastest of
//! many. The native code pays for its result, not for getting at its arguments.

use std::path::Path;
use std::time::{Duration, Instant};

use rowmill_bind::Environment;
use rowmill_change::{ChangeBatch, ChangeEvent, Position, TableName};
use rowmill_mysql::binlog::{Changes, ChangesOptions, Images, TableRead, current_position};
use rowmill_mysql::{Endpoint, Identity, TableDef, endpoint, table};
use rowmill_plan::Plan;
use rowmill_run::bench::Steps;
use rowmill_wasm::{Engine, EngineOptions};
use tokio::runtime::Runtime;

use crate::native::Race;
use crate::process::Rowmill;
use crate::report::{Limit, Report, median};
use crate::shop::Shop;

const SECTION: &str = "aggregates: sum(price), count(*) by customer_id over the binlog of the orders, on one thread";
const SAMPLES: usize = 5;
/// The transactions in which a running pipeline gets the rows.
const TRANSACTIONS: u64 = 10;

fn pipeline(table: &str) -> String {
    format!(
        r#"
pipeline: customers
source:
  url: ${{SOURCE}}
  tables: [{table}]
steps:
  - aggregate:
      by: [customer_id]
      values: {{ revenue: "sum(price)", orders: "count(*)" }}
sink:
  url: ${{TARGET}}
  table: customers
"#
    )
}

pub(crate) fn measure(report: &mut Report, shop: &Shop, runtime: &Runtime) {
    let rows = shop.rows as f64;
    let computed = runtime.block_on(async {
        let orders = Orders::new(shop).await;
        let batches = orders.batches().await;
        let mut runs = Vec::new();
        let mut lookups = Vec::new();
        for _ in 0..SAMPLES {
            runs.push(orders.run().await);
            lookups.push(orders.look_up(&batches).await.as_secs_f64());
        }
        runs.sort_by_key(|run| run.total);
        let run = &runs[SAMPLES / 2];
        let total = run.total.as_secs_f64();
        let name = "from the stream to computed results";
        report.judge(SECTION, name, rows / total, "rows/s", Limit::AtLeast(1.5e6));
        let lookup = median(lookups);
        let (decode, component) = (run.read.as_secs_f64(), run.component.as_secs_f64());
        let close = run.close.as_secs_f64();
        let mut share = |name, seconds: f64| report.note(SECTION, name, 100.0 * seconds / total, "%");
        share("reading and decoding, of that", decode);
        share("keys of rows and finding their groups, of that", lookup);
        share("calls of the component, of that", component);
        share("the rest (counting, changelogs), of that", total - decode - lookup - component);
        share("the ends of epochs with their calls, within that", close);
        report.note(SECTION, "rows for the target", run.rows_out as f64, "rows");
        let mut race = Race::new(&orders.environment.engine, &batches, orders.plan.epoch.rows).await;
        race.run().await;
        race.tell(report, SECTION, rows);
        total
    });
    let seconds = end_to_end(shop);
    report.note(SECTION, "by a process that catches up, written to the target", rows / seconds, "rows/s");
    let name = "the sink, the last checkpoint and the start, of that";
    report.note(SECTION, name, 100.0 * (1.0 - computed / seconds), "%");
}

/// Where the orders are, and what becomes of them.
struct Orders<'s> {
    shop: &'s Shop,
    endpoint: Endpoint,
    identity: Identity,
    end: Position,
    def: TableDef,
    plan: Plan,
    environment: Environment,
}

/// What a run took.
struct Run {
    total: Duration,
    read: Duration,
    close: Duration,
    component: Duration,
    rows_out: usize,
}

impl<'s> Orders<'s> {
    async fn new(shop: &'s Shop) -> Orders<'s> {
        let endpoint = Endpoint::parse(&shop.server.url("shop")).unwrap();
        let mut conn = endpoint.connect().await.unwrap();
        let def = table::read_definition(&mut conn, &TableName::new("shop", "orders")).await.unwrap().unwrap();
        let flavor = endpoint::flavor(&mut conn).await.unwrap().0;
        let identity = endpoint::identity(&mut conn, flavor).await.unwrap();
        let end = current_position(&mut conn, flavor).await.unwrap();
        let url = |_: &str| Some(shop.server.url("shop"));
        let plan = rowmill_yaml::parse(Path::new("bench.yaml"), &pipeline("orders"), &url).unwrap().pipeline;
        let engine = Engine::new(EngineOptions::default()).unwrap();
        let environment = Environment {
            engine,
            built_in: rowmill_udfs::component,
            behaviour: rowmill_udfs::behaviour,
            built_in_names: rowmill_udfs::NAMES,
            state_root: None,
        };
        Orders { shop, endpoint, identity, end, def, plan, environment }
    }

    /// As the product reads them for an aggregate.
    async fn changes(&self) -> Changes {
        let options = ChangesOptions { images: Images::Both, ..ChangesOptions::new(self.endpoint.clone()) };
        let read = TableRead { key: self.def.primary_key.clone(), def: self.def.clone() };
        let (file, offset) = self.shop.from.clone();
        Changes::open(options, vec![read], &self.identity, Position::new(file, offset)).await.unwrap()
    }

    async fn steps(&self) -> Steps {
        Steps::bind(&self.plan, &self.def, &self.environment).await.unwrap()
    }

    /// All rows as they come.
    async fn batches(&self) -> Vec<ChangeBatch> {
        let mut changes = self.changes().await;
        let mut all = Vec::new();
        loop {
            let position = match changes.next().await.unwrap() {
                ChangeEvent::Rows { batches, position, .. } => {
                    all.extend(batches);
                    position
                }
                ChangeEvent::Position { position, .. } => position,
            };
            if position.reached(&self.end) {
                return all;
            }
        }
    }

    /// From the stream to the rows for the target.
    async fn run(&self) -> Run {
        let mut steps = self.steps().await;
        let mut changes = self.changes().await;
        let (mut read, mut close) = (Duration::ZERO, Duration::ZERO);
        let (mut rows, mut open, mut rows_out) = (0, 0, 0);
        let start = Instant::now();
        loop {
            let reading = Instant::now();
            let event = changes.next().await.unwrap();
            read += reading.elapsed();
            let position = match event {
                ChangeEvent::Rows { batches, position, .. } => {
                    for batch in batches {
                        steps.absorb(&batch, &position).await.unwrap();
                        open += batch.ops.len();
                    }
                    position
                }
                ChangeEvent::Position { position, .. } => position,
            };
            let ends = position.reached(&self.end);
            if open >= self.plan.epoch.rows || ends {
                let closing = Instant::now();
                rows_out += steps.close(&position).await.unwrap();
                close += closing.elapsed();
                rows += open;
                open = 0;
            }
            if ends {
                assert_eq!(rows as u64, self.shop.rows);
                let component = steps.meters().iter().map(|meter| meter.wall).sum();
                return Run { total: start.elapsed(), read, close, component, rows_out };
            }
        }
    }

    /// Only the groups of the rows, from none on.
    async fn look_up(&self, batches: &[ChangeBatch]) -> Duration {
        let mut steps = self.steps().await;
        let start = Instant::now();
        for batch in batches {
            steps.look_up(batch).await.unwrap();
        }
        start.elapsed()
    }
}

/// Seconds of a process that finds the rows in the binlog, and writes the groups to the target.
fn end_to_end(shop: &Shop) -> f64 {
    shop.sql("CREATE DATABASE mart; CREATE TABLE orders_live LIKE orders");
    let rowmill = Rowmill::new(&pipeline("orders_live"), &shop.server, "shop", "mart");
    rowmill.catch_up();
    let step = shop.rows.div_ceil(TRANSACTIONS);
    for start in (0..shop.rows).step_by(step as usize) {
        let end = start + step;
        shop.sql(&format!("INSERT INTO orders_live SELECT * FROM orders WHERE id > {start} AND id <= {end}"));
    }
    let run = rowmill.catch_up();
    assert_eq!(shop.number("SELECT SUM(orders) FROM mart.customers"), shop.rows);
    shop.sql("DROP DATABASE mart; DROP TABLE orders_live");
    run.seconds
}
