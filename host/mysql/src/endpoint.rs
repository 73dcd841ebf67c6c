//! The address of a server and how to connect to it.
//!
//! An address is a `mysql://` URL. Sessions run in UTC, in a strict SQL mode, with utf8mb4, at
//! REPEATABLE READ. The password is kept inside the driver's options and printed by nothing here.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::{DriverError, IoError, Opts, OptsBuilder, SslOpts};
use serde::{Deserialize, Serialize};

pub use crate::connection::Conn;

use crate::error::{Doing, Error, Result, describe};

/// How long a connection may take to be made. Servers on the same network answer in
/// milliseconds; twice as long only delays the message that nobody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much TLS is asked for; the meanings are those of MySQL's own clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disabled,
    /// If the server has it, with any certificate.
    Preferred,
    /// Always, with any certificate.
    Required,
    /// Always, with a certificate signed by a known authority.
    VerifyCa,
    /// Always, with a certificate signed by a known authority for this host.
    VerifyIdentity,
}

/// A parsed server address.
#[derive(Clone)]
pub struct Endpoint {
    opts: Opts,
    ssl_mode: SslMode,
    ssl_ca: Option<PathBuf>,
    /// Set once the server was found to have no TLS, so that later connections don't ask again.
    plain: Arc<AtomicBool>,
}

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// MySQL.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flavor::MySql => "MySQL",
            Flavor::MariaDb => "MariaDB",
        })
    }
}

/// Which server instance a position belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// MySQL writes a UUID into its data folder.
    ServerUuid(String),
    /// MariaDB has no UUID: its server id and GTID domain stand for it.
    #[serde(rename_all = "kebab-case")]
    Server {
        /// `@@server_id`.
        server_id: u32,
        /// `@@gtid_domain_id`.
        gtid_domain: u32,
    },
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::ServerUuid(uuid) => write!(f, "server_uuid {uuid}"),
            Identity::Server { server_id, gtid_domain } => {
                write!(f, "server_id {server_id}, gtid_domain_id {gtid_domain}")
            }
        }
    }
}

impl Endpoint {
    /// Parses `mysql://user:password@host:port/database?ssl-mode=…&ssl-ca=…`.
    pub fn parse(url: &str) -> Result<Endpoint> {
        let address = |message: String| Error::Address { message };
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if !base.starts_with("mysql://") {
            let scheme = base.split_once("://").map_or("no scheme", |(scheme, _)| scheme);
            return Err(address(format!("found {scheme}, expected mysql://")));
        }
        let opts = Opts::from_url(base).map_err(|e| address(e.to_string()))?;
        if opts.ip_or_hostname().is_empty() {
            return Err(address("has no host".into()));
        }
        let mut ssl_mode = SslMode::Preferred;
        let mut ssl_ca = None;
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "ssl-mode" => {
                    ssl_mode = match value.to_ascii_lowercase().replace('_', "-").as_str() {
                        "disabled" => SslMode::Disabled,
                        "preferred" => SslMode::Preferred,
                        "required" => SslMode::Required,
                        "verify-ca" => SslMode::VerifyCa,
                        "verify-identity" => SslMode::VerifyIdentity,
                        other => {
                            return Err(address(format!(
                                "ssl-mode is '{other}', expected disabled, preferred, required, verify-ca or verify-identity"
                            )));
                        }
                    }
                }
                "ssl-ca" => ssl_ca = Some(PathBuf::from(value)),
                other => {
                    return Err(address(format!("option '{other}' is not known; there are ssl-mode and ssl-ca")));
                }
            }
        }
        Ok(Endpoint { opts, ssl_mode, ssl_ca, plain: Arc::default() })
    }

    /// The host name or address.
    pub fn host(&self) -> &str {
        self.opts.ip_or_hostname()
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.opts.tcp_port()
    }

    /// The user name, empty if none is given.
    pub fn user(&self) -> &str {
        self.opts.user().unwrap_or("")
    }

    /// The default database, if the address names one.
    pub fn database(&self) -> Option<&str> {
        self.opts.db_name().filter(|d| !d.is_empty())
    }

    /// Host and port, for messages.
    pub fn server(&self) -> String {
        format!("{}:{}", self.host(), self.port())
    }

    /// Opens a session: UTC, strict, utf8mb4, REPEATABLE READ.
    pub async fn connect(&self) -> Result<Conn> {
        let mut conn = self.connect_raw().await?;
        conn.query_drop(
            "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'",
        )
        .await
        .doing("setting up the session")?;
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .await
            .doing("setting up the session")?;
        Ok(conn)
    }

    async fn connect_raw(&self) -> Result<Conn> {
        let tls = match self.ssl_mode {
            SslMode::Disabled => false,
            SslMode::Preferred => !self.plain.load(Ordering::Relaxed),
            _ => true,
        };
        match self.attempt(tls).await {
            Err(error) if tls && is_tls_failure(&error) => {
                if self.ssl_mode != SslMode::Preferred {
                    return Err(Error::Tls { server: self.server(), reason: describe(&error) });
                }
                tracing::debug!(server = %self.server(), reason = %describe(&error), "no TLS, connecting without it");
                let conn = self.attempt(false).await.map_err(|e| self.classify(e))?;
                self.plain.store(true, Ordering::Relaxed);
                Ok(conn)
            }
            result => result.map_err(|e| self.classify(e)),
        }
    }

    async fn attempt(&self, tls: bool) -> std::result::Result<Conn, mysql_async::Error> {
        let mut builder = OptsBuilder::from_opts(self.opts.clone())
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(60)))
            .stmt_cache_size(32usize);
        if tls {
            let verify = matches!(self.ssl_mode, SslMode::VerifyCa | SslMode::VerifyIdentity);
            let mut ssl = SslOpts::default()
                .with_danger_accept_invalid_certs(!verify)
                .with_danger_skip_domain_validation(self.ssl_mode != SslMode::VerifyIdentity);
            if let Some(ca) = &self.ssl_ca {
                ssl = ssl.with_root_certs(vec![ca.clone().into()]);
            }
            builder = builder.ssl_opts(ssl);
        }
        match tokio::time::timeout(CONNECT_TIMEOUT, Conn::open(builder.into())).await {
            Ok(result) => result,
            Err(_) => {
                let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 10 s");
                Err(mysql_async::Error::Io(IoError::Io(error)))
            }
        }
    }

    fn classify(&self, error: mysql_async::Error) -> Error {
        match &error {
            mysql_async::Error::Io(IoError::Tls(_)) => Error::Tls { server: self.server(), reason: error.to_string() },
            mysql_async::Error::Io(IoError::Io(io)) => {
                Error::Unreachable { server: self.server(), reason: io.to_string() }
            }
            mysql_async::Error::Server(e)
                if matches!(
                    e.code,
                    1044 | 1045 | 1049 | 1130 | 1251 | 1698 | 1820 | 1862 | 3118 | 3159 | 3878 | 4151
                ) =>
            {
                Error::AccessDenied {
                    server: self.server(),
                    user: self.user().to_owned(),
                    reason: format!("server error {}: {}", e.code, e.message),
                }
            }
            mysql_async::Error::Driver(DriverError::ConnectionClosed) => Error::Unreachable {
                server: self.server(),
                reason: "the connection was closed during the handshake".into(),
            },
            _ => Error::Sql { doing: "connecting", source: Box::new(error) },
        }
    }
}

