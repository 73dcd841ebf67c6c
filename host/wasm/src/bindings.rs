//! The typed bindings of `wit/`, generated at compile time.
//!
//! A component exports `catalog` and one of the two function interfaces or both, so the
//! worlds' own index types, which demand every export, are not used: each interface is
//! looked up by itself ([`catalog`], [`row_function`], [`aggregate_function`]) and may be absent.
//!
//! Parameters are borrowed: a `list<u8>` goes in as `&[u8]`, so the only copy of a
//! column's buffer is the one into the guest's memory. Results come out owned.
//!
//! The unsafe code in here is the generator's: a function looked up and type-checked once
//! is called without checking its type again.
#![allow(missing_docs, unreachable_pub, unused_qualifications, unsafe_code, clippy::all)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "udf",
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use exports::rowmill::udf::{aggregate_function, catalog, row_function};
pub(crate) use rowmill::udf::{host, types};
