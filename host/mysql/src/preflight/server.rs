//! Settings and privileges.

use std::collections::HashMap;

use rowmill_change::{TableName, quote};

use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Problem, Result};

/// The server's settings that matter.
#[derive(Debug)]
pub(super) struct Settings {
    values: HashMap<String, String>,
}

impl Settings {
    pub(super) async fn read(conn: &mut Conn) -> Result<Settings> {
        let rows: Vec<(String, String)> = conn
            .query(
                "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image', \
                 'binlog_row_value_options', 'innodb_native_foreign_keys', 'lower_case_table_names')",
            )
            .await
            .doing("reading the server's settings")?;
        Ok(Settings { values: rows.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect() })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn has_binlog(&self) -> bool {
        self.get("log_bin").is_none_or(|v| v == "ON" || v == "1")
    }

    /// The server logs the rows that cascades of foreign keys change: MySQL since it runs foreign
    /// keys above the storage engine.
    pub(super) fn logs_cascades(&self) -> bool {
        self.get("innodb_native_foreign_keys").is_some_and(|v| v == "OFF" || v == "0")
    }

    /// Names of tables are compared in lower case.
    pub(super) fn folds_names(&self) -> bool {
        self.get("lower_case_table_names").is_some_and(|v| v != "0")
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.has_binlog() {
            problems.push(Problem::new(
                "setting log_bin",
                "OFF",
                "ON",
                "start the server with --log-bin (and a server id) and restart it",
            ));
        }
        let mut expect = |name: &str, needed: &str, fix: String| {
            // A server that lacks a setting behaves as needed: the setting came or went with that.
            if let Some(found) = self.get(name)
                && !found.eq_ignore_ascii_case(needed)
            {
                let shown = if needed.is_empty() { "''" } else { needed };
                problems.push(Problem::new(format!("setting {name}"), found, shown, fix));
            }
        };
        expect("binlog_format", "ROW", "SET GLOBAL binlog_format = 'ROW', then reconnect all clients".into());
        expect("binlog_row_image", "FULL", "SET GLOBAL binlog_row_image = 'FULL', then reconnect all clients".into());
        expect("binlog_row_value_options", "", "SET GLOBAL binlog_row_value_options = ''".into());
        problems
    }
}

/// What the user may do.
#[derive(Debug)]
pub(crate) struct Grants {
    lines: Vec<String>,
}

impl Grants {
    pub(crate) async fn read(conn: &mut Conn) -> Result<Grants> {
        let lines: Vec<String> = conn.query("SHOW GRANTS").await.doing("reading the user's privileges")?;
        Ok(Grants { lines })
    }

    /// A role that is granted may hold what the lines don't show.
    fn has_roles(&self) -> bool {
        self.lines.iter().any(|l| !l.contains(" ON ") && l.contains(" TO "))
    }

    fn has(&self, privileges: &[&str], on: impl Fn(&str) -> bool) -> bool {
        self.lines.iter().any(|line| {
            let Some((privilege, rest)) = line.split_once(" ON ") else { return false };
            let object = rest.split(" TO ").next().unwrap_or("").trim();
            let list = privilege.trim_start_matches("GRANT ");
            let named =
                list.split(',').map(str::trim).any(|p| p == "ALL PRIVILEGES" || p == "ALL" || privileges.contains(&p));
            named && on(object)
        })
    }

    /// Whether the user may read every table of a schema. What roles hold isn't shown, and counts as everything.
    pub(super) fn may_read_all(&self, schema: &str) -> bool {
        let taken_back = format!(" ON {}.* FROM ", quote(schema));
        self.has_roles()
            || self.has(&["SELECT"], |object| object == "*.*" || covers_schema(object, schema))
                && !self.lines.iter().any(|line| line.starts_with("REVOKE") && line.contains(&taken_back))
    }

    /// The user has a privilege on all objects, and no part of it was taken back.
    pub(crate) fn are_everywhere(&self, privilege: &str) -> bool {
        self.has(&[privilege], |object| object == "*.*") && !self.lines.iter().any(|line| line.starts_with("REVOKE"))
    }

