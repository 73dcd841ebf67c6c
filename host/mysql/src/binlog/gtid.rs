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
        for intervals in sets.values_mut() {
            merge(intervals);
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

    /// Reads either server's text form; `None` if it is neither.
    pub(crate) fn parse(text: &str) -> Option<GtidSet> {
        GtidSet::parse_mysql(text).or_else(|| GtidSet::parse_mariadb(text))
    }

    /// Whether one of MySQL's transactions is in the set.
    pub(crate) fn contains(&self, source: &str, number: u64) -> bool {
        let GtidSet::MySql(sets) = self else { return false };
        sets.get(source).is_some_and(|intervals| intervals.iter().any(|&(from, to)| (from..=to).contains(&number)))
    }

    /// Whether one of MariaDB's transactions is not after the last one of its domain.
    pub(crate) fn contains_sequence(&self, domain: u32, sequence: u64) -> bool {
        let GtidSet::MariaDb(domains) = self else { return false };
        domains.get(&domain).is_some_and(|&(_, last)| sequence <= last)
    }

    /// Whether one of MariaDB's transactions is the last one of its domain, or one that the same server
    /// wrote before it. Another server's number says nothing: only a strict server counts on from it.
    pub(crate) fn contains_of_server(&self, domain: u32, server: u32, sequence: u64) -> bool {
        let GtidSet::MariaDb(domains) = self else { return false };
        domains.get(&domain).is_some_and(|&(last_server, last)| last_server == server && sequence <= last)
    }

    /// Whether MariaDB's `gtid_binlog_state`, the last number of each domain and server, is at or after
    /// every transaction of a set in the form of `gtid_binlog_pos`.
    pub(crate) fn is_in_state(set: &str, state: &str) -> bool {
        let Some(GtidSet::MariaDb(domains)) = GtidSet::parse_mariadb(set) else { return false };
        let written: Vec<GtidSet> = state.split(',').filter_map(GtidSet::parse_mariadb).collect();
        domains
            .iter()
            .all(|(&domain, &(server, last))| written.iter().any(|one| one.contains_of_server(domain, server, last)))
    }

    /// Whether every transaction of `other` is in this set.
    pub(crate) fn covers(&self, other: &GtidSet) -> bool {
        match other {
            GtidSet::MySql(sets) => sets.iter().all(|(source, intervals)| {
                let GtidSet::MySql(ours) = self else { return false };
                let ours = ours.get(source).map_or(&[][..], Vec::as_slice);
                intervals.iter().all(|&(from, to)| ours.iter().any(|&(f, t)| f <= from && to <= t))
            }),
            GtidSet::MariaDb(domains) => {
                domains.iter().all(|(&domain, &(_, sequence))| self.contains_sequence(domain, sequence))
            }
        }
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
        merge(intervals);
    }

    /// Notes MariaDB's last transaction of a domain.
    pub(crate) fn set(&mut self, domain: u32, server: u32, sequence: u64) {
        if let GtidSet::MariaDb(domains) = self {
            domains.insert(domain, (server, sequence));
        }
    }
}

/// Sorts intervals and joins those that touch or overlap.
fn merge(intervals: &mut Vec<(u64, u64)>) {
    intervals.sort_unstable();
    intervals.dedup_by(|next, last| {
        let touch = next.0 <= last.1.saturating_add(1);
        if touch {
            last.1 = last.1.max(next.1);
        }
        touch
    });
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
    fn sets_cover_their_parts() {
        let set = |text: &str| GtidSet::parse(text).unwrap();
        let large = set(&format!("{A}:1-3:4-7:9,{A}:x:1-2"));
        assert_eq!(large.to_string(), format!("{A}:1-7:9,{A}:x:1-2"));
        assert!(large.covers(&set(&format!("{A}:2-5:9"))) && !large.covers(&set(&format!("{A}:7-9"))));
        assert!(large.contains(A, 9) && !large.contains(A, 8));
        assert!(set("0-1-5,2-1-9").covers(&set("0-7-5")) && !set("0-1-5").covers(&set("0-1-5,2-1-1")));
        assert!(!set("0-1-5").covers(&large) && GtidSet::parse("0-1").is_none());
    }

    #[test]
    fn mariadb_counts_by_domain_and_server() {
        let state = "0-1-25,0-2-31,3-1-4";
        for (set, contained) in [
            ("0-1-25", true),
            ("0-1-26", false),
            ("0-2-31,3-1-2", true),
            ("0-3-1", false),
            ("1-1-1", false),
            ("", true),
            ("nonsense", false),
        ] {
            assert_eq!(GtidSet::is_in_state(set, state), contained, "{set}");
        }
        let read = GtidSet::parse_mariadb("0-2-31").unwrap();
        assert!(read.contains_of_server(0, 2, 31) && !read.contains_of_server(0, 2, 32));
        assert!(!read.contains_of_server(0, 1, 25) && !read.contains_of_server(1, 2, 1));
    }

    #[test]
    fn mariadb_keeps_the_last_of_each_domain() {
        let mut set = GtidSet::parse_mariadb("0-1-5,2-1-9").unwrap();
        set.set(0, 3, 6);
        assert_eq!(set.to_string(), "0-3-6,2-1-9");
    }
}
