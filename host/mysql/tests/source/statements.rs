//! Changes that are not row events: every trigger goes on, or stops for its own reason before a row is given.

use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use rowmill_change::{ChangeEvent, Position, TableName};
use rowmill_devserver::{Kind, Server};
use rowmill_mysql::binlog::{Changes, ChangesOptions, TableRead};
use rowmill_mysql::endpoint::{flavor, identity};
use rowmill_mysql::position::current_position;
use rowmill_mysql::table::read_definition;
use rowmill_mysql::{Endpoint, Error};

use crate::next;

/// What a case must do.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// Nothing of it concerns the table that is read.
    GoesOn,
    /// It stops with the table's name.
    Changed,
    /// It stops, since this may have changed the table.
    Unclear(&'static str),
    /// It stops with the name of the session's variable.
    RowImage(&'static str),
}
use Outcome::{Changed, GoesOn, RowImage, Unclear};

/// Where a case can happen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum On {
    Both,
    MySql,
    MariaDb,
    /// What MySQL refuses while it writes GTIDs.
    WithoutGtids,
}

/// The servers; the last one has no GTIDs.
const SERVERS: [(Kind, &[&str]); 3] = [
    (Kind::MySql, &["--log-bin-trust-function-creators=1"]),
    (Kind::MariaDb, &["--log-bin-trust-function-creators=1"]),
    (Kind::MySql, &["--log-bin-trust-function-creators=1", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]),
];

impl On {
    fn is(self, kind: Kind, gtids: bool) -> bool {
        match self {
            On::Both => true,
            On::MySql => kind == Kind::MySql,
            On::MariaDb => kind == Kind::MariaDb,
            On::WithoutGtids => kind == Kind::MariaDb || !gtids,
        }
    }
}

/// Where; what is there besides, separated by `$$`; what is done; and what must come of it.
type Case = (On, &'static str, &'static str, Outcome);

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2); \
     CREATE TABLE other (id int PRIMARY KEY, v int); INSERT INTO other VALUES (1, 1); \
     CREATE TABLE log (id int PRIMARY KEY AUTO_INCREMENT, x int);";
const S: &str = "SET SESSION binlog_format = 'STATEMENT';";

