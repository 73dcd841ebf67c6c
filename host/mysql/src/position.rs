//! Where the binary log ends.

use rowmill_change::Position;

use crate::endpoint::{Conn, Flavor};
use crate::error::{Doing, Error, Result};

/// The end of the binary log now.
///
/// The GTID set is read before the place: what is in it lies before the place, whatever is committed
/// in between. (MySQL's statement reads both in this order, too.)
pub async fn current_position(conn: &mut Conn, flavor: Flavor) -> Result<Position> {
    const DOING: &str = "reading the position of the binary log";
    let mut gtid: Option<String> = match flavor {
        Flavor::MySql => None,
        Flavor::MariaDb => {
            conn.query_first::<Option<String>>("SELECT @@GLOBAL.gtid_binlog_pos").await.doing(DOING)?.flatten()
        }
    };
    // 8.2 renamed the statement and 8.4 took the old name away; MariaDB keeps the old one.
    let statements: &[&str] = match flavor {
        Flavor::MariaDb => &["SHOW MASTER STATUS"],
        Flavor::MySql => &["SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"],
    };
    let mut row = None;
    for (i, statement) in statements.iter().enumerate() {
        match conn.query_first::<mysql_async::Row>(*statement).await {
            Ok(found) => {
                row = found;
                break;
            }
            // 1064: this server does not know the statement; try the older one.
            Err(mysql_async::Error::Server(e)) if e.code == 1064 && i + 1 < statements.len() => {}
            Err(e) => return Err(e).doing(DOING),
        }
    }
    let Some(row) = row else {
        return Err(Error::malformed("the server writes none; start it with --log-bin"));
    };
    if flavor == Flavor::MySql {
        gtid = row.get::<Option<String>, _>(4).flatten();
    }
    let gtid = gtid.map(|g| g.replace(['\n', ' '], "")).filter(|g| !g.is_empty());
    Ok(Position { gtid, ..Position::new(row.get::<String, _>(0).unwrap_or_default(), row.get(1).unwrap_or(0)) })
}
