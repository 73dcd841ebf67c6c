//! One pipeline with views and several targets: all of them are written as one, and every command knows each.

use std::process::Stdio;

use rowmill_devserver::{Hang, Kind, Proxy};

use crate::harness::{PAIRS, Pair, Running, Workspace, shared};

/// Eight targets from two views over three tables, one of the views with state.
const PIPELINE: &str = r#"
pipeline: mart
source: { url: "${SOURCE}", tables: ["orders_*", returns] }
views:
  paid:
    from: "orders_*"
    steps: [ { filter: "status = 'paid'" }, { drop: [status] } ]
  totals:
    from: paid
    steps: [ { aggregate: { by: [customer], values: { orders: count(*), revenue: sum(amount) } } } ]
sink:
  url: "${TARGET}"
  meta: "${META}"
  tables:
    a_paid: { from: paid }
    b_totals: { from: totals }
    c_us: { from: orders_us }
    d_returns: { from: returns }
    e_totals: { from: totals }
    f_paid: { from: paid, key: [_table, id] }
    g_eu: { from: orders_eu }
    h_returns: { from: returns }
"#;

/// Each target with what it should hold, as queries.
fn targets(workspace: &Workspace<'_>) -> Vec<(&'static str, String)> {
    let orders = |region: &str| format!("SELECT id, customer, status, amount FROM orders_{region}");
    let paid = |region: &str| {
        format!(
            "SELECT id, customer, amount, '{}.orders_{region}' FROM orders_{region} WHERE status = 'paid'",
            workspace.source_db
        )
    };
    let paid = || format!("{} UNION ALL {}", paid("eu"), paid("us"));
    let totals = || {
        "SELECT customer, COUNT(*), SUM(amount) FROM (SELECT * FROM orders_eu UNION ALL SELECT * FROM orders_us) o \
         WHERE status = 'paid' GROUP BY customer"
            .to_owned()
    };
    let returns = || "SELECT id, customer, amount FROM returns".to_owned();
    vec![
        ("a_paid", paid()),
        ("b_totals", totals()),
        ("c_us", orders("us")),
        ("d_returns", returns()),
        ("e_totals", totals()),
        ("f_paid", paid()),
        ("g_eu", orders("eu")),
        ("h_returns", returns()),
    ]
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What the targets should hold now.
fn expected(workspace: &Workspace<'_>) -> Vec<Vec<String>> {
    targets(workspace).iter().map(|(_, query)| sorted(&workspace.source_sql(query))).collect()
}

/// What they hold, as of one moment; `None` before they are there.
fn found(workspace: &Workspace<'_>) -> Option<Vec<Vec<String>>> {
    let mut script = format!("USE `{}`; START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT '--';", workspace.target_db);
    for (table, _) in targets(workspace) {
        script.push_str(&format!("SELECT * FROM {table}; SELECT '--';"));
    }
    let text = workspace.target.sql(&script).ok()?;
    let parts: Vec<&str> = text.split("--\n").collect();
    Some(parts[1..parts.len() - 1].iter().map(|part| sorted(part)).collect())
}

/// Three tables with rows; the two of orders differ in the width of a column.
fn seed(workspace: &Workspace<'_>) {
    let orders = "customer INT NOT NULL, status VARCHAR(10) NOT NULL";
    workspace.source_sql(&format!(
        "CREATE TABLE orders_eu (id INT PRIMARY KEY, {orders}, amount INT NOT NULL);
         CREATE TABLE orders_us (id INT PRIMARY KEY, {orders}, amount BIGINT NOT NULL);
         CREATE TABLE returns (id INT PRIMARY KEY, customer INT NOT NULL, amount INT NOT NULL);
         INSERT INTO orders_eu VALUES (1, 1, 'paid', 10), (2, 2, 'open', 20), (3, 1, 'paid', 30);
         INSERT INTO orders_us VALUES (1, 1, 'paid', 100), (2, 3, 'paid', 200), (4, 3, 'open', 400);
         INSERT INTO returns VALUES (1, 1, 10), (2, 3, 200)"
    ));
}

/// One transaction that changes every target: rows come, move, leave filters and go.
fn change(workspace: &Workspace<'_>, round: usize) {
    workspace.source_sql(&format!(
        "START TRANSACTION;
         INSERT INTO orders_eu VALUES ({n}, {round} % 3, 'paid', {round});
         UPDATE orders_us SET amount = amount + 1, status = IF(id = 1 AND {round} % 2 = 0, 'open', 'paid');
         UPDATE orders_eu SET status = IF(status = 'open', 'paid', 'open') WHERE id <= 2;
         DELETE FROM returns WHERE id = {round} + 1;
         INSERT INTO returns VALUES ({n}, {round}, {round}), ({n} + 1, {round}, 1);
         INSERT INTO orders_us VALUES ({n}, {round} % 3, 'paid', 5);
         COMMIT",
        n = 100 + 2 * round
    ));
}

/// Kills the process before each message of a commit, from the first to COMMIT, and once behind COMMIT.
fn killed_between_the_statements_of_a_commit(pair: Pair) {
    let workspace = Workspace::new(shared(pair.source), shared(pair.target), &format!("graph_{}", pair.name));
    workspace.write_pipeline(PIPELINE);
    seed(&workspace);
    let start = |proxy: &Proxy| {
        let mut command = workspace.rowmill(&["run", "pipeline.yaml", "--color", "never"]);
        let log = std::fs::File::options().create(true).append(true).open(workspace.log()).unwrap();
        command.env("TARGET", proxy.url(&workspace.target_db)).stdout(Stdio::null()).stderr(log);
        Running { child: command.spawn().unwrap() }
    };
    let arrived = || found(&workspace) == Some(expected(&workspace));
    let first = format!("UPDATE `{}`.`progress` SET commits", workspace.meta());
    let mut killed = 0;
    for message in 0.. {
        // One for each process: when it goes, what hung in it ends for the server.
        let proxy = Proxy::start(workspace.target.port()).unwrap();
        let mut running = start(&proxy);
        workspace.wait("the rows so far", arrived);
        let before = expected(&workspace);
        proxy.hang_in(&first, message);
        change(&workspace, message);
        assert!(expected(&workspace).iter().zip(&before).all(|(now, before)| now != before), "{message}");
        workspace.wait("a commit that hangs or ends", || proxy.hung() > 0 || arrived());
        if proxy.hung() == 0 {
            break;
        }
        running.kill();
        // Nothing of the transaction is there, of no target.
        assert_eq!(found(&workspace), Some(before), "killed before message {message}");
        killed += 1;
    }
    // The progress, a statement at least for each target, and COMMIT.
    assert!(killed >= 2 + targets(&workspace).len(), "{killed} messages");

    let proxy = Proxy::start(workspace.target.port()).unwrap();
    let mut running = start(&proxy);
    // Its claim is committed before these are there.
    change(&workspace, killed + 1);
    workspace.wait("the rows so far", arrived);
    proxy.hang_at("COMMIT", Hang::After);
    change(&workspace, killed + 2);
    workspace.wait("a commit whose answer hangs", || proxy.hung() > 0 && arrived());
    running.kill();
    drop(proxy);
    change(&workspace, killed + 3);
    workspace.catch_up();
    assert!(arrived());

    let verified = workspace.run(&["verify", "pipeline.yaml", "--json"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let report: serde_json::Value = serde_json::from_str(&verified.stdout).unwrap();
    let verified: Vec<&str> =
        report["targets"].as_array().unwrap().iter().map(|target| target["table"].as_str().unwrap()).collect();
    let names = targets(&workspace).into_iter().map(|(table, _)| format!("`{}`.`{table}`", workspace.target_db));
    assert_eq!(verified, names.collect::<Vec<_>>());
}

#[test]
fn eight_targets_are_one_wherever_a_commit_is_killed_mysql() {
    killed_between_the_statements_of_a_commit(PAIRS[0]);
}

#[test]
fn eight_targets_are_one_wherever_a_commit_is_killed_mariadb() {
    killed_between_the_statements_of_a_commit(PAIRS[1]);
}

#[test]
fn every_command_knows_views_and_targets() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let workspace = Workspace::new(shared(kind), shared(kind), "graph_commands");
        workspace.write_pipeline(PIPELINE);
        seed(&workspace);
        let checked = workspace.run(&["check", "pipeline.yaml"]);
        assert_eq!((checked.code, checked.stdout.trim()), (0, "pipeline mart can run: 2 views, 8 targets, 3 steps"));
        let plan = workspace.run(&["plan", "pipeline.yaml"]).stdout;
        for line in [
            "view paid, from orders_*",
            "      _table varchar(129) NOT NULL",
            "view totals, from paid",
            &format!("into `{}`.`f_paid`, from paid, key (_table, id)", workspace.target_db),
            &format!("into `{}`.`b_totals`, from totals, key (customer)", workspace.target_db),
        ] {
            assert!(plan.lines().any(|found| found == line), "{line}\n{plan}");
        }
        workspace.catch_up();
        assert_eq!(found(&workspace), Some(expected(&workspace)));
        let status = workspace.run(&["status", "pipeline.yaml"]).stdout;
        assert!(status.contains("totals: 2 groups"), "{status}");
        let state = workspace.run(&["state", "pipeline.yaml", "list"]).stdout;
        assert!(state.contains("totals/aggregate-1"), "{state}");

        // What differs is named with its target.
        workspace.target_sql("UPDATE e_totals SET orders = 99 WHERE customer = 1; DELETE FROM h_returns WHERE id = 2");
        let verified = workspace.run(&["verify", "pipeline.yaml"]);
        assert_eq!(verified.code, 4, "{verified:?}");
        for line in [
            format!("  different `{}`.`e_totals` customer=1", workspace.target_db),
            format!("  missing   `{}`.`h_returns` id=2", workspace.target_db),
            format!("  `{}`.`e_totals`: 2 rows, 1 of its keys differ, it has 2", workspace.target_db),
            format!("  `{}`.`a_paid`: 4 rows, equal", workspace.target_db),
        ] {
            assert!(verified.stdout.lines().any(|found| found == line), "{line}\n{}", verified.stdout);
        }
        // A rebuild mends all of them, and takes out what the source doesn't give.
        workspace.target_sql("INSERT INTO g_eu VALUES (77, 1, 'x', 1); INSERT INTO b_totals VALUES (77, 1, 1)");
        let rebuilt = workspace.run(&["run", "pipeline.yaml", "--rebuild", "--until-caught-up"]);
        assert_eq!(rebuilt.code, 0, "{rebuilt:?}");
        assert_eq!(found(&workspace), Some(expected(&workspace)));
        change(&workspace, 3);
        workspace.catch_up();
        assert_eq!(found(&workspace), Some(expected(&workspace)));
        workspace.verify();

        // A process knows what it has written into each.
        let mut running = workspace.start();
        change(&workspace, 4);
        workspace.wait("the rows", || found(&workspace) == Some(expected(&workspace)));
        let status = || {
            let json = workspace.run(&["status", "pipeline.yaml", "--json"]).stdout;
            serde_json::from_str::<serde_json::Value>(&json).unwrap()["running"]["targets"].clone()
        };
        let written = |target: &serde_json::Value| target["rows_out"].as_u64() > Some(0);
        workspace.wait("what was written", || status().as_array().is_some_and(|all| all.iter().all(written)));
        let tables: Vec<String> =
            status().as_array().unwrap().iter().map(|target| target["table"].as_str().unwrap().to_owned()).collect();
        let names = targets(&workspace).into_iter().map(|(table, _)| format!("`{}`.`{table}`", workspace.target_db));
        assert_eq!(tables, names.collect::<Vec<_>>());
        let status = workspace.run(&["status", "pipeline.yaml"]).stdout;
        assert!(status.lines().any(|line| line.contains(&tables[2]) && line.contains(" rows out, ")), "{status}");
        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());

        // Another view is another plan.
        workspace.write_pipeline(&PIPELINE.replace("'paid'", "'open'"));
        let other = workspace.run(&["run", "pipeline.yaml", "--until-caught-up"]);
        assert!(other.code == 2 && other.stderr.contains("filter-1 changed"), "{other:?}");
        workspace.write_pipeline(&PIPELINE.replace("h_returns: { from: returns }", "h_returns: { from: orders_us }"));
        let other = workspace.run(&["run", "pipeline.yaml", "--until-caught-up"]);
        assert!(other.code == 2 && other.stderr.contains("target/h_returns changed"), "{other:?}");
        workspace.write_pipeline(PIPELINE);
        let reset = workspace.run(&["reset", "pipeline.yaml", "--drop-target", "--yes"]);
        assert_eq!(reset.code, 0, "{reset:?}");
        assert_eq!(workspace.target_sql("SHOW TABLES"), "");
    }
}

