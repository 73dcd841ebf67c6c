//! What the target keeps of the aggregates with its position, as one document.
//!
//! It has two parts. What is *kept* decides how the next start goes on and what `verify` expects, so a document whose
//! kept part can't be read stops the pipeline: to go on as if there were none would let late rows in. What is *shown* is
//! for `status` while no process runs, and decides nothing.

use rowmill_observe::AggregateStatus;
use rowmill_operators::AggregateProgress;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use rowmill_mysql::ANEW;

/// The document's. The first was a list of what is both kept and shown, and is still read.
const VERSION: u32 = 2;

/// The document.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    kept: Vec<AggregateProgress>,
    #[serde(default)]
    shown: serde_json::Value,
}

/// The document of aggregates as they are.
pub(crate) fn write(kept: Vec<AggregateProgress>, shown: &[AggregateStatus]) -> Result<String, Error> {
    let internal = |error| Error::internal(format!("what aggregates keep can't be written: {error}"));
    let shown = serde_json::to_value(shown).map_err(internal)?;
    serde_json::to_string(&Document { version: VERSION, kept, shown }).map_err(internal)
}

/// What is kept.
pub(crate) fn kept(pipeline: &str, document: Option<&str>) -> Result<Vec<AggregateProgress>, Error> {
    let Some(text) = document else { return Ok(Vec::new()) };
    let unreadable = |found: String| Error::Progress {
        pipeline: pipeline.to_owned(),
        what: "what the aggregates keep with the position can't be read".to_owned(),
        found,
        needed: format!("a document of version 1 to {VERSION}"),
        choices: format!("run the version of rowmill that wrote it, or {ANEW}"),
    };
    let damaged = |error: serde_json::Error| unreadable(format!("a damaged one ({error})"));
    let document: serde_json::Value = serde_json::from_str(text).map_err(damaged)?;
    if document.is_array() {
        return serde_json::from_value(document).map_err(damaged);
    }
    match document["version"].as_u64() {
        Some(version) if version != u64::from(VERSION) => Err(unreadable(format!("version {version}"))),
        _ => serde_json::from_value(document).map(|document: Document| document.kept).map_err(damaged),
    }
}

/// What is shown; nothing where that can't be read.
pub(crate) fn shown(document: &serde_json::Value) -> Vec<AggregateStatus> {
    let shown = if document.is_array() { document } else { &document["shown"] };
    Vec::deserialize(shown).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{kept as kept_of, shown as shown_of, write};

    /// As version 0.1 wrote it before there were documents.
    const FIRST: &str = r#"[{"table":"`shop`.`t`","step":"totals","groups":3,"groups_in_memory":2,"memory":4096,
        "evicted":1,"watermark":"2026-01-01T00:00:00","late":4,"expired":0,"out":1,
        "out_rows":["000000000000000000000000000000ff"],"event_time":{"newest":1767225600000000,"on":true,"late":4}}]"#;

    #[test]
    fn the_first_form_is_read_and_the_new_one_says_the_same() {
        let kept = kept_of("p", Some(FIRST)).unwrap();
        assert_eq!((kept.len(), kept[0].step.as_str(), kept[0].late, kept[0].out), (1, "totals", 4, 1));
        let shown = shown_of(&serde_json::from_str(FIRST).unwrap());
        assert_eq!((shown[0].groups, shown[0].evicted, shown[0].watermark.is_some()), (3, 1, true));
        let document = write(kept.clone(), &shown).unwrap();
        assert_eq!(kept_of("p", Some(&document)).unwrap(), kept);
        assert_eq!(shown_of(&serde_json::from_str(&document).unwrap()), shown);
        assert!(kept_of("p", None).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_never_nothing() {
        for (document, words) in [
            ("null", "damaged"),
            ("{}", "damaged"),
            ("[{\"table\":\"t\"}]", "damaged"),
            ("{\"version\":2}", "damaged"),
            ("{\"version\":2,\"kept\":[{}]}", "damaged"),
            ("{\"version\":3,\"kept\":[]}", "version 3"),
        ] {
            let error = kept_of("p", Some(document)).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("--rebuild"), "{document}: {error}");
        }
    }
}
