//! The address of a server and how to connect to it.
//!
//! An address is a `mysql://` URL. Sessions run in UTC, in a strict SQL mode, with utf8mb4, at
//! REPEATABLE READ. The password is kept inside the driver's options and printed by nothing here.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mysql_async::{DriverError, IoError, Opts, OptsBuilder, SslOpts};
use rowmill_foreign::line;
use serde::{Deserialize, Serialize};

pub use crate::connection::Conn;

use crate::error::{Doing, Error, Result, describe};
use crate::liveness::{PATIENCE, Watch};
use crate::process_list::{Session, Sought};

/// How long a connection may take to be made. Servers on the same network answer in
/// milliseconds; twice as long only delays the message that nobody is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The host that is asked for under verify-ca, where every name is right. The driver lets a certificate of
/// another name pass if the TLS library's message has this word; the library's newer messages have it
/// only as the name that was asked for. The signature is checked before the name, whatever that is.
const ANY_NAME: &str = "NotValidForName";

/// How much TLS is asked for; the meanings are those of MySQL's own clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disabled,
    /// If the server has it, with any certificate.
    Preferred,
    /// Always, with any certificate.
    Required,
    /// Always, with a certificate signed by an authority of the file that has to be named.
    VerifyCa,
    /// Always, with a certificate signed by a known authority for this host.
    VerifyIdentity,
}

impl SslMode {
    const ALL: [(&'static str, SslMode); 5] = [
        ("disabled", SslMode::Disabled),
        ("preferred", SslMode::Preferred),
        ("required", SslMode::Required),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-identity", SslMode::VerifyIdentity),
    ];

    fn parse(name: &str) -> Option<SslMode> {
        let name = name.to_ascii_lowercase().replace('_', "-");
        SslMode::ALL.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SslMode::ALL.iter().find(|(_, mode)| mode == self).map_or("", |(name, _)| name))
    }
}

/// An address says something else of TLS than what was given beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDiffers {
    /// It is about the file of certificates, not about the mode.
    pub ca: bool,
    /// What was given.
    pub given: String,
    /// What the address says.
    pub in_address: String,
}

impl TlsDiffers {
    /// The key of a pipeline file that was given.
    pub fn key(&self) -> &'static str {
        if self.ca { "tls_ca" } else { "tls" }
    }

    /// The option of the address.
    pub fn option(&self) -> &'static str {
        if self.ca { "ssl-ca" } else { "ssl-mode" }
    }
}

