//! Servers start, keep their data over kill and restart, and vanish.

#![allow(clippy::unwrap_used)]

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