#[test]
fn what_a_plan_of_views_cannot_be_is_said_where_it_is() {
    let workspace = Workspace::new(shared(Kind::MySql), shared(Kind::MySql), "graph_refused");
    seed(&workspace);
    workspace.source_sql("CREATE TABLE notes (id INT PRIMARY KEY, note TEXT)");
    let refused = |tables: &str, views: &str, targets: &str, messages: &[&str]| {
        workspace.write_pipeline(&format!(
            "pipeline: p\nsource: {{ url: \"${{SOURCE}}\", tables: [{tables}] }}\nviews:\n{views}\n\
             sink:\n  url: \"${{TARGET}}\"\n  meta: \"${{META}}\"\n  tables: {{ {targets} }}\n"
        ));
        let outcome = workspace.run(&["check", "pipeline.yaml", "--color", "never"]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        for message in messages {
            assert!(outcome.stderr.contains(message), "{message}\n{}", outcome.stderr);
        }
    };
    refused(
        "returns",
        "  v: { from: retruns }",
        "t: { from: v }",
        &[
            "there is no view or table \"retruns\" here",
            "did you mean returns?",
            "pipeline.yaml:4:14",
            "one of: returns",
        ],
    );
    refused(
        "returns, notes",
        "  v: { from: [returns, notes], tag: kind }",
        "t: { from: v }",
        &["the columns of returns and notes differ", "(id, customer, amount) and (id, note)"],
    );
    refused(
        "returns, notes",
        "  n: { from: notes, steps: [ { map: { customer: \"1\", amount: \"'x'\" } }, { select: [id, customer, amount] } ] }\n  \
         v: { from: [returns, n], tag: kind }",
        "t: { from: v }",
        &["column amount has types in returns and n that no type holds without loss"],
    );
    refused(
        "returns, orders_us",
        "  v: { from: returns }",
        "t: { from: v }",
        &["nothing is made from table `graph_refused_s`.`orders_us`"],
    );
    refused(
        "returns",
        "  v: { from: [returns], tag: kind, steps: [ { drop: [kind] } ] }",
        "t: { from: v }",
        &["the tag of a union does not reach the target", "a row is of returns"],
    );
    refused(
        "\"orders_*\"",
        "  v: { from: orders_eu, steps: [ { aggregate: { by: [customer], values: { n: count(*) } } } ] }",
        "t: { from: v }, all: { from: \"orders_*\" }",
        &["orders_* stands for several tables"],
    );
}