    pub(super) fn problems(&self, flavor: Flavor, user: &str, tables: &[TableName]) -> Vec<Problem> {
        if self.has_roles() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        let mut missing = |what: &str, on: &str| {
            problems.push(Problem::new(
                format!("privileges of user '{user}'"),
                format!("no {what} on {on}"),
                format!("{what} on {on}"),
                format!("GRANT {what} ON {on} TO '{user}'@…"),
            ));
        };
        let everywhere = |object: &str| object == "*.*";
        if !self.has(&["REPLICATION SLAVE", "SUPER"], everywhere) {
            missing("REPLICATION SLAVE", "*.*");
        }
        let client = match flavor {
            Flavor::MySql => ["REPLICATION CLIENT", "SUPER"],
            Flavor::MariaDb => ["BINLOG MONITOR", "SUPER"],
        };
        if !self.has(&client, everywhere) {
            missing(client[0], "*.*");
        }
        let mut schemas: Vec<&str> = tables.iter().map(|t| t.schema.as_str()).filter(|s| !s.is_empty()).collect();
        schemas.dedup();
        for schema in schemas {
            let covers = |object: &str| object == "*.*" || covers_schema(object, schema);
            if !self.has(&["LOCK TABLES"], covers) {
                missing("LOCK TABLES", &format!("{}.*", quote(schema)));
            }
        }
        problems
    }
}

/// True for `` `shop`.* `` and patterns such as `` `sh%`.* ``.
fn covers_schema(object: &str, schema: &str) -> bool {
    let Some(pattern) = object.strip_suffix(".*") else { return false };
    let pattern = pattern.trim_matches('`').replace("``", "`");
    like(pattern.as_bytes(), schema.as_bytes())
}

fn like(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // What follows the last `%`, and from where it was tried: no other one has to be tried again.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        (pattern, text) = match (pattern, text) {
            ([b'%', p @ ..], t) => {
                retry = Some((p, t));
                (p, t)
            }
            ([], []) => return true,
            ([b'_', p @ ..], [_, t @ ..]) => (p, t),
            ([b'\\', c, p @ ..], [d, t @ ..]) | ([c, p @ ..], [d, t @ ..]) if c == d => (p, t),
            _ => match retry {
                Some((p, [_, t @ ..])) => {
                    retry = Some((p, t));
                    (p, t)
                }
                _ => return false,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Vec<String> {
        let grants = Grants { lines: lines.iter().map(|l| (*l).to_owned()).collect() };
        let tables = [TableName::new("shop_1", "t")];
        grants.problems(Flavor::MySql, "u", &tables).into_iter().map(|p| p.needed).collect()
    }

    #[test]
    fn patterns_are_matched_as_like_does() {
        for (pattern, text, matches) in [
            (r"shop\_%", "shop_1", true),
            (r"shop\_%", "shopx1", false),
            ("%a%b", "xaxbab", true),
            ("%a%b", "xaxba", false),
            ("s_op", "shop", true),
            ("%", "", true),
            (r"a\%", "a%", true),
            (r"a\%", "ab", false),
        ] {
            assert_eq!(like(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
        // Without a way back to every `%` this is quick.
        assert!(!like(
            "%".repeat(64).as_bytes().iter().chain(b"x").copied().collect::<Vec<_>>().as_slice(),
            &[b'a'; 64]
        ));
    }

    #[test]
    fn privileges_are_found_at_every_level() {
        assert!(grants(&["GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION"]).is_empty());
        let some = "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`";
        assert_eq!(grants(&[some]), ["LOCK TABLES on `shop_1`.*"]);
        assert!(grants(&[some, r"GRANT LOCK TABLES ON `shop\_%`.* TO `u`@`%`"]).is_empty());
        assert_eq!(grants(&["GRANT USAGE ON *.* TO `u`@`%`"]).len(), 3);
    }

    #[test]
    fn a_user_who_may_read_every_table_is_known() {
        let may = |line: &str| Grants { lines: vec![line.to_owned()] }.may_read_all("shop_1");
        assert!(may("GRANT SELECT ON *.* TO `u`@`%`") && may(r"GRANT INSERT, SELECT ON `shop\_1`.* TO `u`@`%`"));
        assert!(may("GRANT ALL PRIVILEGES ON `shop_1`.* TO `u`@`%`") && may("GRANT `reader`@`%` TO `u`@`%`"));
        assert!(!may("GRANT SELECT ON `shop_1`.`t` TO `u`@`%`") && !may("GRANT SELECT ON `shop_2`.* TO `u`@`%`"));
        assert!(!may("GRANT INSERT ON *.* TO `u`@`%`"));
        let lines = ["GRANT SELECT ON *.* TO `u`@`%`", "REVOKE SELECT ON `shop_1`.* FROM `u`@`%`"].map(str::to_owned);
        let grants = Grants { lines: lines.into() };
        assert!(!grants.may_read_all("shop_1") && grants.may_read_all("shop_2"));
    }
}
