//! A look ahead in the log: which definitions further on hide what an earlier statement wrote through.

use rowmill_change::{Position, file_number};

use super::client_charset::ClientCharsets;
use super::events::{self, code};
use super::query::Query;
use super::sql::{Effects, Forgotten, Statement, classify};
use super::stream::Stream;
use crate::endpoint::{Endpoint, Flavor};
use crate::error::{Error, Result};

/// Definitions after which something can't be seen any more, of a stretch of the log that was looked through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passed {
    found: Vec<(Forgotten, String)>,
}

/// So many are kept; what comes after them counts as hiding anything.
const PASSED_MAX: usize = 1_000;

impl Passed {
    /// The text of one that may hide what a statement with these effects wrote through.
    pub(crate) fn hiding(&self, effects: &Effects) -> Option<&str> {
        self.found.iter().find(|(forgotten, _)| forgotten.concerns(effects)).map(|(_, text)| text.as_str())
    }

    fn note(&mut self, forgotten: Forgotten, text: &str) {
        const CHARS_MAX: usize = 200;
        if forgotten == Forgotten::Nothing || self.found.len() > PASSED_MAX {
            return;
        }
        let forgotten = if self.found.len() == PASSED_MAX { Forgotten::Anything } else { forgotten };
        self.found.push((forgotten, text.chars().take(CHARS_MAX).collect()));
    }
}

/// Looks through the log between two places, both starts or ends of transactions, and notes the definitions after
/// which it can't be seen any more what earlier statements wrote through.
pub(crate) async fn look_through(
    endpoint: &Endpoint,
    flavor: Flavor,
    charsets: &ClientCharsets,
    from: &Position,
    to: &Position,
    passed: &mut Passed,
) -> Result<()> {
    if from.reached(to) {
        return Ok(());
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
                    if let Statement::Definition(definition) = classify(&text, &query.schema, query.syntax) {
                        passed.note(definition.forgets, &text);
                    }
                }
            }
            _ => {}
        }
        if kind != code::ROTATE && low != 0 {
            offset = events::full_offset(offset, low);
        }
        if (file_number(&file), offset) >= (to.file_number(), to.offset) {
            return Ok(());
        }
    }
}
