//! Where rows come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The tables that are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `mysql://user:password@host:port/database`.
    pub url: Secret,
    /// Encryption of its connections.
    #[serde(default)]
    pub tls: Tls,
    /// `table`, `db.table`, or globs of these; at least one.
    pub tables: Vec<String>,
    /// Where a first start begins.
    pub start: Start,
    /// Accept tables whose cascading foreign keys change rows that the server doesn't log.
    pub allow_unlogged_cascades: bool,
    /// What `0000-00-00` becomes.
    pub zero_dates: ZeroDates,
    /// Rows are never updated nor deleted; one that is stops the pipeline. Aggregates that can't take
    /// rows out again ask for it.
    pub append_only: bool,
    /// Tables that statements in the log may change instead of rows: `db.table` or globs of it.
    #[serde(default)]
    pub ignore_statements: Vec<String>,
}

/// Encryption of the connections to a server, beside what its address says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// Whether there has to be some. `None`: as the address says, and `preferred` without a word there.
    pub mode: Option<TlsMode>,
    /// Certificates of the authorities that may have signed the server's.
    pub ca: Option<PathBuf>,
}

/// How much encryption is asked for; named as by MySQL's own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
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

impl TlsMode {
    /// All of them.
    pub const ALL: [TlsMode; 5] =
        [TlsMode::Disabled, TlsMode::Preferred, TlsMode::Required, TlsMode::VerifyCa, TlsMode::VerifyIdentity];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            TlsMode::Disabled => "disabled",
            TlsMode::Preferred => "preferred",
            TlsMode::Required => "required",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyIdentity => "verify-identity",
        }
    }
}

/// Where a first start begins; later ones go on from the stored progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The tables as they are, then every change.
    #[default]
    Snapshot,
    /// Only changes from now on.
    Latest,
    /// Every change that the server still has.
    Earliest,
    /// Every change from a place in a binlog file.
    File {
        /// `binlog.000012`.
        file: String,
        /// Byte offset of an event, 4 for the first.
        position: u64,
    },
    /// Every change that is not in this set.
    Gtid(String),
}

/// What a date that isn't one becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroDates {
    /// NULL.
    #[default]
    Null,
    /// A row error.
    Error,
}
