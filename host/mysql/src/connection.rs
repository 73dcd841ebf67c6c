//! A connection that takes [`Statement`]s and nothing else.
//!
//! The driver asks every server for multi-statements, so a text with a `;` in it would be two statements.
//! Here is the only place that calls the driver's methods. They are closed in all other modules by
//! `clippy.toml`, and the driver's connection is private to this one.

#![expect(clippy::disallowed_methods, reason = "the one place where statements are sent")]

use std::future::Future;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{BinaryProtocol, BinlogStream, BinlogStreamRequest, Opts, Params, ResultSetStream, Row};

use crate::statement::Statement;

type Result<T> = std::result::Result<T, mysql_async::Error>;

/// The pieces of what `LOAD DATA` reads.
pub(crate) type Pieces = BoxStream<'static, std::io::Result<Bytes>>;

/// A session of a server. It can be made by [`Endpoint::connect`](crate::Endpoint::connect) only, and
/// what it sends, by this crate.
#[derive(Debug)]
pub struct Conn(mysql_async::Conn);

impl Conn {
    pub(crate) async fn open(opts: Opts) -> Result<Conn> {
        mysql_async::Conn::new(opts).await.map(Conn)
    }

    /// Executes a statement.
    pub(crate) async fn query_drop(&mut self, statement: impl Into<Statement>) -> Result<()> {
        self.0.query_drop(statement.into().into_bytes()).await
    }

    /// The rows of a statement.
    pub(crate) async fn query<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Vec<T>> {
        self.0.query(statement.into().into_bytes()).await
    }

    /// The first row of a statement.
    pub(crate) async fn query_first<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Option<T>> {
        self.0.query_first(statement.into().into_bytes()).await
    }

    /// Executes two statements in one round trip; answers how many rows the second affected.
    pub(crate) async fn query_two(&mut self, first: &'static str, second: &Statement) -> Result<u64> {
        let both = Statement::new(first).text("; ").part(second);
        let mut result = self.0.query_iter(both.into_bytes()).await?;
        // Each collect ends one statement's result and makes the next one's counts current.
        result.collect::<Row>().await?;
        let affected = result.affected_rows();
        result.drop_result().await?;
        Ok(affected)
    }

    /// Executes a statement with values for its placeholders.
    pub(crate) async fn exec_drop(
        &mut self,
        statement: impl Into<Statement>,
        values: impl Into<Params> + Send,
    ) -> Result<()> {
        self.0.exec_drop(statement.into().into_bytes(), values.into()).await
    }

    /// Executes a statement that creates, alters or drops: prepared, so that the server takes one
    /// statement and no more, whatever it is made of.
    pub(crate) async fn define(&mut self, statement: impl Into<Statement>) -> Result<()> {
        self.exec_drop(statement, ()).await
    }

    /// The rows of a statement with values for its placeholders.
    pub(crate) async fn exec<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
        values: impl Into<Params> + Send,
    ) -> Result<Vec<T>> {
        self.0.exec(statement.into().into_bytes(), values.into()).await
    }

    /// The first row of a statement with values for its placeholders.
    pub(crate) async fn exec_first<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
        values: impl Into<Params> + Send,
    ) -> Result<Option<T>> {
        self.0.exec_first(statement.into().into_bytes(), values.into()).await
    }

    /// The rows of a statement as they arrive.
    pub(crate) async fn stream(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<ResultSetStream<'_, '_, 'static, Row, BinaryProtocol>> {
        self.0.exec_stream(statement.into().into_bytes(), ()).await
    }

    /// Executes `LOAD DATA LOCAL INFILE`, whose file is `pieces`.
    pub(crate) async fn load(
        &mut self,
        statement: impl Into<Statement>,
        pieces: impl Future<Output = Result<Pieces>> + Send + Sync + 'static,
    ) -> Result<()> {
        self.0.set_infile_handler(pieces);
        let result = self.0.query_drop(statement.into().into_bytes()).await;
        // Whatever happened, no later request of the server may be served from a handler left behind.
        self.0.set_infile_handler(async {
            let reason = "no statement of ours asked for a file";
            Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, reason).into())
        });
        result
    }

    /// The binary log as a stream of events, which takes the connection for itself.
    pub(crate) async fn binlog(self, request: BinlogStreamRequest<'_>) -> Result<BinlogStream> {
        self.0.get_binlog_stream(request).await
    }

    /// Whether the server still answers.
    pub(crate) async fn ping(&mut self) -> Result<()> {
        self.0.ping().await
    }

    /// Rows affected by the last statement.
    pub(crate) fn affected_rows(&self) -> u64 {
        self.0.affected_rows()
    }

    /// Warnings of the last statement.
    pub(crate) fn warnings(&self) -> u16 {
        self.0.get_warnings()
    }

    /// What the server says about the last statement.
    pub(crate) fn info(&self) -> String {
        self.0.info().into_owned()
    }

    /// Ends the session in order.
    pub(crate) async fn disconnect(self) -> Result<()> {
        self.0.disconnect().await
    }
}
