//! How the parameters of a function are bound, opened for a batch and passed on.

use crate::parameter::{Fact, Parameter, Role};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Type};

/// Code for each parameter, by what it does.
pub(crate) struct Bindings {
    /// The names of the arguments.
    pub(crate) names: Vec<String>,
    /// Their entries in the catalog.
    pub(crate) entries: Vec<TokenStream>,
    /// Binds arguments, in their order.
    pub(crate) binds: Vec<TokenStream>,
    /// Asks for row facts, after that.
    pub(crate) facts: Vec<TokenStream>,
    /// Opens the columns of a batch.
    pub(crate) opens: Vec<TokenStream>,
    /// Gives them back.
    pub(crate) closes: Vec<TokenStream>,
    /// The keys of the configuration.
    pub(crate) keys: TokenStream,
    /// Reads the configuration, or refuses it.
    pub(crate) config: TokenStream,
}

/// The code for these parameters. `columns`: of the column form.
pub(crate) fn bindings(parameters: &[Parameter], columns: bool) -> syn::Result<Bindings> {
    let mut names = Vec::new();
    let mut entries = Vec::new();
    let mut binds = Vec::new();
    let mut facts = Vec::new();
    let mut opens = Vec::new();
    let mut closes = Vec::new();
    let mut keys = quote!(::std::vec::Vec::new());
    let mut config = quote!(binder.no_config()?;);
    let mut optional_seen = false;
    // Local names of the generated code, whatever the span around them.
    let local = |name: &str| Ident::new(name, Span::call_site());
    let (binder, batch, rows) = (local("binder"), local("batch"), local("rows"));
    for (number, parameter) in parameters.iter().enumerate() {
        let slot = format_ident!("__slot{}", number);
        let value = format_ident!("__value{}", number);
        let (name, docs) = (&parameter.name, &parameter.docs);
        let view = |ty: &Type| view_of(ty, columns, parameter.span);
        match &parameter.role {
            Role::Column { ty, sees_null, optional } => {
                if optional_seen && !optional {
                    return Err(syn::Error::new(parameter.span, "only the last parameters can be left out"));
                }
                optional_seen |= optional;
                let view = view(ty);
                names.push(name.clone());
                let span = parameter.span;
                entries.push(quote_spanned!(span=> __rt::parameter::<#view>(#name, #docs, #optional)));
                binds.push(quote_spanned! {span=>
                    let mut #slot = #binder.column::<#view>(#sees_null, #optional)?;
                });
                opens.push(quote_spanned!(span=> let #value: #view = #slot.open(&mut #batch)?;));
                closes.push(quote_spanned!(span=> #slot.close(#rows, #value);));
            }
            Role::Literal { ty, optional, .. } => {
                if optional_seen && !optional {
                    return Err(syn::Error::new(parameter.span, "only the last parameters can be left out"));
                }
                optional_seen |= optional;
                names.push(name.clone());
                let view = quote_spanned!(parameter.span=> <#ty as __rt::Owned>::View);
                entries.push(quote!(__rt::parameter::<#view>(#name, #docs, #optional)));
                binds.push(quote_spanned! {parameter.span=>
                    let #value: ::core::option::Option<#ty> = #binder.literal::<#ty>(#optional)?;
                });
                if !optional {
                    // `literal` has refused NULL.
                    binds.push(quote! {
                        let ::core::option::Option::Some(#value) = #value else {
                            return ::core::result::Result::Err(__rt::BindError::call("a literal is missing"));
                        };
                    });
                }
            }
            Role::Config(ty) => {
                keys = quote_spanned!(parameter.span=> <#ty as __rt::Config>::keys());
                config = quote_spanned!(parameter.span=> let #value: #ty = #binder.config()?;);
            }
            Role::Fact(fact, ty) => {
                let fact_name = format_ident!(
                    "{}",
                    match fact {
                        Fact::Seed => "Seed",
                        Fact::CommitTime => "CommitTime",
                        Fact::Change => "ChangeKind",
                    }
                );
                let view = match fact {
                    Fact::Change if !columns => quote!(<u8 as __rt::Value>::View),
                    _ => view(ty),
                };
                facts.push(quote!(let mut #slot = binder.fact::<#view>(__rt::RowFact::#fact_name);));
                opens.push(quote!(let #value: #view = #slot.open(&mut batch)?;));
                closes.push(quote!(#slot.close(rows, #value);));
            }
            Role::Writer(_) | Role::Rows(_) => {}
        }
    }
    Ok(Bindings { names, entries, binds, facts, opens, closes, keys, config })
}

/// The column type of a parameter.
fn view_of(ty: &Type, columns: bool, span: Span) -> TokenStream {
    match columns {
        true => quote_spanned!(span=> #ty),
        false => quote_spanned!(span=> <#ty as __rt::Value>::View),
    }
}

/// The expressions that the function is called with.
pub(crate) fn arguments(parameters: &[Parameter], columns: bool) -> Vec<TokenStream> {
    let argument = |(number, parameter): (usize, &Parameter)| {
        let value = format_ident!("__value{}", number);
        let row = format_ident!("row", span = Span::call_site());
        // With the author's span, so that a wrong type is shown where it is written.
        let span = parameter.span;
        match &parameter.role {
            Role::Column { .. } | Role::Fact(..) if columns => quote!(&#value),
            Role::Column { ty, sees_null: true, .. } => {
                quote_spanned!(span=> __rt::get_option::<#ty>(&#value, #row))
            }
            Role::Column { ty, .. } => quote_spanned!(span=> __rt::get::<#ty>(&#value, #row)),
            Role::Fact(Fact::Change, ty) => {
                quote!(<#ty as ::core::convert::From<u8>>::from(__rt::get::<u8>(&#value, row)))
            }
            Role::Fact(_, ty) => quote_spanned!(span=> __rt::get::<#ty>(&#value, #row)),
            Role::Literal { optional: true, borrowed: true, .. } => quote!(#value.as_deref()),
            Role::Literal { borrowed: true, .. } | Role::Config(_) => quote!(&#value),
            Role::Literal { .. } => quote!(::core::clone::Clone::clone(&#value)),
            Role::Writer(_) | Role::Rows(_) => quote!(__out),
        }
    };
    parameters.iter().enumerate().map(argument).collect()
}

/// The rows in which no parameter that does not see NULLs is NULL.
pub(crate) fn valid(parameters: &[Parameter]) -> TokenStream {
    let columns = parameters.iter().enumerate().filter_map(|(number, parameter)| {
        let value = format_ident!("__value{}", number);
        matches!(parameter.role, Role::Column { sees_null: false, .. })
            .then(|| quote_spanned!(parameter.span=> __rt::View::validity(&#value)))
    });
    quote!(__rt::valid([#(#columns),*]))
}

/// The position of the argument with this name.
pub(crate) fn position(name: &Ident, parameters: &[Parameter]) -> Option<usize> {
    let mut arguments = parameters.iter().filter(|p| matches!(p.role, Role::Column { .. } | Role::Literal { .. }));
    arguments.position(|parameter| name == parameter.name.as_str())
}
