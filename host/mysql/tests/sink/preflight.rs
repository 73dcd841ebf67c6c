//! What is refused before anything is written.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use rowmill_change::{TableName, TargetOptions, TargetTable};
use rowmill_devserver::Kind;
use rowmill_mysql::Endpoint;
use rowmill_mysql::sink::{Existing, Held, Sink};

use crate::support::*;

fn orders(database: &str) -> TargetTable {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::UInt64, false),
        facts(Field::new("name", DataType::Utf8, true), &[("max-chars", "100"), ("collation", "utf8mb4_0900_ai_ci")]),
        Field::new("price", DataType::Decimal128(12, 4), false),
        facts(Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), false), &[("fsp", "6")]),
        Field::new("gone", DataType::Int64, true),
    ]));
    TargetTable {
        table: TableName::new(database, "orders"),
        schema,
        key: vec![0],
        ordinality: None,
        options: TargetOptions::default(),
    }
}

#[tokio::test]
async fn all_problems_of_a_found_table_are_told_at_once() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "found");
        server
            .sql(
                "CREATE TABLE found.orders (id INT, name VARCHAR(50) CHARACTER SET latin1 NOT NULL, price DECIMAL(12,2), \
                 at DATETIME, must INT NOT NULL, PRIMARY KEY (must)) ENGINE=MyISAM",
            )
            .unwrap();
        let problems = Sink::check(&options, &[orders("found")], Held::Nothing).await.unwrap();
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let has = |subject: &str, text: &str| all.iter().any(|p| p.contains(subject) && p.contains(text));
        assert!(has("table `found`.`orders`", "InnoDB"), "{all:#?}");
        assert!(has("`id`", "BIGINT UNSIGNED"), "{all:#?}");
        assert!(has("`name`", "utf8mb4"), "{all:#?}");
        assert!(has("`price`", "DECIMAL(12,4)"), "{all:#?}");
        assert!(has("`at`", "DATETIME(6)"), "{all:#?}");
        assert!(has("`gone`", "ADD COLUMN `gone` BIGINT NULL"), "{all:#?}");
        assert!(has("`must`", "default"), "{all:#?}");
        assert!(has("primary key (`must`)", "unique key over exactly (`id`)"), "{all:#?}");
        assert_eq!(all.len(), 8, "{all:#?}");
        assert_eq!(rows(server, "SHOW DATABASES LIKE 'found%meta'").len(), 0, "a check changed something");
    }
}

#[tokio::test]
async fn rows_that_are_there_are_refused_unless_they_may_be_kept() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "holds");
        server.sql("CREATE TABLE holds.people (id BIGINT PRIMARY KEY, name VARCHAR(40)); INSERT INTO holds.people VALUES (1, 'x')").unwrap();
        let problems = Sink::check(&options, &[people("holds")], Held::Nothing).await.unwrap();
        assert!(problems.len() == 1 && problems[0].fix.contains("existing: keep"), "{problems:?}");
        assert_eq!(Sink::check(&options, &[people("holds")], Held::Anything).await.unwrap(), []);
        let mut people = people("holds");
        people.options.existing = Existing::Keep;
        assert_eq!(Sink::check(&options, &[people], Held::Nothing).await.unwrap(), []);
    }
}

#[tokio::test]
async fn missing_privileges_are_named_with_their_grant() {
    for kind in BOTH {
        let server = server(kind);
        let mut options = options(server, "rights");
        server.sql("CREATE TABLE rights.people (id BIGINT PRIMARY KEY, name VARCHAR(40))").unwrap();
        server.sql("DROP USER IF EXISTS poor@'%'; CREATE USER poor@'%' IDENTIFIED BY 'secret1'; GRANT SELECT, INSERT ON rights.* TO poor@'%'").unwrap();
        options.endpoint =
            Endpoint::parse(&format!("mysql://poor:secret1@127.0.0.1:{}/rights", server.port())).unwrap();
        let problems = Sink::check(&options, &[people("rights")], Held::Nothing).await.unwrap();
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|p| p.contains("GRANT UPDATE, DELETE ON `rights`.`people`")), "{all:#?}");
        assert!(all.iter().any(|p| p.contains("`rights_meta`") && p.contains("sink.meta")), "{all:#?}");
        assert!(!all.concat().contains("secret1"));
    }
}

