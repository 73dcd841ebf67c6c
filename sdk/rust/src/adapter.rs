//! What the attributes expand to calls of: binding arguments and looping over rows.
//!
//! Everything here is the same on every target, so that a native test runs the very code that
//! runs in the component. No item is part of the public API.

mod aggregate;
mod bind;
mod run;

pub use aggregate::{
    Update, aggregate, aggregate_signature, column_name, migrate, no_migration, no_retract, renamed, several,
};
pub use bind::{Binder, Slot, info, parameter, result_names};
pub use run::{columns, get, get_option, scalar, table, valid, written};

use crate::contract::{Batch, Output, Signature};
use crate::function::Bound;

pub use crate::aggregate::Accumulators;
pub use crate::cell::{Cell, Nullable, Returned, Written};
pub use crate::column::{IntoColumn, View};
pub use crate::config::Config;
pub use crate::contract::{Argument, BindError, RowFact};
pub use crate::function::{Arity, ConfigKey, FunctionInfo, Kind, RowFunction};
pub use crate::param::{Owned, Value};
pub use crate::rows::{Rows, Shape};
pub use crate::writer::Writer;
pub use run::{ColumnsReturned, Flagged};
pub use serde_json;

/// A binding made of a signature and a closure.
struct Call<F> {
    signature: Signature,
    run: F,
}

impl<F: FnMut(Batch) -> Result<Output, String>> Bound for Call<F> {
    fn signature(&self) -> Signature {
        self.signature.clone()
    }

    fn run(&mut self, batch: Batch) -> Result<Output, String> {
        (self.run)(batch)
    }
}

/// Makes a binding of a closure.
pub fn bound<'a>(signature: Signature, run: impl FnMut(Batch) -> Result<Output, String> + 'a) -> Box<dyn Bound + 'a> {
    Box::new(Call { signature, run })
}
