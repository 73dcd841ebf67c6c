//! What the session's user may do, as far as `SHOW GRANTS` says.

use rowmill_change::TableName;
use rowmill_foreign::line;

use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Error, Result};
use crate::statement::Statement;

/// The user's privileges, those of the active roles included.
#[derive(Debug, Default)]
pub(super) struct Grants(Vec<Grant>);

#[derive(Debug, PartialEq, Eq)]
struct Grant {
    /// Upper-case names; `ALL PRIVILEGES` stands for all.
    privileges: Vec<String>,
    /// `*` or a pattern with `%` and `_`.
    schema: String,
    /// `*` or a name.
    table: String,
}

impl Grants {
    pub(super) async fn read(conn: &mut Conn, flavor: Flavor) -> Result<Grants> {
        const DOING: &str = "reading the user's privileges";
        let mut statement = Statement::new("SHOW GRANTS");
        if flavor == Flavor::MySql {
            // MariaDB lists the active role's grants by itself.
            let roles: Option<String> = conn.query_first("SELECT CURRENT_ROLE()").await.doing(DOING)?;
            if let Some(roles) = roles.filter(|r| r != "NONE" && !r.is_empty()) {
                let roles = roles_of(&roles)
                    .ok_or_else(|| Error::malformed(format!("the server names the roles {}", line(&roles))))?;
                let role = |list: Statement, (name, host): &(String, String)| list.name(name).text("@").name(host);
                statement = Statement::new("SHOW GRANTS FOR CURRENT_USER() USING ").list(", ", &roles, role);
            }
        }
        let lines: Vec<String> = conn.query(statement).await.doing(DOING)?;
        Ok(Grants(lines.iter().filter_map(|line| parse(line)).collect()))
    }

    /// True if the privilege is held on the table (or on all of its schema, or everywhere).
    pub(super) fn has(&self, privilege: &str, table: &TableName) -> bool {
        self.0.iter().any(|g| {
            g.privileges.iter().any(|p| p == privilege || p == "ALL PRIVILEGES")
                && (g.schema == "*" || like(g.schema.as_bytes(), table.schema.as_bytes()))
                && (g.table == "*" || g.table == table.name)
        })
    }

    /// Those of the privileges that are missing on the table.
    pub(super) fn missing<'a>(&self, privileges: &[&'a str], table: &TableName) -> Vec<&'a str> {
        privileges.iter().copied().filter(|p| !self.has(p, table)).collect()
    }
}

/// `GRANT SELECT, INSERT ON `db`.* TO …`; `None` for roles and proxies.
fn parse(line: &str) -> Option<Grant> {
    let rest = line.strip_prefix("GRANT ")?;
    let (privileges, rest) = rest.split_once(" ON ")?;
    let (object, _) = rest.split_once(" TO ")?;
    let object = object.strip_prefix("TABLE ").unwrap_or(object);
    let (schema, rest) = part(object)?;
    let (table, rest) = part(rest.strip_prefix('.')?)?;
    // Privileges on single columns are listed as `SELECT (a, b)`: not on the whole table.
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in privileges.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ => {}
        }
        if let Some(name) = names.last_mut()
            && (c != ',' || depth > 0)
        {
            name.push(c);
        }
    }
    let privileges = names.iter().map(|n| n.trim().to_uppercase()).collect();
    rest.is_empty().then_some(Grant { privileges, schema, table })
}

/// Names and hosts in `` `a`@`%`,`b`@`%` ``.
fn roles_of(text: &str) -> Option<Vec<(String, String)>> {
    let mut roles = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = part(rest)?;
        let (host, after) = part(after.strip_prefix('@')?)?;
        roles.push((name, host));
        match after.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None => return after.is_empty().then_some(roles),
        }
    }
}

/// One part of `a`.`b`, and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some(("*".to_owned(), rest));
    }
    let quoted = text.strip_prefix('`')?;
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c == '`' {
            if chars.peek().is_none_or(|&(_, next)| next != '`') {
                return Some((name, &quoted[i + 1..]));
            }
            chars.next();
        }
        name.push(c);
    }
    None
}

/// SQL's LIKE with a backslash escape.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'%'), _) => like(&pattern[1..], text) || (!text.is_empty() && like(pattern, &text[1..])),
        (Some(b'\\'), _) if pattern.len() > 1 => text.first() == pattern.get(1) && like(&pattern[2..], &text[1..]),
        (Some(b'_'), Some(_)) => like(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) => p == t && like(&pattern[1..], &text[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_both_servers_write_them() {
        let lines = [
            "GRANT USAGE ON *.* TO `w`@`%` IDENTIFIED BY PASSWORD '*x'",
            "GRANT SELECT, INSERT (a, b), DELETE ON `mart\\_1`.* TO `w`@`%`",
            "GRANT ALL PRIVILEGES ON `row``mill`.`progress` TO `w`@`%` WITH GRANT OPTION",
            "GRANT `reader`@`%` TO `w`@`%`",
        ];
        let grants = Grants(lines.iter().filter_map(|l| parse(l)).collect());
        let mart = TableName::new("mart_1", "t");
        assert_eq!(grants.missing(&["SELECT", "INSERT", "DELETE"], &mart), ["INSERT"]);
        assert!(grants.has("CREATE", &TableName::new("row`mill", "progress")));
        assert!(!grants.has("SELECT", &TableName::new("martx1", "t")));
        assert!(!grants.has("SELECT", &TableName::new("row`mill", "tables")));
    }
}
