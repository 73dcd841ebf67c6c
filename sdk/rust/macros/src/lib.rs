//! The attributes of rowmill-sdk. Their documentation for authors is in that crate.
//!
//! An attribute leaves the function as it is, apart from the attributes of its parameters, and
//! puts a type of the same name beside it (functions and types have separate names in Rust),
//! which implements `rowmill_sdk::RowFunction`. `#[aggregate]` does the same above an `impl`, with a
//! type named after it in snake case. The generated code only names types and calls
//! `rowmill_sdk::adapter`; what can be a trait bound is one, so that the compiler points at the
//! author's type.

mod aggregate;
mod aggregate_methods;
mod binding;
mod config;
mod expand;
mod options;
mod parameter;
mod state;
mod types;

use options::Kind;
use proc_macro::TokenStream;
use syn::parse_macro_input;

/// A function with one result row per row.
#[proc_macro_attribute]
pub fn scalar(options: TokenStream, item: TokenStream) -> TokenStream {
    function(Kind::Scalar, options, item)
}

/// A function that says which rows stay.
#[proc_macro_attribute]
pub fn filter(options: TokenStream, item: TokenStream) -> TokenStream {
    function(Kind::Filter, options, item)
}

/// A function with any number of result rows per row.
#[proc_macro_attribute]
pub fn table(options: TokenStream, item: TokenStream) -> TokenStream {
    function(Kind::Table, options, item)
}

fn function(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::Options);
    let item = parse_macro_input!(item as syn::ItemFn);
    expand::function(kind, &options, item).into()
}

/// A struct that a `#[config]` parameter can have.
#[proc_macro_attribute]
pub fn config(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemStruct);
    config::expand(options.into(), item).into()
}

/// An accumulator whose methods make an aggregate.
#[proc_macro_attribute]
pub fn aggregate(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as options::AggregateOptions);
    let item = parse_macro_input!(item as syn::ItemImpl);
    aggregate::expand(&options, item).into()
}

/// A struct whose fields are the columns of a state.
#[proc_macro_derive(State, attributes(rows))]
pub fn state(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::DeriveInput);
    state::expand(&item).into()
}