const DEFINITIONS: &[Case] = &[
    (
        On::Both,
        "CREATE TABLE parts (id int PRIMARY KEY, v int) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (100))",
        "ALTER TABLE parts EXCHANGE PARTITION p WITH TABLE t",
        Changed,
    ),
    (
        On::MariaDb,
        "CREATE TABLE parts (id int PRIMARY KEY, v int) PARTITION BY RANGE (id) \
         (PARTITION p VALUES LESS THAN (-100), PARTITION q VALUES LESS THAN (-50))",
        "ALTER TABLE parts CONVERT TABLE t TO PARTITION r VALUES LESS THAN (100)",
        Changed,
    ),
    (On::Both, "", "ALTER TABLE t DISCARD TABLESPACE", Changed),
    (On::Both, "", "DROP INDEX `PRIMARY` ON t", Changed),
    (On::Both, "", "CREATE INDEX i ON t (v); CREATE INDEX i ON other (v); DROP INDEX i ON other", GoesOn),
    (On::Both, "", "RENAME TABLE other TO x, t TO other", Changed),
    (On::Both, "", "ALTER TABLE t RENAME TO u", Changed),
    (On::MariaDb, "", "CREATE OR REPLACE TABLE t (id int PRIMARY KEY, v int)", Changed),
    (On::MariaDb, "", "CREATE OR REPLACE TABLE t SELECT * FROM other", Changed),
    (On::Both, "", "DROP TABLE other, t", Changed),
    (On::Both, "", "SET sql_mode = 'ANSI_QUOTES'; DROP TABLE \"t\"", Changed),
    (On::Both, "", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; ALTER TABLE t COMMENT '\\\\', RENAME TO u", Changed),
    (On::Both, "", "/*!50001 TRUNCATE */ /* x */ t", Changed),
    (On::MariaDb, "", "SET sql_mode = 'MSSQL'; TRUNCATE TABLE [t]", Changed),
    (On::MariaDb, "", "SET STATEMENT max_statement_time = 5 FOR TRUNCATE t", Changed),
    (
        On::MariaDb,
        "",
        "/* a */ SET STATEMENT max_statement_time = 5 FOR SET STATEMENT lock_wait_timeout = 3 FOR TRUNCATE t",
        Changed,
    ),
    (On::MariaDb, "", "SET sql_mode = 'ANSI_QUOTES'; SET STATEMENT sql_mode = '' FOR TRUNCATE \"t\"", Changed),
    (
        On::Both,
        "CREATE DATABASE IF NOT EXISTS elsewhere $$ CREATE TABLE IF NOT EXISTS elsewhere.t (id int PRIMARY KEY)",
        "TRUNCATE elsewhere.t",
        GoesOn,
    ),
    (
        On::Both,
        "",
        "ALTER TABLE other ADD x int, ADD FOREIGN KEY (v) REFERENCES t (id); TRUNCATE other; DROP TABLE other",
        GoesOn,
    ),
    (
        On::Both,
        "",
        "CREATE TABLE t2 LIKE t; CREATE TABLE t3 SELECT * FROM t; CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY)",
        GoesOn,
    ),
    (
        On::Both,
        "",
        "CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 99; DROP TRIGGER tr; DROP VIEW v",
        GoesOn,
    ),
    (
        On::Both,
        "",
        "ANALYZE TABLE t; OPTIMIZE TABLE other; FLUSH TABLES t; CREATE USER IF NOT EXISTS u@'%'; GRANT SELECT ON *.* TO u@'%'",
        GoesOn,
    ),
    (
        On::Both,
        "",
        "BEGIN; INSERT INTO other VALUES (7, 7); SAVEPOINT a; INSERT INTO other VALUES (8, 8); ROLLBACK TO a; RELEASE SAVEPOINT a; COMMIT",
        GoesOn,
    ),
    (On::Both, "", "XA START 'x'; INSERT INTO other VALUES (7, 7); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'", GoesOn),
];

/// All in a session with statement format.
const STATEMENTS: &[Case] = &[
    (On::Both, "", "UPDATE t SET v = v + 1", Changed),
    // There the table is renamed, the temporary one is not.
    (On::MySql, "", "CREATE TEMPORARY TABLE t (id int); RENAME TABLE t TO gone", Changed),
    (On::MariaDb, "", "CREATE TEMPORARY TABLE t (id int); RENAME TABLE t TO gone", GoesOn),
    (On::Both, "", "CREATE TABLE IF NOT EXISTS t SELECT 98 AS id, 1 AS v", GoesOn),
    (On::Both, "", "INSERT INTO other VALUES (5, 5); DROP TABLE IF EXISTS staging; DROP TABLE log", GoesOn),
    (On::Both, "", "UPDATE other JOIN t ON other.id = t.id SET t.v = 5", Changed),
    (On::Both, "", "INSERT INTO t VALUES (5, 5)", Changed),
    (On::Both, "", "REPLACE t VALUES (5, 5)", Changed),
    (On::Both, "", "DELETE x FROM other, t AS x WHERE x.id = other.id", Changed),
    (On::Both, "", "LOAD DATA LOCAL INFILE '{rows}' INTO TABLE t", Changed),
    (On::Both, "", "LOAD DATA LOCAL INFILE '{rows}' INTO TABLE other", GoesOn),
    (On::Both, "CREATE PROCEDURE p() UPDATE t SET v = 5", "CALL p()", Changed),
    (On::MariaDb, "", "SET STATEMENT max_statement_time = 5 FOR UPDATE t SET v = 5", Changed),
    (On::Both, "CREATE VIEW v AS SELECT * FROM t", "UPDATE v SET v = v + 1", Unclear("is a view")),
    (On::Both, "CREATE VIEW v AS SELECT * FROM t", "DELETE FROM v", Unclear("is a view")),
    (
        On::Both,
        "CREATE VIEW v AS SELECT * FROM t $$ CREATE VIEW w AS SELECT * FROM v",
        "INSERT INTO w VALUES (5, 5)",
        Unclear("is a view"),
    ),
    // It says what was there then, and the server no longer does.
    (On::Both, "CREATE VIEW v AS SELECT * FROM t", "UPDATE v SET v = v + 1; DROP VIEW v", Unclear("")),
    (
        On::Both,
        "CREATE TRIGGER tr AFTER INSERT ON log FOR EACH ROW UPDATE t SET v = NEW.x",
        "INSERT INTO log VALUES (1, 5)",
        Unclear("has the trigger 'tr'"),
    ),
    (
        On::Both,
        "CREATE TRIGGER tr AFTER INSERT ON log FOR EACH ROW UPDATE t SET v = NEW.x",
        "INSERT INTO log VALUES (1, 5); DROP TRIGGER tr",
        Unclear(""),
    ),
    (
        On::Both,
        "CREATE TRIGGER tr AFTER INSERT ON log FOR EACH ROW UPDATE t SET v = NEW.x",
        "REPLACE log VALUES (1, 5); DROP TABLE log",
        Unclear(""),
    ),
    (
        On::Both,
        "CREATE FUNCTION f(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END",
        "INSERT INTO other VALUES (5, f(5))",
        Unclear("function"),
    ),
    (
        On::Both,
        "CREATE FUNCTION f(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END",
        "SELECT f (5)",
        Unclear("function"),
    ),
    (
        On::Both,
        "CREATE FUNCTION `count`(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END",
        "UPDATE other SET v = `count`(5)",
        Unclear("function"),
    ),
    (
        On::Both,
        "CREATE FUNCTION f(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END",
        "UPDATE other SET v = f(5); DROP FUNCTION f",
        Unclear(""),
    ),
    (
        On::Both,
        "CREATE FUNCTION f(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END $$ \
         CREATE VIEW v AS SELECT f(5) AS x",
        "INSERT INTO log (x) SELECT x FROM v",
        Unclear("is a view"),
    ),
    (
        On::MariaDb,
        "CREATE FUNCTION f(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END",
        "CREATE TABLE made SELECT f(5) AS x",
        Unclear("function"),
    ),
    (
        On::Both,
        "CREATE TABLE parent (id int PRIMARY KEY) $$ INSERT INTO parent VALUES (1), (2) $$ \
         ALTER TABLE t ADD FOREIGN KEY (v) REFERENCES parent (id) ON DELETE SET NULL",
        "DELETE FROM parent WHERE id = 1",
        Unclear("foreign key"),
    ),
    (
        On::Both,
        "CREATE TABLE top (id int PRIMARY KEY) $$ INSERT INTO top VALUES (1), (2) $$ \
         CREATE TABLE middle (id int PRIMARY KEY, FOREIGN KEY (id) REFERENCES top (id) ON UPDATE CASCADE) $$ \
         INSERT INTO middle VALUES (1), (2) $$ \
         ALTER TABLE t ADD FOREIGN KEY (v) REFERENCES middle (id) ON UPDATE CASCADE",
        "UPDATE top SET id = 9 WHERE id = 1",
        Unclear("foreign key"),
    ),
    (On::Both, "", "INSERT INTO other VALUES (5, 5); UPDATE other SET v = 6; DELETE FROM other WHERE id = 1", GoesOn),
    (On::Both, "", "UPDATE other AS o JOIN log ON o.id = log.id SET o.v = 1", GoesOn),
    (On::Both, "", "BEGIN; INSERT INTO other VALUES (5, ABS(-5)); INSERT INTO log (x) SELECT v FROM t; COMMIT", GoesOn),
    (
        On::Both,
        "",
        "CREATE TEMPORARY TABLE t (id int); INSERT INTO t VALUES (5); UPDATE t SET id = 6; DROP TABLE t",
        GoesOn,
    ),
    (
        On::Both,
        "",
        "CREATE TEMPORARY TABLE t (id int); TRUNCATE t; INSERT INTO t VALUES (5); ALTER TABLE t ADD x int; INSERT INTO t VALUES (6, 6); DROP TABLE t",
        GoesOn,
    ),
    (On::MariaDb, "", "CREATE OR REPLACE TABLE made SELECT MAX(id) AS x FROM t", GoesOn),
    (On::MariaDb, "", "CREATE OR REPLACE TEMPORARY TABLE t (id int); INSERT INTO t VALUES (5)", GoesOn),
    (On::Both, "", "CREATE TEMPORARY TABLE u (id int); ALTER TABLE u RENAME TO w; DROP TABLE w; TRUNCATE t", Changed),
    (On::WithoutGtids, "", "CREATE TABLE made SELECT MAX(id) AS x FROM t", GoesOn),
    (On::Both, PERCONA, CHECKSUM, GoesOn),
    (On::MariaDb, PERCONA, CHECKSUM_SET, GoesOn),
    (On::Both, HEARTBEATS, HEARTBEAT, GoesOn),
    (
        On::MariaDb,
        HEARTBEATS,
        "SET STATEMENT max_statement_time = 5 FOR REPLACE INTO mysql.rds_heartbeat2 (id, value) VALUES (1, 3)",
        GoesOn,
    ),
];

const PERCONA: &str = "CREATE DATABASE IF NOT EXISTS percona $$ CREATE TABLE IF NOT EXISTS percona.checksums (tbl char(64) PRIMARY KEY, this_crc char(40), this_cnt int)";
const CHECKSUM: &str = "REPLACE INTO `percona`.`checksums` (tbl, this_cnt, this_crc) SELECT 't', COUNT(*) AS cnt, \
     COALESCE(LOWER(CONV(BIT_XOR(CAST(CRC32(CONCAT_WS('#', `id`, `v`, CONCAT(ISNULL(`v`)))) AS UNSIGNED)), 10, 16)), 0) \
     AS crc FROM `t` FORCE INDEX(`PRIMARY`) WHERE ((`id` >= '1')) AND ((`id` <= '9')) /*checksum chunk*/";
const CHECKSUM_SET: &str = "SET STATEMENT max_statement_time = 5 FOR REPLACE INTO `percona`.`checksums` (tbl, this_cnt, this_crc) \
     SELECT 't', COUNT(*), CRC32(1) FROM `t`";
const HEARTBEATS: &str = "CREATE TABLE IF NOT EXISTS mysql.rds_heartbeat2 (id int PRIMARY KEY, value bigint)";
const HEARTBEAT: &str = "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,1542784962512) ON DUPLICATE KEY UPDATE value = 1542784962512";

const IMAGES: &[Case] = &[
    (
        On::Both,
        "",
        "SET SESSION binlog_row_image = MINIMAL; UPDATE t SET v = 5 WHERE id = 1",
        RowImage("binlog_row_image"),
    ),
    (On::Both, "", "SET SESSION binlog_row_image = MINIMAL; DELETE FROM t WHERE id = 1", RowImage("binlog_row_image")),
    (
        On::Both,
        "",
        "SET SESSION binlog_row_image = MINIMAL; INSERT INTO t (id) VALUES (7)",
        RowImage("binlog_row_image"),
    ),
    (
        On::Both,
        "ALTER TABLE t ADD w int AS (v + 1) VIRTUAL",
        "SET SESSION binlog_row_image = MINIMAL; UPDATE t SET v = 5 WHERE id = 1",
        RowImage("binlog_row_image"),
    ),
    (
        On::Both,
        "ALTER TABLE t ADD b text",
        "SET SESSION binlog_row_image = NOBLOB; UPDATE t SET v = 5 WHERE id = 1",
        RowImage("binlog_row_image"),
    ),
    (
        On::MySql,
        "ALTER TABLE t ADD j json $$ UPDATE t SET j = '{\"a\": 1, \"b\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}'",
        "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'; UPDATE t SET j = JSON_SET(j, '$.a', 2)",
        RowImage("binlog_row_value_options"),
    ),
];

/// A schema of its own for one case.
struct Place<'s> {
    server: &'s Server,
    schema: String,
    table: &'static str,
    endpoint: Endpoint,
}

