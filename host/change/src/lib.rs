//! What flows through a pipeline, whatever the source and the target are: changes of rows, the position that they
//! lead to, what a column says of itself, and the writes that they become.
//!
//! This is the vocabulary of both edges. Sources and targets speak it to operators, which know neither. It does no
//! I/O and knows no server: only columns in Arrow's format, and the types of MySQL as facts about them.

mod batch;
mod definition;
mod edge;
mod epoch;
mod event;
mod facts;
mod holds;
mod key_hash;
mod position;
mod snapshot;
mod sql_type;
mod standing;
mod table_name;
mod table_pattern;
mod witness;
mod write;

pub use batch::{ChangeBatch, Op, TransactionStart};
pub use definition::Definition;
pub use edge::{Answer, ChangeStream, SnapshotStream, Source, Target};
pub use epoch::{Committed, Epoch, ProgressUpdate, Removal, Written};
pub use event::ChangeEvent;
pub use facts::{WrongFact, check_facts, check_name};
pub use holds::{Holds, Unholdable};
pub use key_hash::{INVISIBLE, KEY_HASH, KEY_HASH_BYTES, is_key_hash, key_hash_field};
pub use position::{Position, file_number};
pub use snapshot::{Key, KeyRange, SnapshotBatch, SnapshotProgress, TableProgress};
pub use sql_type::{Geometry, Sign, Size, SqlType, TYPE_BYTES_MAX};
pub use standing::Standing;
pub use table_name::{TableName, quote};
pub use table_pattern::{TablePattern, glob};
pub use witness::{Mark, Witness};
pub use write::{Existing, Mode, TargetOptions, TargetTable, Write};
