//! `#[config]` above a struct: serde's `Deserialize` with unknown keys refused, defaults, and the
//! keys for the catalog.

use crate::parameter::docs;
use crate::types;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Expr, Fields, ItemStruct};

/// Expands the attribute.
pub(crate) fn expand(options: TokenStream, item: ItemStruct) -> TokenStream {
    expand_or_error(options, item).unwrap_or_else(|error| error.into_compile_error())
}

fn expand_or_error(options: TokenStream, mut item: ItemStruct) -> syn::Result<TokenStream> {
    if !options.is_empty() {
        return Err(syn::Error::new_spanned(options, "#[config] has no options"));
    }
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(item.generics, "a configuration has no generics"));
    }
    let Fields::Named(fields) = &mut item.fields else {
        return Err(syn::Error::new_spanned(
            item.ident,
            "a configuration is a struct with named fields: the keys of the pipeline file",
        ));
    };
    let name = item.ident.clone();
    let mut keys = Vec::new();
    let mut defaults = Vec::new();
    for (number, field) in fields.named.iter_mut().enumerate() {
        let key = field.ident.as_ref().map(crate::parameter::plain).unwrap_or_default();
        let text = docs(&field.attrs);
        let mut default: Option<Expr> = None;
        let mut kept = Vec::new();
        for attribute in field.attrs.drain(..) {
            if attribute.path().is_ident("default") {
                default = Some(
                    attribute
                        .parse_args()
                        .map_err(|error| syn::Error::new(error.span(), "write the value: #[default(0.9)]"))?,
                );
            } else {
                kept.push(attribute);
            }
        }
        field.attrs = kept;
        let ty = &field.ty;
        let optional = types::is_named(ty, "Option");
        let default_json = match &default {
            Some(value) => {
                let function = format_ident!("__{}_default_{}", name, number);
                let path = function.to_string();
                field.attrs.push(syn::parse_quote!(#[serde(default = #path)]));
                defaults.push(quote! {
                    #[doc(hidden)]
                    #[allow(non_snake_case)]
                    fn #function() -> #ty {
                        ::core::convert::From::from(#value)
                    }
                });
                quote!(::core::option::Option::Some(::rowmill_sdk::serde_json::json!(#value).to_string()))
            }
            None => quote!(::core::option::Option::None),
        };
        let required = default.is_none() && !optional;
        keys.push(quote! {
            ::rowmill_sdk::ConfigKey {
                name: #key.into(),
                docs: #text.into(),
                required: #required,
                default_json: #default_json,
            }
        });
    }
    Ok(quote! {
        #[derive(::rowmill_sdk::serde::Deserialize)]
        #[serde(crate = "::rowmill_sdk::serde", deny_unknown_fields)]
        #item

        #(#defaults)*

        #[automatically_derived]
        impl ::rowmill_sdk::Config for #name {
            fn keys() -> ::std::vec::Vec<::rowmill_sdk::ConfigKey> {
                ::std::vec![#(#keys),*]
            }
        }
    })
}
