//! `#[derive(State)]`: the columns of an accumulator.

use crate::parameter::plain;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Ident, Index, Member, Meta, Token, Type};

/// Expands the derive.
pub(crate) fn expand(item: &DeriveInput) -> TokenStream {
    expand_or_error(item).unwrap_or_else(|error| error.into_compile_error())
}

/// One field.
struct Part<'f> {
    member: Member,
    ty: &'f Type,
    column: String,
    /// Marked `#[rows]`, and the names of its columns where they are given.
    rows: Option<Vec<String>>,
}

fn expand_or_error(item: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &item.data else {
        return Err(syn::Error::new_spanned(&item.ident, "a state is a struct: its fields are the columns"));
    };
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&item.generics, "a state has no generics"));
    }
    let parts: Vec<Part<'_>> = match &data.fields {
        Fields::Unit => Vec::new(),
        Fields::Named(fields) => fields.named.iter().enumerate().map(part).collect::<syn::Result<_>>()?,
        Fields::Unnamed(fields) => fields.unnamed.iter().enumerate().map(part).collect::<syn::Result<_>>()?,
    };
    if parts.is_empty() {
        return Err(syn::Error::new_spanned(&item.ident, "a state has at least one field"));
    }
    let mut marked = parts.iter().filter(|part| part.rows.is_some());
    let body = match (marked.next(), marked.next()) {
        (None, _) => single(&item.ident, &parts),
        (Some(_), None) => several(&item.ident, &parts),
        (Some(_), Some(second)) => {
            return Err(syn::Error::new(second.ty.span(), "only one field of a state is `#[rows]`"));
        }
    };
    Ok(quote! {
        const _: () = {
            #[allow(unused_imports)]
            use ::rowmill_sdk::aggregate as __state;
            #body
        };
    })
}

fn part((number, field): (usize, &Field)) -> syn::Result<Part<'_>> {
    let (member, column) = match &field.ident {
        Some(name) => (Member::Named(name.clone()), plain(name)),
        None => (Member::Unnamed(Index::from(number)), format!("value_{number}")),
    };
    let mut rows = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("rows")) {
        let names = match &attribute.meta {
            Meta::Path(_) => Punctuated::new(),
            _ => attribute.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated)?,
        };
        rows = Some(names.iter().map(plain).collect());
    }
    Ok(Part { member, ty: &field.ty, column, rows })
}

