//! Errors of the driver: in words, and whether they pass.

use rowmill_foreign::line;

/// The driver's error in one line, the server's with its number.
pub(crate) fn describe(error: &mysql_async::Error) -> String {
    match error {
        mysql_async::Error::Server(e) => format!("server error {}: {}", e.code, line(&e.message)),
        // Without the driver's words for the layers that it came through.
        mysql_async::Error::Io(mysql_async::IoError::Io(e)) => line(&e.to_string()).into_owned(),
        other => line(&other.to_string()).into_owned(),
    }
}

/// True if the driver's error is the world's and not the statement's.
pub(crate) fn is_transient(error: &mysql_async::Error) -> bool {
    use mysql_async::{DriverError, Error as E, IoError};
    match error {
        E::Io(IoError::Io(_)) => true,
        E::Io(IoError::Tls(_)) => false,
        E::Driver(DriverError::ConnectionClosed | DriverError::PoolDisconnected) => true,
        E::Server(e) => matches!(
            e.code,
            // too many connections, shutdown, out of resources, aborted network reads and writes
            1040 | 1041 | 1053 | 1077 | 1078 | 1079 | 1152 | 1158
                ..=1161 | 1184 | 1203
                // lock wait, deadlock, lock-wait in NOWAIT form
                | 1205 | 1213 | 3572
                // query interrupted, connection killed, idle time-out
                | 1317 | 1927 | 4031
                // read-only while a failover is going on; server gone
                | 1290 | 1836 | 2006 | 2013
        ),
        _ => false,
    }
}
