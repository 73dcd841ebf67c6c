//! A look ahead in the log: whether a definition further on hides what an earlier statement wrote through.

use super::client_charset::ClientCharsets;
use super::events::{self, code};
use super::query::Query;
use super::sql::{Statement, classify};
use super::stream::Stream;
use crate::endpoint::{Endpoint, Flavor};
use crate::error::{Error, Result};
use crate::position::{Position, file_number};

/// The first definition between two places, both starts or ends of transactions, after which it can't be seen any
/// more what earlier statements wrote through: its text.
pub(crate) async fn forgetting(
    endpoint: &Endpoint,
    flavor: Flavor,
    charsets: &ClientCharsets,
    from: &Position,
    to: &Position,
) -> Result<Option<String>> {
    if from.reached(to) {
        return Ok(None);
    }
    let mut stream = Stream::ahead(endpoint, flavor, from).await?;
    let (mut file, mut offset) = (from.file.clone(), from.offset);
    loop {
        let event = stream.next().await?;
        let (kind, low) = (event.header().event_type_raw(), event.header().log_pos());
        match kind {
            code::ROTATE => {
                let (start, name) = events::rotate(event.data()).map_err(Error::malformed)?;
                // The first one repeats where the stream begins; bytes of a checksum can follow its name.
                if !name.starts_with(&file) {
                    (file, offset) = (name, start);
                }
            }
            code::QUERY | code::EXECUTE_LOAD_QUERY | code::MARIA_QUERY_COMPRESSED => {
                let query = Query::parse(flavor, kind, event.data()).map_err(Error::malformed)?;
                for text in charsets.readings(&query).texts {
                    if let Statement::Definition(definition) = classify(&text, &query.schema, query.syntax)
                        && definition.forgets
                    {
                        return Ok(Some(text.into_owned()));
                    }
                }
            }
            _ => {}
        }
        if kind != code::ROTATE && low != 0 {
            offset = full_offset(offset, low);
        }
        if (file_number(&file), offset) >= (to.file_number(), to.offset) {
            return Ok(None);
        }
    }
}

/// An offset from its low 32 bits, which is what headers have, and an earlier offset.
pub(crate) fn full_offset(before: u64, low: u32) -> u64 {
    let offset = (before & !0xffff_ffff) | u64::from(low);
    match offset < before && before - offset > 1 << 31 {
        true => offset + (1 << 32),
        false => offset,
    }
}
