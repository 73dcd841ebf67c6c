//! Arrow columns under construction, filled from the binary log's bytes or from the protocol's
//! values.
//!
//! One [`Store`] per column holds plain vectors. [`wire`] appends a cell of a row event without
//! making a value of it first, [`value`] appends a cell of a result set; both end in the same
//! vectors by the same conversions, which is why a value does not depend on where it came from.

mod bytes;
mod decimal;
mod json;
mod store;
mod temporal;
mod value;
mod wire;

pub(crate) use bytes::{Bad, Bytes};
pub(crate) use store::{Column, Strings};
pub(crate) use wire::WireType;
