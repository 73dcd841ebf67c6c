//! The names of the tables that are read, compared as the server compares names.
//!
//! Under `lower_case_table_names` 1 or 2 a server folds names to lower case, letter by letter, and writes the
//! folded ones into table maps; what it keeps, and shows in `information_schema`, is lower case under 1 and as
//! written under 2. So a table map is compared with the server's own spelling first. Only where that is not
//! known (the table is gone), or is not what table maps have (under 2), does our folding decide which table a
//! row belongs to: it takes every pair for equal that the server takes for equal, but its Unicode is newer.
//! For statements it always decides; there, one name too many is a stop and no wrong row.

use std::collections::HashMap;

use rowmill_change::TableName;

use crate::endpoint::Conn;
use crate::error::{Doing, Result};

/// How the server spells a table's name; `None` if it has no such table.
pub(crate) async fn server_spelling(conn: &mut Conn, name: &TableName) -> Result<Option<TableName>> {
    let found: Vec<(String, String)> = conn
        .exec(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
            (&name.schema, &name.name),
        )
        .await
        .doing("reading the names of tables")?;
    let names = || found.iter().map(|(schema, table)| TableName::new(schema, table));
    let folded = folded(name);
    // Comparing in information_schema is coarser than comparing names.
    Ok(names().find(|found| found == name).or_else(|| names().find(|found| self::folded(found) == folded)))
}

/// The tables that are read.
#[derive(Debug, Default)]
pub(crate) struct Names {
    folds: bool,
    /// As statements name them, folded if the server folds.
    tables: Vec<TableName>,
    /// As table maps have them, to the index of the table.
    exact: HashMap<Vec<u8>, usize>,
    /// Folded, where the exact spelling is not known.
    folded: HashMap<Vec<u8>, usize>,
}

impl Names {
    /// `spelled`: whether the server has said that these are its own spellings.
    pub(crate) fn new<'a>(tables: impl IntoIterator<Item = (&'a TableName, bool)>, folds: bool) -> Names {
        let mut names = Names { folds, ..Names::default() };
        for (i, (table, spelled)) in tables.into_iter().enumerate() {
            let folded = names.fold(table);
            names.exact.insert(map_key(table), i);
            if folds && (!spelled || folded != *table) {
                names.folded.insert(map_key(&folded), i);
            }
            names.tables.push(folded);
        }
        names
    }

    /// A name as names are compared.
    pub(crate) fn fold(&self, name: &TableName) -> TableName {
        if self.folds { folded(name) } else { name.clone() }
    }

    /// The table of this name.
    pub(crate) fn find(&self, name: &TableName) -> Option<usize> {
        let name = self.fold(name);
        self.tables.iter().position(|table| *table == name)
    }

    /// The first table of this schema.
    pub(crate) fn find_in_schema(&self, schema: &str) -> Option<usize> {
        let schema = self.fold(&TableName::new(schema, "")).schema;
        self.tables.iter().position(|table| table.schema == schema)
    }

    /// The table of a table map, from its body.
    pub(crate) fn find_map(&self, body: &[u8]) -> Option<usize> {
        let name = map_name(body)?;
        self.exact.get(name).copied().or_else(|| {
            if self.folded.is_empty() {
                return None;
            }
            let (schema, table) = name.split_at_checked(2 + usize::from(name[0]))?;
            let text = |part: &[u8]| std::str::from_utf8(part).ok().map(str::to_owned);
            let name = TableName::new(text(&schema[1..schema.len() - 1])?, text(&table[1..])?);
            self.folded.get(&map_key(&folded(&name))).copied()
        })
    }
}

/// A name in lower case, as a server that folds names has it.
pub(crate) fn folded(name: &TableName) -> TableName {
    // Letter by letter: `str::to_lowercase` knows a final sigma, and makes two letters of `İ`.
    let fold = |text: &str| text.chars().filter_map(|c| c.to_lowercase().next()).collect::<String>();
    TableName::new(fold(&name.schema), fold(&name.name))
}

/// The bytes of a table map that name its table: length, schema, 0, length, table.
fn map_name(body: &[u8]) -> Option<&[u8]> {
    let schema = usize::from(*body.get(8)?);
    let table = usize::from(*body.get(8 + schema + 2)?);
    body.get(8..8 + schema + 3 + table)
}

/// The same, of a name.
fn map_key(name: &TableName) -> Vec<u8> {
    let part = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    [part(&name.schema), vec![0], part(&name.name)].concat()
}

#[cfg(test)]
mod tests {
    use rowmill_devserver::{Kind, Server};

    use super::*;
    use crate::endpoint::Endpoint;
    use crate::statement::Statement;

    fn map(schema: &str, table: &str) -> Vec<u8> {
        [&[1, 0, 0, 0, 0, 0, 1, 0][..], &map_key(&TableName::new(schema, table)), &[0, 2, 3, 3]].concat()
    }

    #[test]
    fn table_maps_find_their_table() {
        let big = TableName::new("Shop", "GRÖSSE");
        let names = Names::new([(&big, false)], true);
        assert_eq!(names.find_map(&map("shop", "grösse")), Some(0));
        assert_eq!(names.find(&TableName::new("SHOP", "GrÖsse")), Some(0));
        assert_eq!(names.find_in_schema("sHOP"), Some(0));
        let names = Names::new([(&big, true)], false);
        assert_eq!(names.find_map(&map("shop", "grösse")), None);
        assert_eq!(names.find_map(&map("Shop", "GRÖSSE")), Some(0));
        assert_eq!(names.find(&TableName::new("Shop", "GRÖSSe")), None);
    }

    #[test]
    fn a_spelling_of_the_server_is_not_folded_again() {
        let table = TableName::new("shop", "ა");
        let names = Names::new([(&table, true)], true);
        // Lower case of it to us, another table to a server with an older Unicode.
        assert_eq!(names.find_map(&map("shop", "Ა")), None);
        assert_eq!(names.find(&TableName::new("shop", "Ა")), Some(0));
    }

    #[test]
    fn folding_is_by_letter() {
        let fold = |text: &str| folded(&TableName::new("", text)).name;
        assert_eq!(fold("ÀΣİſẞ"), "àσiſß");
    }

    /// Folding may take more for equal than a server does, never less.
    #[tokio::test]
    async fn what_a_server_folds_is_folded() {
        for kind in [Kind::MySql, Kind::MariaDb] {
            let server = Server::lend(kind, &[]).unwrap();
            let mut conn = Endpoint::parse(&server.url("mysql")).unwrap().connect().await.unwrap();
            let letters: String = (1..=0xffff).filter_map(char::from_u32).collect();
            let select = Statement::new("SELECT LOWER(CONVERT(").literal(&letters);
            let select = select.text(" USING utf8mb3) COLLATE utf8mb3_general_ci)");
            let lower: String = conn.query_first(select).await.unwrap().unwrap();
            assert_eq!(lower.chars().count(), letters.chars().count(), "{kind:?}");
            let fold = |c: char| folded(&TableName::new("", c)).name;
            for (letter, lower) in letters.chars().zip(lower.chars()) {
                assert_eq!(fold(letter), fold(lower), "{kind:?}: {letter:?} {lower:?}");
            }
        }
    }

    #[test]
    fn short_maps_have_no_name() {
        let names = Names::new([(&TableName::new("s", "t"), false)], true);
        let map = map("s", "t");
        for end in 0..13 {
            assert_eq!(names.find_map(&map[..end]), None);
        }
        assert_eq!(names.find_map(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