/// A state of one row.
fn single(name: &Ident, parts: &[Part<'_>]) -> TokenStream {
    let types: Vec<TokenStream> = parts.iter().map(stored).collect();
    let members: Vec<&Member> = parts.iter().map(|part| &part.member).collect();
    let columns: Vec<&str> = parts.iter().map(|part| part.column.as_str()).collect();
    let index: Vec<Index> = (0..parts.len()).map(Index::from).collect();
    quote! {
        #[automatically_derived]
        impl __state::Stored for #name {
            type Builder = (#(#types::Builder,)*);
            type View = (#(#types::View,)*);

            fn fields(name: &str) -> ::std::vec::Vec<::rowmill_sdk::Field> {
                let mut fields = ::std::vec::Vec::new();
                #(fields.extend(#types::fields(&::rowmill_sdk::adapter::column_name(name, #columns)));)*
                fields
            }
            fn builder(rows: usize) -> Self::Builder {
                (#(#types::builder(rows),)*)
            }
            fn push(&self, to: &mut Self::Builder) {
                #(#types::push(&self.#members, &mut to.#index);)*
            }
            fn push_none(to: &mut Self::Builder) {
                #(#types::push_none(&mut to.#index);)*
            }
            fn finish(builder: Self::Builder, columns: &mut ::std::vec::Vec<::rowmill_sdk::Column>) {
                #(#types::finish(builder.#index, columns);)*
            }
            fn open(
                columns: &mut __state::Columns,
                rows: usize,
            ) -> ::core::result::Result<Self::View, ::std::string::String> {
                ::core::result::Result::Ok((#(#types::open(columns, rows)?,)*))
            }
            fn read(view: &Self::View, row: usize) -> Self {
                Self { #(#members: #types::read(&view.#index, row),)* }
            }
        }

        #[automatically_derived]
        impl __state::Accumulator for #name {
            const SINGLE: bool = true;
            type Builder = <Self as __state::Stored>::Builder;
            type View = <Self as __state::Stored>::View;

            fn fields() -> ::std::vec::Vec<::rowmill_sdk::Field> {
                <Self as __state::Stored>::fields("")
            }
            fn builder(states: usize) -> <Self as __state::Accumulator>::Builder {
                <Self as __state::Stored>::builder(states)
            }
            #[inline]
            fn push(&self, to: &mut <Self as __state::Accumulator>::Builder) -> u32 {
                <Self as __state::Stored>::push(self, to);
                1
            }
            fn finish(
                builder: <Self as __state::Accumulator>::Builder,
            ) -> ::std::vec::Vec<::rowmill_sdk::Column> {
                let mut columns = ::std::vec::Vec::new();
                <Self as __state::Stored>::finish(builder, &mut columns);
                columns
            }
            fn open(
                columns: ::std::vec::Vec<::rowmill_sdk::Column>,
                rows: usize,
            ) -> ::core::result::Result<<Self as __state::Accumulator>::View, ::std::string::String> {
                <Self as __state::Stored>::open(&mut columns.into_iter(), rows)
            }
            #[inline]
            fn read(
                view: &<Self as __state::Accumulator>::View,
                rows: ::core::ops::Range<usize>,
            ) -> ::core::result::Result<Self, ::std::string::String> {
                ::core::result::Result::Ok(<Self as __state::Stored>::read(view, rows.start))
            }
        }
    }
}

/// A state of any number of rows: one per element, after a head where there are other fields.
fn several(name: &Ident, parts: &[Part<'_>]) -> TokenStream {
    let head = parts.len() > 1;
    let mut types = Vec::new();
    let mut fields = Vec::new();
    let mut builders = Vec::new();
    let mut pushes = Vec::new();
    let mut fillers = Vec::new();
    let mut reads = Vec::new();
    let mut elements = quote!();
    for (number, part) in parts.iter().enumerate() {
        let (ty, member, column) = (stored(part), &part.member, &part.column);
        let index = Index::from(number);
        let builder = format_ident!("__builder{}", number);
        match &part.rows {
            Some(names) => {
                fields.push(quote!(::rowmill_sdk::adapter::renamed(#ty::fields(#column), &[#(#names),*])));
                builders.push(quote!(#ty::builder()));
                if head {
                    pushes.push(quote!(#ty::push_none(&mut to.#index);));
                }
                elements = quote!(let #builder = #ty::push(&self.#member, &mut to.#index););
                elements.extend(quote!(let elements = #builder;));
                reads.push(quote!(#member: #ty::read(&view.#index, elements.clone())));
            }
            None => {
                fields.push(quote!(#ty::fields(#column)));
                builders.push(quote!(#ty::builder(states)));
                pushes.push(quote!(#ty::push(&self.#member, &mut to.#index);));
                fillers.push(quote!(#ty::push_none(&mut to.#index);));
                reads.push(quote!(#member: #ty::read(&view.#index, start)));
            }
        }
        types.push(ty);
    }
    let index: Vec<Index> = (0..parts.len()).map(Index::from).collect();
    let (heads, read_head) = match head {
        true => (
            1u32,
            quote! {
                if rows.is_empty() {
                    return ::core::result::Result::Ok(<Self as ::core::default::Default>::default());
                }
                let start = rows.start;
                let elements = start + 1..rows.end;
            },
        ),
        false => (0u32, quote!(let elements = rows;)),
    };
    quote! {
        #[automatically_derived]
        impl __state::Accumulator for #name {
            const SINGLE: bool = false;
            type Builder = (#(#types::Builder,)*);
            type View = (#(#types::View,)*);

            fn fields() -> ::std::vec::Vec<::rowmill_sdk::Field> {
                let mut fields = ::std::vec::Vec::new();
                #(fields.extend(#fields);)*
                if #head {
                    fields.iter_mut().for_each(|field| field.nullable = true);
                }
                fields
            }
            #[allow(unused_variables)]
            fn builder(states: usize) -> Self::Builder {
                (#(#builders,)*)
            }
            fn push(&self, to: &mut Self::Builder) -> u32 {
                #(#pushes)*
                #elements
                #[allow(clippy::reversed_empty_ranges)]
                if #head {
                    for _ in 0..elements {
                        #(#fillers)*
                    }
                }
                elements as u32 + #heads
            }
            fn finish(builder: Self::Builder) -> ::std::vec::Vec<::rowmill_sdk::Column> {
                let mut columns = ::std::vec::Vec::new();
                #(#types::finish(builder.#index, &mut columns);)*
                columns
            }
            fn open(
                columns: ::std::vec::Vec<::rowmill_sdk::Column>,
                rows: usize,
            ) -> ::core::result::Result<Self::View, ::std::string::String> {
                let mut columns = columns.into_iter();
                ::core::result::Result::Ok((#(#types::open(&mut columns, rows)?,)*))
            }
            fn read(
                view: &Self::View,
                rows: ::core::ops::Range<usize>,
            ) -> ::core::result::Result<Self, ::std::string::String> {
                #read_head
                ::core::result::Result::Ok(Self { #(#reads,)* })
            }
        }
    }
}

/// The field's type as what stores it; with the author's span, so that a type that cannot be
/// stored is shown where it is written.
fn stored(part: &Part<'_>) -> TokenStream {
    let ty = part.ty;
    match part.rows {
        Some(_) => quote_spanned!(ty.span()=> <#ty as __state::StoredRows>),
        None => quote_spanned!(ty.span()=> <#ty as __state::Stored>),
    }
}
