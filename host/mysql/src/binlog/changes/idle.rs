//! A stream with nothing to say, compared with what the server says elsewhere.
//!
//! A log that is reset under a reader, or whose file is removed, leaves the reader waiting at a file that
//! is no longer written: heartbeats go on, and no change ever comes. So when a heartbeat comes, the end of
//! the log is asked for on a second connection. An end before the stream's place, or one beyond it that
//! the stream has not moved towards since the last look, is no idle source: the stream is opened anew,
//! which recognises the history or says that it is another one.

use std::time::{Duration, Instant};

use rowmill_change::Position;

use super::Changes;
use crate::endpoint::Conn;
use crate::error::{Error, Result};
use crate::position::current_position;

/// How often the server is asked while the stream is idle.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is known from the last look.
#[derive(Debug, Default)]
pub(super) struct Look {
    conn: Option<Conn>,
    at: Option<Instant>,
    /// Where the stream was when the log's end lay beyond it.
    behind: Option<Position>,
}

impl Changes {
    /// Asks where the log ends if that is due; ends the stream if it can't be at that log.
    pub(super) async fn look_back(&mut self) -> Result<()> {
        if !self.at_boundary() || !self.placed || self.look.at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.look.at = Some(Instant::now());
        // Taken out, so that a look that is given up halfway leaves no half-read connection behind.
        let conn = self.look.conn.take();
        let asked = async {
            let mut conn = match conn {
                Some(conn) => conn,
                None => self.options.endpoint.connect().await?,
            };
            let end = current_position(&mut conn, self.flavor).await?;
            Ok::<_, Error>((conn, end))
        };
        let end = match asked.await {
            Ok((conn, end)) => {
                self.look.conn = Some(conn);
                end
            }
            // The stream itself is alive, and the next look may find a connection: not even a right that was taken
            // away, or too many connections, is a reason to end it.
            Err(error) => {
                tracing::debug!(%error, "the end of the binary log could not be asked for");
                return Ok(());
            }
        };
        let here = self.here();
        let behind = self.look.behind.take();
        if !end.reached(&here) || behind.as_ref() == Some(&here) {
            tracing::warn!(position = %here, end = %end, "the stream brings nothing, and the log ends elsewhere; opening it anew");
            self.stream = None;
        } else if !here.reached(&end) {
            self.look.behind = Some(here);
        }
        Ok(())
    }
}