fn is_tls_failure(error: &mysql_async::Error) -> bool {
    match error {
        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => true,
        mysql_async::Error::Io(IoError::Tls(_)) => true,
        // A failed handshake comes as an I/O error that wraps the TLS library's.
        mysql_async::Error::Io(IoError::Io(e)) => e.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// Which server this is, by its version text.
pub async fn flavor(conn: &mut Conn) -> Result<(Flavor, String)> {
    let version: String =
        conn.query_first("SELECT VERSION()").await.doing("reading the server's version")?.unwrap_or_default();
    let maria = version.to_ascii_lowercase().contains("mariadb");
    Ok((if maria { Flavor::MariaDb } else { Flavor::MySql }, version))
}

/// Which instance this is.
pub async fn identity(conn: &mut Conn, flavor: Flavor) -> Result<Identity> {
    let doing = "reading the server's identity";
    Ok(match flavor {
        Flavor::MySql => Identity::ServerUuid(
            conn.query_first("SELECT @@GLOBAL.server_uuid").await.doing(doing)?.unwrap_or_default(),
        ),
        Flavor::MariaDb => {
            let (server_id, gtid_domain) = conn
                .query_first("SELECT @@GLOBAL.server_id, @@GLOBAL.gtid_domain_id")
                .await
                .doing(doing)?
                .unwrap_or_default();
            Identity::Server { server_id, gtid_domain }
        }
    })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}@{}", self.user(), self.server())?;
        self.database().map_or(Ok(()), |db| write!(f, "/{db}"))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self}, {:?})", self.ssl_mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_printed() {
        let endpoint = Endpoint::parse("mysql://reader:hunter2%40x@db:3307/shop?ssl-mode=required").unwrap();
        assert_eq!(endpoint.to_string(), "mysql://reader@db:3307/shop");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
        assert_eq!((endpoint.port(), endpoint.database()), (3307, Some("shop")));
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong() {
        let error = |url: &str| Endpoint::parse(url).unwrap_err().to_string();
        assert!(error("postgres://u:secret@h/db").contains("found postgres"));
        assert!(error("mysql://u:secret@h/db?ssl-mod=x").contains("ssl-mod"));
        assert!(!error("mysql://u:secret@h/db?ssl-mode=x").contains("secret"));
    }
}
