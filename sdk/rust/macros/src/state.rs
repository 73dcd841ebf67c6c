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
    let all = |item: &str| -> Vec<TokenStream> { parts.iter().map(|part| stored(part, item)).collect() };
    let (builder_types, view_types) = (all("Builder"), all("View"));
    let (fields, builder, push, push_none) = (all("fields"), all("builder"), all("push"), all("push_none"));
    let (finish, open, read) = (all("finish"), all("open"), all("read"));
    let bounds: Vec<TokenStream> = parts.iter().map(bound).collect();
    let default = quote_spanned!(name.span()=> #name: ::core::default::Default);
    let members: Vec<&Member> = parts.iter().map(|part| &part.member).collect();
    let columns: Vec<&str> = parts.iter().map(|part| part.column.as_str()).collect();
    let index: Vec<Index> = (0..parts.len()).map(Index::from).collect();
    quote! {
        #[automatically_derived]
        impl __state::Stored for #name
        where
            #(#bounds,)*
        {
            type Builder = (#(#builder_types,)*);
            type View = (#(#view_types,)*);

            fn fields(name: &str) -> ::std::vec::Vec<::rowmill_sdk::Field> {
                let mut fields = ::std::vec::Vec::new();
                #(fields.extend(#fields(&::rowmill_sdk::adapter::column_name(name, #columns)));)*
                fields
            }
            fn builder(rows: usize) -> Self::Builder {
                (#(#builder(rows),)*)
            }
            fn push(&self, to: &mut Self::Builder) {
                #(#push(&self.#members, &mut to.#index);)*
            }
            fn push_none(to: &mut Self::Builder) {
                #(#push_none(&mut to.#index);)*
            }
            fn finish(builder: Self::Builder, columns: &mut ::std::vec::Vec<::rowmill_sdk::Column>) {
                #(#finish(builder.#index, columns);)*
            }
            fn open(
                columns: &mut __state::Columns,
                rows: usize,
            ) -> ::core::result::Result<Self::View, ::std::string::String> {
                ::core::result::Result::Ok((#(#open(columns, rows)?,)*))
            }
            fn read(view: &Self::View, row: usize) -> Self {
                Self { #(#members: #read(&view.#index, row),)* }
            }
        }

        #[automatically_derived]
        impl __state::Accumulator for #name
        where
            #default,
            #(#bounds,)*
        {
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
    let all = |item: &str| -> Vec<TokenStream> { parts.iter().map(|part| stored(part, item)).collect() };
    let (builder_types, view_types) = (all("Builder"), all("View"));
    let (finish, open) = (all("finish"), all("open"));
    let bounds: Vec<TokenStream> = parts.iter().map(bound).collect();
    let default = quote_spanned!(name.span()=> #name: ::core::default::Default);
    let mut fields = Vec::new();
    let mut builders = Vec::new();
    let mut pushes = Vec::new();
    let mut fillers = Vec::new();
    let mut reads = Vec::new();
    let mut elements = quote!();
    for (number, part) in parts.iter().enumerate() {
        let (member, column) = (&part.member, &part.column);
        let call = |method: &str| stored(part, method);
        let (field, begin, push) = (call("fields"), call("builder"), call("push"));
        let (push_none, read) = (call("push_none"), call("read"));
        let index = Index::from(number);
        let builder = format_ident!("__builder{}", number);
        match &part.rows {
            Some(names) => {
                fields.push(quote!(::rowmill_sdk::adapter::renamed(#field(#column), &[#(#names),*])));
                builders.push(quote!(#begin()));
                if head {
                    pushes.push(quote!(#push_none(&mut to.#index);));
                }
                elements = quote!(let #builder = #push(&self.#member, &mut to.#index););
                elements.extend(quote!(let elements = #builder;));
                reads.push(quote!(#member: #read(&view.#index, elements.clone())));
            }
            None => {
                fields.push(quote!(#field(#column)));
                builders.push(quote!(#begin(states)));
                pushes.push(quote!(#push(&self.#member, &mut to.#index);));
                fillers.push(quote!(#push_none(&mut to.#index);));
                reads.push(quote!(#member: #read(&view.#index, start)));
            }
        }
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
        impl __state::Accumulator for #name
        where
            #default,
            #(#bounds,)*
        {
            const SINGLE: bool = false;
            type Builder = (#(#builder_types,)*);
            type View = (#(#view_types,)*);

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
                #(#finish(builder.#index, &mut columns);)*
                columns
            }
            fn open(
                columns: ::std::vec::Vec<::rowmill_sdk::Column>,
                rows: usize,
            ) -> ::core::result::Result<Self::View, ::std::string::String> {
                let mut columns = columns.into_iter();
                ::core::result::Result::Ok((#(#open(&mut columns, rows)?,)*))
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

/// What the field's type must be, with the author's span: the one place where the compiler says
/// that it is not, since the rest relies on it.
fn bound(part: &Part<'_>) -> TokenStream {
    let ty = part.ty;
    match part.rows {
        Some(_) => quote_spanned!(ty.span()=> #ty: __state::StoredRows),
        None => quote_spanned!(ty.span()=> #ty: __state::Stored),
    }
}

/// An item of what stores the field.
fn stored(part: &Part<'_>, item: &str) -> TokenStream {
    let (ty, item) = (part.ty, format_ident!("{}", item));
    match part.rows {
        Some(_) => quote!(<#ty as __state::StoredRows>::#item),
        None => quote!(<#ty as __state::Stored>::#item),
    }
}
