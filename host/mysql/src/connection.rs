//! A connection that takes [`Statement`]s and nothing else, and is not waited for without end.
//!
//! The driver asks every server for multi-statements, so a text with a `;` in it would be two statements.
//! Here is the only place that calls the driver's methods. They are closed in all other modules by
//! `clippy.toml`, and the driver's connection is private to this one. So it is also the one place where
//! each wait for a server is [watched over](crate::liveness).

#![expect(clippy::disallowed_methods, reason = "the one place where statements are sent")]

use std::future::Future;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, TryStreamExt};
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{BinaryProtocol, BinlogStream, BinlogStreamRequest, DriverError, Opts, Params, ResultSetStream, Row};

use crate::liveness::Watch;
use crate::statement::Statement;

type Result<T> = std::result::Result<T, mysql_async::Error>;

/// The pieces of what `LOAD DATA` reads.
pub(crate) type Pieces = BoxStream<'static, std::io::Result<Bytes>>;

/// A session of a server. It can be made by [`Endpoint::connect`](crate::Endpoint::connect) only, and
/// what it sends, by this crate.
#[derive(Debug)]
pub struct Conn {
    /// `None` once it was handed on.
    driver: Option<mysql_async::Conn>,
    /// `None` while it is being set up, under a time limit of its own.
    watch: Option<Watch>,
}

/// Waits for the driver's answer.
async fn answer<T>(watch: Option<&Watch>, work: impl Future<Output = Result<T>>) -> Result<T> {
    match watch {
        Some(watch) => watch.over(work).await,
        None => work.await,
    }
}

impl Conn {
    pub(crate) async fn open(opts: Opts) -> Result<Conn> {
        let driver = mysql_async::Conn::new(opts).await?;
        Ok(Conn { driver: Some(driver), watch: None })
    }

    /// The same, watched over from now on.
    pub(crate) fn watched(mut self, watch: Watch) -> Conn {
        self.watch = Some(watch);
        self
    }

    fn parts(&mut self) -> Result<(&mut mysql_async::Conn, Option<&Watch>)> {
        let driver = self.driver.as_mut().ok_or(DriverError::ConnectionClosed)?;
        Ok((driver, self.watch.as_ref()))
    }

    /// Executes a statement.
    pub(crate) async fn query_drop(&mut self, statement: impl Into<Statement>) -> Result<()> {
        let (driver, watch) = self.parts()?;
        answer(watch, driver.query_drop(statement.into().into_bytes())).await
    }

    /// The rows of a statement.
    pub(crate) async fn query<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Vec<T>> {
        let (driver, watch) = self.parts()?;
        answer(watch, driver.query(statement.into().into_bytes())).await
    }

    /// The first row of a statement.
    pub(crate) async fn query_first<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Option<T>> {
        let (driver, watch) = self.parts()?;
        answer(watch, driver.query_first(statement.into().into_bytes())).await
    }

    /// Executes two statements in one round trip; answers how many rows the second affected.
    pub(crate) async fn query_two(&mut self, first: &'static str, second: &Statement) -> Result<u64> {
        let both = Statement::new(first).text("; ").part(second);
        let (driver, watch) = self.parts()?;
        let work = async {
            let mut result = driver.query_iter(both.into_bytes()).await?;
            // Each collect ends one statement's result and makes the next one's counts current.
            result.collect::<Row>().await?;
            let affected = result.affected_rows();
            result.drop_result().await?;
            Ok(affected)
        };
        answer(watch, work).await
    }

    /// Executes a statement with values for its placeholders.
    pub(crate) async fn exec_drop(
        &mut self,
        statement: impl Into<Statement>,
        values: impl Into<Params> + Send,
    ) -> Result<()> {
        let (driver, watch) = self.parts()?;
        answer(watch, driver.exec_drop(statement.into().into_bytes(), values.into())).await
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
        let (driver, watch) = self.parts()?;
        answer(watch, driver.exec(statement.into().into_bytes(), values.into())).await
    }

    /// The first row of a statement with values for its placeholders.
    pub(crate) async fn exec_first<T: FromRow + Send + 'static>(
        &mut self,
        statement: impl Into<Statement>,
        values: impl Into<Params> + Send,
    ) -> Result<Option<T>> {
        let (driver, watch) = self.parts()?;
        answer(watch, driver.exec_first(statement.into().into_bytes(), values.into())).await
    }

    /// The rows of a statement as they arrive.
    pub(crate) async fn stream(&mut self, statement: impl Into<Statement>) -> Result<Rows<'_>> {
        let (driver, watch) = self.parts()?;
        let rows = answer(watch, driver.exec_stream(statement.into().into_bytes(), ())).await?;
        Ok(Rows { rows, watch })
    }

    /// Executes `LOAD DATA LOCAL INFILE`, whose file is `pieces`.
    pub(crate) async fn load(
        &mut self,
        statement: impl Into<Statement>,
        pieces: impl Future<Output = Result<Pieces>> + Send + Sync + 'static,
    ) -> Result<()> {
        let (driver, watch) = self.parts()?;
        driver.set_infile_handler(pieces);
        let result = answer(watch, driver.query_drop(statement.into().into_bytes())).await;
        // Whatever happened, no later request of the server may be served from a handler left behind.
        driver.set_infile_handler(async {
            let reason = "no statement of ours asked for a file";
            Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, reason).into())
        });
        result
    }

    /// The binary log as a stream of events, which takes the connection for itself. The waits for events
    /// are the caller's to watch over; the watch is for ending the session.
    pub(crate) async fn binlog(mut self, request: BinlogStreamRequest<'_>) -> Result<(BinlogStream, Option<Watch>)> {
        let driver = self.driver.take().ok_or(DriverError::ConnectionClosed)?;
        let events = answer(self.watch.as_ref(), driver.get_binlog_stream(request)).await?;
        Ok((events, self.watch.take()))
    }

    /// Whether the server still answers.
    pub(crate) async fn ping(&mut self) -> Result<()> {
        let (driver, watch) = self.parts()?;
        answer(watch, driver.ping()).await
    }

    /// Rows affected by the last statement.
    pub(crate) fn affected_rows(&self) -> u64 {
        self.driver.as_ref().map_or(0, mysql_async::Conn::affected_rows)
    }

    /// Warnings of the last statement.
    pub(crate) fn warnings(&self) -> u16 {
        self.driver.as_ref().map_or(0, mysql_async::Conn::get_warnings)
    }

    /// What the server says about the last statement.
    pub(crate) fn info(&self) -> String {
        self.driver.as_ref().map(|driver| driver.info().into_owned()).unwrap_or_default()
    }

    /// Ends the session in order.
    pub(crate) async fn disconnect(mut self) -> Result<()> {
        let driver = self.driver.take().ok_or(DriverError::ConnectionClosed)?;
        answer(self.watch.as_ref(), driver.disconnect()).await
    }
}

impl Drop for Conn {
    /// The driver takes leave of a server in a task of its own, and first reads what that still has to say.
    /// From one that was found dead it would wait without end; once begun, taking leave isn't begun again.
    fn drop(&mut self) {
        if self.watch.as_ref().is_some_and(Watch::has_given_up)
            && let Some(driver) = self.driver.take()
        {
            let _ = driver.disconnect().now_or_never();
        }
    }
}

/// Rows that arrive.
pub(crate) struct Rows<'a> {
    rows: ResultSetStream<'a, 'a, 'static, Row, BinaryProtocol>,
    watch: Option<&'a Watch>,
}

impl Rows<'_> {
    /// The next row; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Row>> {
        answer(self.watch, self.rows.try_next()).await
    }
}