/// A parsed server address.
#[derive(Clone)]
pub struct Endpoint {
    opts: Opts,
    /// As it was asked for; see [`Endpoint::ssl_mode`].
    ssl_mode: Option<SslMode>,
    ssl_ca: Option<PathBuf>,
    /// See [`Endpoint::with_patience`].
    patience: Duration,
    /// Set once TLS could not be had and was not needed, so that later connections don't ask again.
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
        let mut ssl_mode = None;
        let mut ssl_ca = None;
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "ssl-mode" => {
                    ssl_mode = Some(SslMode::parse(value).ok_or_else(|| {
                        // Its value isn't shown: the address is a secret, and whoever misspelt it may have meant another option.
                        address(
                            "ssl-mode is none of disabled, preferred, required, verify-ca and verify-identity".into(),
                        )
                    })?);
                }
                "ssl-ca" => ssl_ca = Some(PathBuf::from(value)),
                other => {
                    let other = line(other);
                    return Err(address(format!("option '{other}' is not known; there are ssl-mode and ssl-ca")));
                }
            }
        }
        Ok(Endpoint { opts, ssl_mode, ssl_ca, patience: PATIENCE, plain: Arc::default() })
    }

    /// The same with a mode and certificates that were given beside the address; an error where the
    /// address says something else.
    pub fn with_tls(mut self, mode: Option<SslMode>, ca: Option<PathBuf>) -> std::result::Result<Endpoint, TlsDiffers> {
        if let (Some(given), Some(own)) = (mode, self.ssl_mode)
            && given != own
        {
            return Err(TlsDiffers { ca: false, given: given.to_string(), in_address: own.to_string() });
        }
        if let (Some(given), Some(own)) = (&ca, &self.ssl_ca) {
            // The same file can be reached by two paths.
            let whole = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
            if whole(given) != whole(own) {
                let shown = |path: &PathBuf| line(&path.display().to_string()).into_owned();
                return Err(TlsDiffers { ca: true, given: shown(given), in_address: shown(own) });
            }
        }
        self.ssl_mode = mode.or(self.ssl_mode);
        self.ssl_ca = ca.or(self.ssl_ca);
        Ok(self)
    }

    /// The same with another measure of how long its server may say nothing before it is looked after,
    /// [`PATIENCE`] if not given.
    pub fn with_patience(mut self, patience: Duration) -> Endpoint {
        self.patience = patience;
        self
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// How much TLS is asked for. As for MySQL's own clients, certificates without a mode ask for
    /// verification: nobody names an authority for nothing.
    pub fn ssl_mode(&self) -> SslMode {
        let unsaid = if self.ssl_ca.is_some() { SslMode::VerifyCa } else { SslMode::Preferred };
        self.ssl_mode.unwrap_or(unsaid)
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
        let mut conn = self.connect_bare().await?;
        let session = match tokio::time::timeout(CONNECT_TIMEOUT, set_up(&mut conn)).await {
            Ok(session) => session?,
            Err(_) => return Err(self.classify(no_answer())),
        };
        Ok(conn.watched(Watch::new(Sought { endpoint: self.clone(), session })))
    }

    /// Every name is right under verify-ca, and a well-known authority signs for anybody: together they
    /// would verify nothing. The file may come from the address or from beside it, so both must be known.
    fn ensure_authority(&self) -> Result<()> {
        if self.ssl_mode() != SslMode::VerifyCa || self.ssl_ca.is_some() {
            return Ok(());
        }
        let reason = "found verify-ca without a file of certificates, under which the certificate of any server would \
                      do; needed tls_ca (ssl-ca), or verify-identity";
        Err(Error::Tls { server: self.server(), reason: reason.to_owned() })
    }

    /// Opens a session as the server makes it, whose waits nobody watches over.
    pub(crate) async fn connect_bare(&self) -> Result<Conn> {
        self.ensure_authority()?;
        let tls = match self.ssl_mode() {
            SslMode::Disabled => false,
            SslMode::Preferred => !self.plain.load(Ordering::Relaxed),
            _ => true,
        };
        let certificates = if tls { self.certificates()? } else { None };
        match self.attempt(tls, certificates).await {
            Err(error) if tls && is_tls_failure(&error) => {
                if self.ssl_mode() != SslMode::Preferred {
                    return Err(Error::Tls { server: self.server(), reason: describe(&error) });
                }
                let conn = self.attempt(false, None).await.map_err(|e| self.classify(e))?;
                self.plain.store(true, Ordering::Relaxed);
                if is_news(&self.server()) {
                    let why = match &error {
                        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => "the server has no TLS",
                        _ => "the TLS handshake with the server failed",
                    };
                    tracing::warn!(
                        server = %self.server(),
                        reason = %describe(&error),
                        "the connection is not encrypted, since {why}; `tls: required` in the source \
                         or sink (ssl-mode=required in the address) forbids that, `tls: disabled` says that it is meant"
                    );
                }
                Ok(conn)
            }
            result => result.map_err(|e| self.classify(e)),
        }
    }

    /// The file of certificates, where one is named.
    fn certificates(&self) -> Result<Option<Vec<u8>>> {
        /// All the authorities that a browser knows fit several times over.
        const BYTES_MAX: u64 = 4 << 20;
        let Some(path) = &self.ssl_ca else { return Ok(None) };
        rowmill_foreign::read(path, BYTES_MAX).map(Some).map_err(|error| {
            let path = path.display().to_string();
            Error::Tls { server: self.server(), reason: format!("the certificates in {}: {error}", line(&path)) }
        })
    }

    async fn attempt(&self, tls: bool, certificates: Option<Vec<u8>>) -> std::result::Result<Conn, mysql_async::Error> {
        let mut builder = OptsBuilder::from_opts(self.opts.clone())
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(60)))
            .stmt_cache_size(32usize);
        if tls {
            let mode = self.ssl_mode();
            let verify = matches!(mode, SslMode::VerifyCa | SslMode::VerifyIdentity);
            let mut ssl = SslOpts::default()
                .with_danger_accept_invalid_certs(!verify)
                .with_danger_skip_domain_validation(mode != SslMode::VerifyIdentity);
            if let Some(certificates) = certificates {
                // Only these: what is signed by a well-known authority is not meant.
                ssl = ssl.with_root_certs(vec![certificates.into()]).with_disable_built_in_roots(true);
            }
            if mode == SslMode::VerifyCa {
                ssl = ssl.with_danger_tls_hostname_override(Some(ANY_NAME));
            }
            builder = builder.ssl_opts(ssl);
        }
        match tokio::time::timeout(CONNECT_TIMEOUT, Conn::open(builder.into())).await {
            Ok(result) => result,
            Err(_) => Err(no_answer()),
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
                Error::AccessDenied { server: self.server(), user: self.user().to_owned(), reason: describe(&error) }
            }
            mysql_async::Error::Driver(DriverError::ConnectionClosed) => Error::Unreachable {
                server: self.server(),
                reason: "the connection was closed during the handshake".into(),
            },
            _ => Error::Sql { doing: "connecting", cause: Box::new(error) },
        }
    }
}