impl<'s> Place<'s> {
    fn new(server: &'s Server, number: usize, table: &'static str, tables: &str, more: &str) -> Place<'s> {
        let schema = format!("c{number}");
        server.sql(&format!("CREATE DATABASE {schema}; USE {schema}; {tables}")).unwrap();
        if !more.is_empty() {
            server.client_sql(&format!("USE {schema};\nDELIMITER $$\n{more}")).unwrap();
        }
        let endpoint = Endpoint::parse(&server.url(&schema)).unwrap();
        Place { server, schema, table, endpoint }
    }

    fn sql(&self, script: &str) {
        self.server.client_sql(&format!("USE {}; {script}", self.schema)).unwrap();
    }

    async fn position(&self) -> Position {
        let mut conn = self.endpoint.connect().await.unwrap();
        let flavor = flavor(&mut conn).await.unwrap().0;
        current_position(&mut conn, flavor).await.unwrap()
    }

    async fn read(&self) -> TableRead {
        let mut conn = self.endpoint.connect().await.unwrap();
        let name = TableName::new(&self.schema, self.table);
        let def = read_definition(&mut conn, &name).await.unwrap().unwrap();
        TableRead { key: def.row_key().unwrap(), def }
    }

    async fn changes(&self, endpoint: &Endpoint, read: TableRead, from: Position, ignored: &[&str]) -> Changes {
        let options = ChangesOptions {
            ignore_statements: ignored.iter().map(|pattern| (*pattern).to_owned()).collect(),
            tables_existed: true,
            ..ChangesOptions::new(endpoint.clone())
        };
        self.changes_with(options, read, from).await
    }

    async fn changes_with(&self, options: ChangesOptions, read: TableRead, from: Position) -> Changes {
        let mut conn = self.endpoint.connect().await.unwrap();
        let flavor = flavor(&mut conn).await.unwrap().0;
        let identity = identity(&mut conn, flavor).await.unwrap();
        Changes::open(options, vec![read], &identity, from).await.unwrap()
    }
}