#[tokio::test]
async fn tables_that_cannot_be_created_say_what_to_change() {
    let server = server(Kind::MariaDb);
    let options = options(server, "creates");
    let schema = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, false),
        facts(Field::new("v", DataType::Binary, true), &[("mysql-type", "vector(3)")]),
    ]));
    let target = TargetTable {
        table: TableName::new("creates", "t"),
        schema,
        key: vec![0],
        ordinality: None,
        options: TargetOptions::default(),
    };
    let problems = Sink::check(&options, std::slice::from_ref(&target), Held::Nothing).await.unwrap();
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{all:#?}");
    assert!(all.concat().contains("VECTOR") && all.concat().contains("LEFT(k, 255)"), "{all:#?}");
    let mut missing = people("creates");
    missing.options.create = false;
    let problems = Sink::check(&options, &[missing], Held::Nothing).await.unwrap();
    assert!(problems.len() == 1 && problems[0].fix.starts_with("CREATE TABLE `creates`.`people`"), "{problems:?}");
    let problems = Sink::check(&options, &[people("nowhere"), people("nowhere")], Held::Nothing).await.unwrap();
    assert!(problems.iter().any(|p| p.fix == "CREATE DATABASE `nowhere`"), "{problems:?}");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused() {
    for kind in BOTH {
        let server = rowmill_devserver::Server::lend(kind, &[]).unwrap();
        let mut options = options(&server, "still");
        server.sql("CREATE USER writer@'%' IDENTIFIED BY 'secret1'; GRANT ALL ON still.* TO writer@'%'; GRANT ALL ON still_meta.* TO writer@'%'").unwrap();
        options.endpoint =
            Endpoint::parse(&format!("mysql://writer:secret1@127.0.0.1:{}/still", server.port())).unwrap();
        // Before the first start, and when the progress tables are there.
        for tables in ["", "CREATE DATABASE still_meta; CREATE TABLE still_meta.progress (pipeline INT)"] {
            server.sql(&format!("SET GLOBAL read_only = OFF; {tables}")).unwrap();
            let before = Sink::check(&options, &[people("still")], Held::Nothing).await.unwrap();
            assert!(!before.iter().any(|problem| problem.subject.contains("target server")), "{before:?}");
            server.sql("SET GLOBAL read_only = ON").unwrap();
            let problems = Sink::check(&options, &[people("still")], Held::Nothing).await.unwrap();
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(all.iter().any(|p| p.contains("target server") && p.contains("read_only = OFF")), "{all:#?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_base_table_is_no_target() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "views");
        server.sql("CREATE VIEW views.people AS SELECT 1 id, 'a' name").unwrap();
        if kind == Kind::MariaDb {
            server.sql("CREATE SEQUENCE views.orders").unwrap();
        }
        for held in [Held::Nothing, Held::Anything, Held::Rows] {
            let problems = Sink::check(&options, &[people("views")], held).await.unwrap();
            assert!(problems.len() == 1 && problems[0].found == "a view", "{problems:?}");
            if kind == Kind::MariaDb {
                let problems = Sink::check(&options, &[orders("views")], held).await.unwrap();
                assert!(problems.len() == 1 && problems[0].found == "a sequence", "{problems:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_table_of_another_pipeline_is_left_alone() {
    for kind in BOTH {
        let server = server(kind);
        let first = options(server, "taken");
        claim(&first, &people("taken")).await;
        assert_eq!(Sink::check(&first, &[people("taken")], Held::Anything).await.unwrap(), []);
        let mut second = first.clone();
        second.pipeline = "second".into();
        for held in [Held::Nothing, Held::Anything] {
            let problems = Sink::check(&second, &[people("taken")], held).await.unwrap();
            assert!(problems.len() == 1 && problems[0].found.contains(&first.pipeline), "{problems:?}");
        }
        let mut kept = people("taken");
        kept.options.existing = Existing::Keep;
        assert_eq!(Sink::check(&second, &[kept], Held::Nothing).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_column_that_is_gone_is_given_back_with_its_values() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "lost_right");
        claim(&options, &people("lost_right")).await;
        server.sql("ALTER TABLE lost_right.people DROP COLUMN name").unwrap();
        let fix = async |held| Sink::check(&options, &[people("lost_right")], held).await.unwrap().remove(0).fix;
        assert!(fix(Held::Rows).await.contains("--rebuild"));
        assert!(!fix(Held::Anything).await.contains("--rebuild"));
    }
}

#[tokio::test]
async fn progress_that_may_not_be_read_comes_with_its_grant() {
    for kind in BOTH {
        let server = server(kind);
        let mut options = options(server, "unread");
        claim(&options, &people("unread")).await;
        server.sql("DROP USER IF EXISTS blind@'%'; CREATE USER blind@'%' IDENTIFIED BY 'secret1'; GRANT ALL ON unread.* TO blind@'%'").unwrap();
        options.endpoint =
            Endpoint::parse(&format!("mysql://blind:secret1@127.0.0.1:{}/unread", server.port())).unwrap();
        let error = Sink::read_progress(&options).await.unwrap_err().to_string();
        assert!(error.contains("GRANT ALL ON `unread_meta`.* TO 'blind'"), "{kind:?}: {error}");
    }
}
