//! Every expression below is computed by the component's core and by real servers over the same rows; the results must
//! be the same, shown as MySQL shows them. Rows that the core refuses must be refused by the server. Where MariaDB says
//! something else, the component has to know that it does.

use std::fmt::Write;

use rowmill_devserver::{Kind, Server};

use crate::compare::{Asked, Table};
use crate::data;

#[test]
fn results_equal_those_of_mysql() {
    equal(Kind::MySql);
}

#[test]
fn results_equal_those_of_mariadb_or_are_known_to_differ() {
    equal(Kind::MariaDb);
}

fn equal(kind: Kind) {
    let server = Server::start(kind).unwrap();
    server.sql(&data::create(kind)).unwrap();
    let (fields, columns) = data::columns(kind);
    let table = Table { server: &server, kind, from: "shop.t", fields, columns };
    let asked: Vec<Asked> = data::expressions().map(|expression| table.ours(expression)).collect();
    let mut failures = String::new();
    for (asked, difference) in asked.iter().zip(table.differences(&asked)) {
        if let Some(difference) = difference.filter(|_| kind == Kind::MySql || !asked.varies) {
            let _ = writeln!(failures, "{}\n    {difference}", asked.expression);
        }
    }
    let found = failures.lines().count() / 2;
    assert!(failures.is_empty(), "{kind:?} differs in {found} of {}:\n{failures}", asked.len());
}