fn ids(event: &ChangeEvent) -> Vec<i32> {
    let ChangeEvent::Rows { batches, .. } = event else { return Vec::new() };
    let ids = batches.iter().flat_map(|batch| batch.rows.column(0).as_primitive::<Int32Type>().values().to_vec());
    ids.collect()
}

/// Reads until the row 99 comes, or an error does; no other row may.
async fn outcome(changes: &mut Changes, case: &str) -> Result<(), Error> {
    loop {
        let ids = ids(&next(changes).await?);
        assert!(ids.is_empty() || ids == [99], "{case}: {ids:?}");
        if !ids.is_empty() {
            return Ok(());
        }
    }
}

fn check(found: Result<(), Error>, expected: Outcome, table: &str, case: &str) {
    let says = |error: &Error, words: &[&str]| {
        let text = error.to_string();
        words.iter().for_each(|word| assert!(text.contains(word), "{case}: no {word:?} in {text}"));
        assert!(!error.is_transient(), "{case}: {text}");
    };
    match (&found, expected) {
        (Ok(()), GoesOn) => {}
        (Err(error @ Error::SchemaChanged { table: found, .. }), Changed) => {
            assert_eq!(found.name, table, "{case}");
            says(error, &[]);
        }
        (Err(error @ Error::UnclearStatement { .. }), Unclear(reason)) => {
            says(error, &[reason, "--rebuild", "ignore_statements", "binlog_format"]);
        }
        (Err(error @ Error::RowImage { .. }), RowImage(setting)) => says(error, &[setting, "session", "--rebuild"]),
        (found, expected) => panic!("{case}: expected {expected:?}, found {found:?}"),
    }
}

