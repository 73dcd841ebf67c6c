//! Everything that is wrong with a source is said at once.

use rowmill_devserver::Kind;
use rowmill_mysql::preflight::{CheckOptions, PreflightError, Start, check_source};
use rowmill_mysql::{Endpoint, Error};

use crate::{KINDS, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn all_problems_at_once() {
    for kind in KINDS {
        let flags = ["--binlog-format=STATEMENT", "--binlog-row-image=MINIMAL"];
        let shop = Shop::start(
            kind,
            &flags,
            "CREATE TABLE nokey (a int) ENGINE=InnoDB; CREATE TABLE isam (id int PRIMARY KEY) ENGINE=MyISAM; \
             CREATE TABLE parent (id int PRIMARY KEY); \
             CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);",
        );
        let tables = ["nokey", "isam", "child", "missing", "x*"].map(str::to_owned);
        let start = Start::File { file: "gone.000001".into(), position: 4 };
        let error = check_source(&shop.endpoint, &tables, &start, &CheckOptions::default()).await.unwrap_err();
        let PreflightError::Problems { problems } = error else { panic!("{error}") };
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let all = text.join("\n");
        let mut expected =
            vec!["binlog_format", "binlog_row_image", "no primary key", "MyISAM", "missing", "gone.000001"];
        if kind == Kind::MariaDb {
            expected.push("ON DELETE CASCADE");
        }
        for part in expected {
            assert!(all.contains(part), "{kind:?}: {part} is not in\n{all}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_their_privileges() {
    for kind in KINDS {
        let shop = Shop::start(
            kind,
            &[],
            "CREATE TABLE t (id int PRIMARY KEY); \
             CREATE USER reader@'%' IDENTIFIED BY 'secret'; GRANT SELECT, LOCK TABLES ON shop.* TO reader@'%'; \
             GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO reader@'%'; \
             CREATE USER weak@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO weak@'%';",
        );
        let endpoint = |user: &str, password: &str, more: &str| {
            let url = format!("mysql://{user}:{password}@127.0.0.1:{}/shop{more}", shop.server.port());
            Endpoint::parse(&url).unwrap()
        };
        let tables = ["t".to_owned()];
        for more in ["", "?ssl-mode=disabled"] {
            let reader = endpoint("reader", "secret", more);
            let (_, defs) = check_source(&reader, &tables, &Start::Latest, &CheckOptions::default()).await.unwrap();
            assert_eq!(defs[0].primary_key, [0]);
        }
        let weak = endpoint("weak", "secret", "");
        let error = check_source(&weak, &tables, &Start::Snapshot, &CheckOptions::default()).await.unwrap_err();
        let PreflightError::Problems { problems } = error else { panic!("{error}") };
        assert_eq!(problems.len(), 3, "{problems:?}");

        let error = endpoint("reader", "wrong-password", "").connect().await.unwrap_err();
        assert!(
            matches!(error, Error::AccessDenied { .. }) && !error.to_string().contains("wrong-password"),
            "{error}"
        );
    }
    let nobody = Endpoint::parse("mysql://root@127.0.0.1:1/x").unwrap().connect().await.unwrap_err();
    assert!(matches!(nobody, Error::Unreachable { .. }) && nobody.is_transient(), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_read_some_columns_only_is_refused() {
    for kind in KINDS {
        let shop = Shop::start(
            kind,
            &[],
            "CREATE TABLE t (id int PRIMARY KEY, a int, b int, hidden int INVISIBLE); \
             CREATE USER some@'%' IDENTIFIED BY 'secret'; GRANT LOCK TABLES ON shop.* TO some@'%'; \
             GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO some@'%'; GRANT SELECT (id, a) ON t TO some@'%'",
        );
        let some = Endpoint::parse(&format!("mysql://some:secret@127.0.0.1:{}/shop", shop.server.port())).unwrap();
        for more in ["DO 1", "GRANT SELECT (id, a, b) ON shop.t TO some@'%'", "GRANT INSERT ON shop.t TO some@'%'"] {
            shop.server.sql(more).unwrap();
            let checked = check_source(&some, &["t".into()], &Start::Latest, &CheckOptions::default()).await;
            let Err(PreflightError::Problems { problems }) = checked else { panic!("{kind:?}, {more}: {checked:?}") };
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].needed, "SELECT on all of its columns", "{kind:?}, {more}");
            assert!(problems[0].fix.starts_with("GRANT SELECT ON `shop`.`t`"), "{problems:?}");
        }
        shop.server.sql("GRANT SELECT ON shop.t TO some@'%'").unwrap();
        let (_, defs) = check_source(&some, &["t".into()], &Start::Latest, &CheckOptions::default()).await.unwrap();
        assert_eq!(defs[0].columns.len(), 4, "{kind:?}");
    }
}
