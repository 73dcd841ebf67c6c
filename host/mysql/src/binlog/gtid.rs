//! Sets of transaction ids, kept as text in positions.

use std::collections::BTreeMap;
use std::fmt;

/// The transactions before a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GtidSet {
    /// MySQL: per `uuid` or `uuid:tag` closed intervals, ascending, none touching another.
    MySql(BTreeMap<String, Vec<(u64, u64)>>),
    /// MariaDB: per domain the last `(server, sequence)`.
    MariaDb(BTreeMap<u32, (u32, u64)>),
}

impl GtidSet {
    /// Reads MySQL's text form; `None` if it is none.
    pub(crate) fn parse_mysql(text: &str) -> Option<GtidSet> {
        let mut sets: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut pieces = part.split(':');
            let uuid = pieces.next()?.to_ascii_lowercase();
            if uuid.len() != 36 {
                return None;
            }
            let mut key = uuid.clone();
            for piece in pieces {
                if piece.starts_with(|c: char| c.is_ascii_digit()) {
                    let (from, to) = piece.split_once('-').unwrap_or((piece, piece));
                    sets.entry(key.clone()).or_default().push((from.parse().ok()?, to.parse().ok()?));
                } else {
                    key = format!("{uuid}:{}", piece.to_ascii_lowercase());
                }
            }
        }
        Some(GtidSet::MySql(sets))
    }

    /// Reads MariaDB's text form; `None` if it is none.
    pub(crate) fn parse_mariadb(text: &str) -> Option<GtidSet> {
        let mut domains = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut pieces = part.split('-');
            let domain = pieces.next()?.parse().ok()?;
            domains.insert(domain, (pieces.next()?.parse().ok()?, pieces.next()?.parse().ok()?));
            if pieces.next().is_some() {
                return None;
            }
        }
        Some(GtidSet::MariaDb(domains))
    }

    /// Adds one of MySQL's transactions.
    pub(crate) fn add(&mut self, source: &str, number: u64) {
        let GtidSet::MySql(sets) = self else { return };
        if !sets.contains_key(source) {
            sets.insert(source.to_owned(), Vec::new());
        }
        let Some(intervals) = sets.get_mut(source) else { return };
        // The usual case: one more at the end.
        if let Some(last) = intervals.last_mut()
            && last.1 + 1 == number
        {
            last.1 = number;
            return;
        }
        if intervals.iter().any(|&(from, to)| (from..=to).contains(&number)) {
            return;
        }
        intervals.push((number, number));
        intervals.sort_unstable();
        intervals.dedup_by(|next, last| {
            let touch = last.1 + 1 == next.0;
            if touch {
                last.1 = next.1;
            }
            touch
        });
    }

    /// Notes MariaDB's last transaction of a domain.
    pub(crate) fn set(&mut self, domain: u32, server: u32, sequence: u64) {
        if let GtidSet::MariaDb(domains) = self {
            domains.insert(domain, (server, sequence));
        }
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        match self {
            GtidSet::MySql(sets) => {
                for (source, intervals) in sets {
                    write!(f, "{comma}{source}")?;
                    comma = ",";
                    for &(from, to) in intervals {
                        if from == to { write!(f, ":{from}")? } else { write!(f, ":{from}-{to}")? }
                    }
                }
            }
            GtidSet::MariaDb(domains) => {
                for (domain, (server, sequence)) in domains {
                    write!(f, "{comma}{domain}-{server}-{sequence}")?;
                    comma = ",";
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn mysql_sets_grow() {
        let mut set = GtidSet::parse_mysql(&format!("{A}:1-5:7,{A}:x:1")).unwrap();
        set.add(A, 6);
        assert_eq!(set.to_string(), format!("{A}:1-7,{A}:x:1"));
        set.add(A, 9);
        set.add(A, 3);
        assert_eq!(set.to_string(), format!("{A}:1-7:9,{A}:x:1"));
        assert!(GtidSet::parse_mysql("0-1-5").is_none());
    }

    #[test]
    fn mariadb_keeps_the_last_of_each_domain() {
        let mut set = GtidSet::parse_mariadb("0-1-5,2-1-9").unwrap();
        set.set(0, 3, 6);
        assert_eq!(set.to_string(), "0-3-6,2-1-9");
    }
}