async fn set_up(conn: &mut Conn) -> Result<Session> {
    const DOING: &str = "setting up the session";
    conn.query_drop("SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'")
        .await
        .doing(DOING)?;
    conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.doing(DOING)?;
    Session::of(conn).await
}

fn no_answer() -> mysql_async::Error {
    let reason = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
    mysql_async::Error::Io(IoError::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, reason)))
}

/// True once per server and process: connections are made again and again, from several parts of the program.
fn is_news(server: &str) -> bool {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned())
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
        write!(f, "Endpoint({self}, {:?})", self.ssl_mode())
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
    fn what_the_file_says_of_tls_is_what_the_address_says() {
        let endpoint = |query: &str| Endpoint::parse(&format!("mysql://u@h/db{query}")).unwrap();
        let mode = |query: &str, mode, ca: Option<&str>| {
            endpoint(query).with_tls(mode, ca.map(PathBuf::from)).map(|e| e.ssl_mode()).map_err(|d| d.key())
        };
        assert_eq!(mode("", None, None), Ok(SslMode::Preferred));
        assert_eq!(mode("", Some(SslMode::Required), None), Ok(SslMode::Required));
        assert_eq!(mode("?ssl-mode=REQUIRED", Some(SslMode::Required), None), Ok(SslMode::Required));
        assert_eq!(mode("?ssl-mode=disabled", Some(SslMode::Required), None), Err("tls"));
        assert_eq!(mode("", None, Some("/ca.pem")), Ok(SslMode::VerifyCa));
        assert_eq!(mode("?ssl-mode=preferred", None, Some("/ca.pem")), Ok(SslMode::Preferred));
        assert_eq!(mode("?ssl-ca=/a.pem", None, Some("/b.pem")), Err("tls_ca"));
    }

    #[test]
    fn verify_ca_needs_certificates() {
        let verified = |query: &str, mode, ca: Option<&str>| {
            let endpoint = Endpoint::parse(&format!("mysql://u@h/db{query}")).unwrap();
            let endpoint = endpoint.with_tls(mode, ca.map(PathBuf::from)).unwrap();
            endpoint.ensure_authority().map_err(|error| error.to_string())
        };
        for error in [verified("?ssl-mode=verify-ca", None, None), verified("", Some(SslMode::VerifyCa), None)] {
            let error = error.unwrap_err();
            assert!(error.contains("tls_ca") && error.contains("verify-identity"), "{error}");
        }
        assert_eq!(verified("?ssl-mode=verify-ca", None, Some("/ca.pem")), Ok(()));
        assert_eq!(verified("?ssl-ca=/ca.pem", Some(SslMode::VerifyCa), None), Ok(()));
        assert_eq!(verified("", Some(SslMode::VerifyIdentity), None), Ok(()));
        assert_eq!(verified("", None, None), Ok(()));
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong() {
        let error = |url: &str| Endpoint::parse(url).unwrap_err().to_string();
        assert!(error("postgres://u:secret@h/db").contains("found postgres"));
        assert!(error("mysql://u:secret@h/db?ssl-mod=x").contains("ssl-mod"));
        assert!(!error("mysql://u:secret@h/db?ssl-mode=x").contains("secret"));
    }
}
