//! Servers start, keep their data over kill and restart, and vanish.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use rowmill_devserver::{Kind, Server};

fn keeps_data_over_kill_and_restart(kind: Kind) {
    let mut server = Server::start_with(kind, &["--max-connections=77"]).unwrap();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (a INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)").unwrap();
    let id = server.sql("SELECT @@server_id, @@max_connections").unwrap();
    assert!(id.ends_with("\t77\n"), "{id}");
    server.kill();
    assert!(server.sql("SELECT 1").is_err());
    server.restart().unwrap();
    assert_eq!(server.sql("SELECT a FROM shop.t").unwrap(), "1\n");
    assert_eq!(server.sql("SELECT @@binlog_format, @@local_infile").unwrap(), "ROW\t1\n");
    server.stop();
    server.restart_with(&["--max-connections=66"]).unwrap();
    assert_eq!(server.sql("SELECT a, @@max_connections FROM shop.t").unwrap(), "1\t66\n");
    let data = server.data();
    drop(server);
    assert!(!data.exists());
}

#[test]
fn mysql_keeps_data_over_kill_and_restart() {
    keeps_data_over_kill_and_restart(Kind::MySql);
}

#[test]
fn mariadb_keeps_data_over_kill_and_restart() {
    keeps_data_over_kill_and_restart(Kind::MariaDb);
}

#[test]
fn two_servers_run_side_by_side_with_their_own_ids() {
    let one = Server::start(Kind::MariaDb).unwrap();
    let two = Server::start(Kind::MariaDb).unwrap();
    assert_ne!(one.sql("SELECT @@server_id").unwrap(), two.sql("SELECT @@server_id").unwrap());
}

/// Values that the client writes in a way of its own, and sessions that leave something behind.
fn scripts_answer_as_the_client_does(kind: Kind) {
    let server = Server::start(kind).unwrap();
    let values = "SELECT 1.50, NULL, '', 'a\\tb\\nc\\\\d\\0e', CAST('2020-01-02 03:04:05.6' AS datetime(3)), 1e100, 0xC3A4, b'1';\n\
                  SELECT 1 WHERE FALSE; DO 1; -- nothing\nSELECT 'ä', 'next';";
    let answer = server.sql(values).unwrap();
    assert_eq!(answer, server.client_sql(values).unwrap());
    assert_eq!(answer.lines().last(), Some("ä\tnext"));

    server.sql("CREATE DATABASE s; CREATE TABLE s.t (id int PRIMARY KEY)").unwrap();
    let left = "USE s; SET @mine = 1, time_zone = '+05:00'; CREATE TEMPORARY TABLE gone (i int); SELECT GET_LOCK('l', 0); \
                LOCK TABLES t WRITE; BEGIN; INSERT INTO t VALUES (1);";
    assert_eq!(server.sql(left).unwrap(), "1\n");
    assert_eq!(
        server.sql("SELECT @mine, @@time_zone, IS_FREE_LOCK('l'), (SELECT COUNT(*) FROM s.t)").unwrap(),
        "NULL\tSYSTEM\t1\t0\n"
    );
    assert!(server.sql("SELECT * FROM s.gone").is_err());

    for failing in
        ["SELECT 1; SELEC 2; INSERT INTO s.t VALUES (7)", "INSERT INTO s.t VALUES (6), (6)", "SELECT 1;; SELECT 2"]
    {
        assert!(server.sql(failing).is_err(), "{failing}");
    }
    assert_eq!(server.answers("SELECT 1; SELEC 2; SELECT 3").unwrap(), "1\n");
    assert_eq!(server.sql("SELECT COUNT(*) FROM s.t").unwrap(), "0\n");
    // A session that somebody ended is not used again.
    let id = server.sql("SELECT CONNECTION_ID()").unwrap();
    assert!(server.answers(&format!("KILL {id}")).is_ok());
    assert_eq!(server.sql("SELECT 1").unwrap(), "1\n");
}

#[test]
fn mysql_answers_scripts_as_the_client_does() {
    scripts_answer_as_the_client_does(Kind::MySql);
}

#[test]
fn mariadb_answers_scripts_as_the_client_does() {
    scripts_answer_as_the_client_does(Kind::MariaDb);
}

/// What a borrower leaves is gone for the next one, and a server that isn't what it was goes to nobody.
fn a_server_is_lent_as_new(kind: Kind) {
    // Of its own, so that no other test borrows it meanwhile.
    let flags = ["--max-connections=55"];
    let lend = || Server::lend(kind, &flags).unwrap();
    let log_file = "SELECT @@server_id; SHOW BINARY LOGS";
    let as_new = |server: &Server| {
        let databases = server.sql("SHOW DATABASES LIKE 'left%'").unwrap();
        let users = server.sql("SELECT user FROM mysql.user WHERE user LIKE 'left%'").unwrap();
        (databases, users, server.sql(log_file).unwrap().lines().count())
    };
    let first = lend();
    let port = first.port();
    assert_eq!(as_new(&first), (String::new(), String::new(), 2));
    let mut holder = first.session().unwrap();
    holder.say("CREATE DATABASE `left``over`; CREATE TABLE `left``over`.t (id int); BEGIN; INSERT INTO `left``over`.t VALUES (1); SELECT 'holds';").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holder.heard("holds") {
        assert!(Instant::now() < deadline, "the session doesn't answer");
        std::thread::sleep(Duration::from_millis(5));
    }
    first.sql("CREATE USER 'left o''ver'@'10.%'; FLUSH BINARY LOGS").unwrap();
    drop(first);
    let mut second = lend();
    assert_eq!(second.port(), port);
    assert_eq!(as_new(&second), (String::new(), String::new(), 2));
    second.restart().unwrap();
    drop(second);
    assert_eq!(lend().port(), port);

    for change in ["SET GLOBAL max_connect_errors = 7", "CREATE TABLE mysql.own (id int)"] {
        let server = lend();
        let port = server.port();
        server.sql(change).unwrap();
        drop(server);
        assert_ne!(lend().port(), port, "{change}");
    }
    let mut killed = lend();
    let port = killed.port();
    killed.kill();
    drop(killed);
    assert_ne!(lend().port(), port);
}

#[test]
fn a_mysql_server_is_lent_as_new() {
    a_server_is_lent_as_new(Kind::MySql);
}

#[test]
fn a_mariadb_server_is_lent_as_new() {
    a_server_is_lent_as_new(Kind::MariaDb);
}