/// Runs cases on all servers at once.
async fn run(cases: &'static [Case], before: &'static str) {
    let mut running = tokio::task::JoinSet::new();
    for (kind, flags) in SERVERS {
        running.spawn(run_on(kind, flags, cases, before));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// Runs cases, each read live from a file's position and later from the log by GTID.
async fn run_on(kind: Kind, flags: &'static [&'static str], cases: &'static [Case], before: &'static str) {
    let gtids = !flags.contains(&"--gtid-mode=OFF");
    let server = Server::lend(kind, flags).unwrap();
    // More than one event of the log holds.
    let rows = server.data().join("rows.txt");
    std::fs::write(&rows, (1_000..40_000).map(|i| format!("{i}\t{i}\n")).collect::<String>()).unwrap();
    for (number, (on, more, script, expected)) in cases.iter().enumerate() {
        if !on.is(kind, gtids) {
            continue;
        }
        for later in [false, true] {
            let name = format!("{kind:?}, GTIDs {gtids}, later {later}: {script}");
            let case = Place::new(&server, 2 * number + usize::from(later), "t", TABLES, more);
            let mut from = case.position().await;
            if later && gtids {
                from.file.clear();
            }
            let read = case.read().await;
            let script = format!("{before}{script}").replace("{rows}", &rows.display().to_string());
            let end = "INSERT IGNORE INTO t (id) VALUES (99)";
            let mut changes = if later {
                case.sql(&script);
                if matches!(expected, GoesOn) {
                    case.sql(end);
                }
                case.changes(&case.endpoint, read, from, &[]).await
            } else {
                let changes = case.changes(&case.endpoint, read, from, &[]).await;
                case.sql(&script);
                if matches!(expected, GoesOn) {
                    case.sql(end);
                }
                changes
            };
            check(outcome(&mut changes, &name).await, *expected, "t", &name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions() {
    run(DEFINITIONS, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_in_statement_format() {
    run(STATEMENTS, S).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_without_all_columns() {
    run(IMAGES, "").await;
}

/// Names that only the right character set gives, and clients that send them in it.
const CHARSETS: &[(&str, &str)] = &[
    ("latin1", "größe"),
    ("cp1251", "кот"),
    ("koi8r", "кот"),
    ("latin2", "źdźbło"),
    // The second byte of the last letter is a backslash, or a backquote.
    ("sjis", "表"),
    ("sjis", "チ"),
    ("cp932", "能"),
    ("gbk", "誠"),
    ("big5", "功"),
    ("ujis", "表"),
    ("euckr", "한"),
    ("utf8mb3", "größe"),
    ("utf8mb4", "表"),
    ("binary", "größe"),
];

#[tokio::test(flavor = "multi_thread")]
async fn texts_in_the_character_set_of_their_client() {
    for (kind, flags) in &SERVERS[..2] {
        let server = Server::lend(*kind, flags).unwrap();
        let mut number = 0;
        for (charset, table) in CHARSETS {
            for (script, expected) in [
                ("TRUNCATE TABLE `{}`", Changed),
                ("DROP TABLE `{}`", Changed),
                ("RENAME TABLE other TO x, `{}` TO y", Changed),
                ("CREATE TABLE x (a int COMMENT '{}') COMMENT '`{}'", GoesOn),
                ("ALTER TABLE other COMMENT '{}' /* {} */", GoesOn),
            ] {
                number += 1;
                let tables = format!("CREATE TABLE `{table}` (id int PRIMARY KEY); CREATE TABLE other (id int);");
                let case = Place::new(&server, number, table, &tables, "");
                let read = case.read().await;
                let mut changes = case.changes(&case.endpoint, read, case.position().await, &[]).await;
                let script = script.replace("{}", table).replace('\'', "''");
                let text = format!(
                    "SET NAMES {charset}; SET @s = CONVERT(_utf8mb4'{script}' USING {charset}); PREPARE s FROM @s; EXECUTE s"
                );
                case.sql(&text);
                if matches!(expected, GoesOn) {
                    case.sql(&format!("INSERT INTO `{table}` VALUES (99)"));
                }
                let name = format!("{kind:?} {text}");
                check(outcome(&mut changes, &name).await, expected, table, &name);
            }
        }
        // What the server writes itself is UTF-8, whatever the client's set is.
        let scripts: &[&str] = match kind {
            Kind::MySql => &["DROP TABLE `{}`"],
            Kind::MariaDb => &["DROP TABLE `{}`", "CREATE OR REPLACE TABLE `{}` SELECT 1 AS id"],
        };
        for script in scripts {
            number += 1;
            let case = Place::new(&server, number, "größe", "CREATE TABLE `größe` (id int PRIMARY KEY);", "");
            let read = case.read().await;
            let mut changes = case.changes(&case.endpoint, read, case.position().await, &[]).await;
            let script = script.replace("{}", "größe");
            case.sql(&format!(
                "SET NAMES latin1; SET @s = CONVERT(_utf8mb4'{script}' USING latin1); PREPARE s FROM @s; EXECUTE s"
            ));
            check(outcome(&mut changes, &script).await, Changed, "größe", &script);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_may_not_see_counts_as_there() {
    for (kind, flags) in &SERVERS[..2] {
        let server = Server::lend(*kind, flags).unwrap();
        server
            .sql(
                "CREATE USER reader@'%' IDENTIFIED BY 'x'; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO reader@'%'; \
                 CREATE DATABASE percona; CREATE TABLE percona.checksums (tbl char(64) PRIMARY KEY, this_crc char(40), this_cnt int); \
                 CREATE TABLE mysql.rds_heartbeat2 (id int PRIMARY KEY, value bigint);",
            )
            .unwrap();
        let grants = ["", "GRANT SELECT ON *.* TO reader@'%'", "GRANT TRIGGER ON *.* TO reader@'%'"];
        for (i, grant) in grants.iter().enumerate() {
            server.client_sql(grant).unwrap();
            for (j, (script, ignored, expected)) in [
                (CHECKSUM, &["percona.*"][..], [GoesOn, GoesOn, GoesOn]),
                (CHECKSUM, &["percona.check?ums"], [GoesOn, GoesOn, GoesOn]),
                // A view can call a function, whoever is told to ignore what.
                (
                    "REPLACE INTO percona.checksums (tbl, this_cnt) SELECT 'v', x FROM v",
                    &["percona.*"],
                    [Unclear("is a view"), Unclear("is a view"), Unclear("is a view")],
                ),
                (
                    "REPLACE INTO percona.checksums (tbl, this_cnt) WITH c AS (SELECT 1 AS x) SELECT 'c', x FROM c",
                    &["percona.*"],
                    [GoesOn, GoesOn, GoesOn],
                ),
                (CHECKSUM, &["percona.other"], [Unclear("SELECT ON *.*"), Unclear("TRIGGER ON *.*"), GoesOn]),
                (HEARTBEAT, &[], [GoesOn, GoesOn, GoesOn]),
                ("INSERT INTO other VALUES (5, 5)", &[], [Unclear("SELECT ON *.*"), Unclear("TRIGGER ON *.*"), GoesOn]),
                ("INSERT INTO t VALUES (5, 5)", &["c*.*"], [Changed, Changed, Changed]),
                ("INSERT INTO other VALUES (5, 5)", &["c*.*"], [GoesOn, GoesOn, GoesOn]),
                (
                    "INSERT INTO other VALUES (5, f(5))",
                    &["c*.*"],
                    [Unclear("SELECT ON *.*"), Unclear("function"), Unclear("function")],
                ),
            ]
            .into_iter()
            .enumerate()
            {
                let more = "CREATE FUNCTION f(x int) RETURNS int DETERMINISTIC BEGIN UPDATE t SET v = x; RETURN x; END $$ \
                     CREATE VIEW v AS SELECT f(5) AS x";
                let case = Place::new(&server, 100 * i + j, "t", TABLES, more);
                case.sql(&format!("GRANT SELECT ON {}.* TO reader@'%'", case.schema));
                let url = format!("mysql://reader:x@127.0.0.1:{}/{}", server.port(), case.schema);
                let reader = Endpoint::parse(&url).unwrap();
                let read = case.read().await;
                let mut changes = case.changes(&reader, read, case.position().await, ignored).await;
                case.sql(&format!("{S}{script}"));
                if matches!(expected[i], GoesOn) {
                    case.sql("INSERT INTO t VALUES (99, 99)");
                }
                let name = format!("{kind:?} after {grant:?}, ignored {ignored:?}: {script}");
                check(outcome(&mut changes, &name).await, expected[i], "t", &name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_any_case_where_the_server_folds_them() {
    for kind in crate::KINDS {
        let server = Server::lend(kind, &["--lower-case-table-names=1"]).unwrap();
        for (number, (table, script, expected)) in [
            ("GRÖSSE", "INSERT INTO grösse VALUES (98)", GoesOn),
            ("Größe", "INSERT INTO GRÖßE VALUES (98)", GoesOn),
            ("größe", "TRUNCATE TABLE `GRÖßE`", Changed),
            ("КОТ", "DROP TABLE Кот", Changed),
            ("t", "ALTER TABLE T ADD x int", Changed),
            ("t", "SET SESSION binlog_format = 'STATEMENT'; INSERT INTO OTHER VALUES (1)", GoesOn),
            ("t", "SET SESSION binlog_format = 'STATEMENT'; UPDATE T SET id = 5", Changed),
        ]
        .into_iter()
        .enumerate()
        {
            let case = Place::new(
                &server,
                number,
                table,
                &format!("CREATE TABLE `{table}` (id int PRIMARY KEY); CREATE TABLE Other (id int PRIMARY KEY);"),
                "",
            );
            let read = case.read().await;
            let mut changes = case.changes(&case.endpoint, read, case.position().await, &[]).await;
            case.sql(script);
            if matches!(expected, GoesOn) {
                case.sql(&format!("DELETE FROM `{table}`; INSERT INTO `{table}` VALUES (99)"));
                let mut found = Vec::new();
                while found.last() != Some(&99) {
                    found.extend(ids(&next(&mut changes).await.unwrap()));
                }
                let rows = if script.contains("98") { vec![98, 98, 99] } else { vec![99] };
                assert_eq!(found, rows, "{kind:?} {script}");
            } else {
                check(outcome(&mut changes, script).await, expected, table, script);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_created_again_went_without_a_word() {
    for kind in crate::KINDS {
        let server = Server::lend(kind, &[]).unwrap();
        let case = Place::new(&server, 0, "t", TABLES, "");
        let (read, from) = (case.read().await, case.position().await);
        case.sql("SET sql_log_bin = 0; DROP TABLE t; SET sql_log_bin = 1; CREATE TABLE t (id int PRIMARY KEY, v int)");
        let mut changes = case.changes(&case.endpoint, read, from, &[]).await;
        check(outcome(&mut changes, "CREATE TABLE").await, Changed, "t", "CREATE TABLE");
    }
}

/// Of a log that is read from before there were the tables.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_table_is_made_with_are_row_events_or_a_reason_to_stop() {
    for (kind, flags) in [SERVERS[1], SERVERS[2]] {
        let server = Server::lend(kind, flags).unwrap();
        for (number, (format, may, expected)) in [
            ("STATEMENT", "", Changed),
            ("STATEMENT", "IF NOT EXISTS", Changed),
            ("ROW", "", GoesOn),
            ("ROW", "IF NOT EXISTS", GoesOn),
        ]
        .into_iter()
        .enumerate()
        {
            let case = Place::new(&server, number, "made", "CREATE TABLE x (id int); INSERT INTO x VALUES (99);", "");
            let from = case.position().await;
            let script = format!(
                "SET SESSION binlog_format = {format}; CREATE TABLE {may} made (id int PRIMARY KEY) SELECT id FROM x"
            );
            case.sql(&script);
            let options = ChangesOptions::new(case.endpoint.clone());
            let mut changes = case.changes_with(options, case.read().await, from).await;
            check(outcome(&mut changes, &script).await, expected, "made", &script);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_tables_end_with_their_session_and_their_server() {
    for kind in crate::KINDS {
        let mut server = Server::lend(kind, &[]).unwrap();
        let (read, from, endpoint);
        {
            let case = Place::new(&server, 0, "t", TABLES, "");
            (read, from, endpoint) = (case.read().await, case.position().await, case.endpoint.clone());
            // Another session's table of this name is not the one that is read.
            case.sql(&format!("{S} CREATE TEMPORARY TABLE t (id int); INSERT INTO t VALUES (5)"));
            let mut changes = case.changes(&endpoint, read.clone(), from.clone(), &[]).await;
            case.sql(&format!("{S} INSERT INTO t VALUES (6, 6)"));
            check(outcome(&mut changes, "another session").await, Changed, "t", "another session");
        }
        let from =
            Place { server: &server, schema: "c0".into(), table: "t", endpoint: endpoint.clone() }.position().await;
        let mut session = server.session().unwrap();
        let number = "SET pseudo_thread_id = 77777;";
        let script = "CREATE TEMPORARY TABLE t (id int); INSERT INTO t VALUES (5); SELECT 'made';";
        session.say(&format!("USE c0; {S} {number} {script}")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !session.heard("made") {
            assert!(Instant::now() < deadline, "{kind:?}: no temporary table");
            std::thread::sleep(Duration::from_millis(10));
        }
        server.kill();
        server.restart().unwrap();
        let case = Place { server: &server, schema: "c0".into(), table: "t", endpoint };
        case.sql(&format!("{S} {number} INSERT INTO t VALUES (7, 7)"));
        let mut changes = case.changes(&case.endpoint, read, from, &[]).await;
        check(outcome(&mut changes, "after a restart").await, Changed, "t", "after a restart");
    }
}
