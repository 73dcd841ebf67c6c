//! From an annotated function to its `RowFunction`.

use crate::binding::{self, Bindings, arguments, valid};
use crate::options::{Kind, Options};
use crate::parameter::{self, Parameter, Role};
use crate::types;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Ident, ItemFn, Type};

/// The function, and beside it the adapter or what is wrong.
pub(crate) fn function(kind: Kind, options: &Options, mut item: ItemFn) -> TokenStream {
    let columns = options.columns.is_some();
    let mut errors: Option<syn::Error> = None;
    let mut add = |error: syn::Error| match &mut errors {
        Some(errors) => errors.combine(error),
        None => errors = Some(error),
    };
    let mut parameters = Vec::new();
    // All parameters are read, also after an error, so that their attributes are gone.
    for argument in &mut item.sig.inputs {
        match parameter::read(argument, columns) {
            Ok(parameter) => parameters.push(parameter),
            Err(error) => {
                if let syn::FnArg::Typed(argument) = argument {
                    argument.attrs.clear();
                }
                add(error);
            }
        }
    }
    if let Err(error) = ensure_plain(&item) {
        add(error);
    }
    let adapter = match errors {
        Some(errors) => Err(errors),
        None => adapter(kind, options, &item, &parameters),
    };
    let adapter = adapter.unwrap_or_else(|error| {
        // The type exists all the same, so that `export!` adds no error of its own.
        let (error, name, vis) = (error.into_compile_error(), &item.sig.ident, &item.vis);
        quote!(#error #[doc(hidden)] #[allow(non_camel_case_types)] #vis struct #name {})
    });
    quote! {
        #[allow(dead_code)]
        #item
        #adapter
    }
}

fn ensure_plain(item: &ItemFn) -> syn::Result<()> {
    let signature = &item.sig;
    if let Some(token) = &signature.asyncness {
        return Err(syn::Error::new(token.span(), "a function of a component is not async"));
    }
    if let Some(token) = &signature.unsafety {
        return Err(syn::Error::new(token.span(), "a function of a component is not unsafe"));
    }
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            return Err(syn::Error::new(
                parameter.span(),
                "a function of a component has no type parameters: its types are in the catalog",
            ));
        }
    }
    Ok(())
}

/// What the results are and how rows are run.
struct Results {
    /// `Vec<Field>` or a signature, from `binder`.
    signature: TokenStream,
    /// The results in words, for the catalog.
    words: TokenStream,
    /// The output of a batch, from `rows` and the opened columns; `Result<Output, String>`.
    run: TokenStream,
}

fn adapter(kind: Kind, options: &Options, item: &ItemFn, parameters: &[Parameter]) -> syn::Result<TokenStream> {
    let (ident, vis) = (&item.sig.ident, &item.vis);
    let docs = parameter::docs(&item.attrs);
    let name = match &options.name {
        Some(name) => name.value(),
        None => parameter::plain(ident),
    };
    let results = results(kind, options, item, parameters, &name)?;
    let kind_name = format_ident!(
        "{}",
        match kind {
            Kind::Scalar => "Scalar",
            Kind::Filter => "Filter",
            Kind::Table => "Table",
        }
    );

    let Bindings { names, entries, binds, facts, opens, closes, keys, config } =
        binding::bindings(parameters, options.columns.is_some())?;
    let Results { signature, words, run } = results;
    Ok(quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, Default)]
        #vis struct #ident {}

        const _: () = {
            #[allow(unused_imports)]
            use ::rowmill_sdk::adapter as __rt;

            #[allow(clippy::all, unused_mut, unused_variables, unused_qualifications)]
            impl __rt::RowFunction for #ident {
                fn info(&self) -> __rt::FunctionInfo {
                    __rt::info(
                        #name,
                        __rt::Kind::#kind_name,
                        #docs,
                        ::std::vec![#(#entries),*],
                        #words,
                        #keys,
                    )
                }

                fn bind(
                    &self,
                    args: &[__rt::Argument],
                    config: __rt::serde_json::Value,
                ) -> ::core::result::Result<::std::boxed::Box<dyn ::rowmill_sdk::Bound>, __rt::BindError> {
                    let mut binder = __rt::Binder::new(#name, &[#(#names),*], args, &config);
                    #config
                    #(#binds)*
                    #(#facts)*
                    binder.finish()?;
                    let signature = { #signature };
                    ::core::result::Result::Ok(__rt::bound(signature, move |mut batch: ::rowmill_sdk::Batch| {
                        let rows = batch.rows as usize;
                        #(#opens)*
                        let output: ::rowmill_sdk::Output = { #run };
                        #(#closes)*
                        ::core::result::Result::Ok(output)
                    }))
                }
            }
        };
    })
}

fn results(kind: Kind, options: &Options, item: &ItemFn, parameters: &[Parameter], name: &str) -> syn::Result<Results> {
    let ident = &item.sig.ident;
    let returned = types::returned(&item.sig.output);
    let span = match &item.sig.output {
        syn::ReturnType::Default => ident.span(),
        syn::ReturnType::Type(_, ty) => ty.span(),
    };
    let arguments = arguments(parameters, options.columns.is_some());
    let call = quote!(#ident(#(#arguments),*));
    let valid = valid(parameters);
    let writer = parameters.iter().find_map(|p| match &p.role {
        Role::Writer(ty) => Some((ty, p.span)),
        _ => None,
    });
    let rows = parameters.iter().find_map(|p| match &p.role {
        Role::Rows(ty) => Some((ty, p.span)),
        _ => None,
    });
    if let (Some((_, span)), true) = (rows, kind != Kind::Table) {
        let message = format!("#[{}] has no result rows; write #[table]", kind.name());
        return Err(syn::Error::new(span, message));
    }
    if let (Some((option, _)), true) = (&options.results, kind != Kind::Table) {
        return Err(syn::Error::new(option.span(), "only #[table] has `results(…)`"));
    }
    if kind == Kind::Filter {
        ensure_filter(options, &returned, span, writer.map(|(_, span)| span))?;
    }
    let like = like(options, parameters)?;
    // Local names of the generated code, whatever the span around them.
    let local = |name: &str| Ident::new(name, Span::call_site());
    let (rows_ident, row_ident, out_ident) = (local("rows"), local("row"), local("__out"));

    if kind == Kind::Table {
        return table(options, name, returned, span, rows, &call, &valid);
    }
    if let Some(columns) = &options.columns {
        if let Some((_, span)) = writer {
            let message = "the column form returns its column; leave out `columns` to write row by row";
            return Err(syn::Error::new(span, message));
        }
        if matches!(item.sig.output, syn::ReturnType::Default) {
            return Err(syn::Error::new(columns.span(), "the column form returns a column such as `F64s`"));
        }
        let returned = types::make_static(returned);
        let data_type = quote_spanned! {span=>
            <<#returned as __rt::ColumnsReturned>::Column as __rt::IntoColumn>::data_type()
        };
        return Ok(Results {
            signature: quote!(binder.signature(#name, #data_type, true, #like)),
            words: quote!(#data_type.to_string()),
            run: quote_spanned!(span=> __rt::columns(#rows_ident, #call)?),
        });
    }
    if let Some((writer, writer_span)) = writer {
        let hints = hints(parameters);
        let data_type = quote_spanned!(writer_span=> <#writer as __rt::Writer>::data_type());
        let nullable = quote_spanned!(span=> <#returned as __rt::Written>::NULLABLE);
        return Ok(Results {
            signature: quote!(binder.signature(#name, #data_type, #nullable, #like)),
            words: quote!(#data_type.to_string()),
            run: quote_spanned! {span=>
                __rt::written::<#writer, _>(#rows_ident, #valid, #hints, |#row_ident, #out_ident| #call)
            },
        });
    }
    if matches!(item.sig.output, syn::ReturnType::Default) {
        return Err(syn::Error::new(
            ident.span(),
            format!("#[{}] needs a result: return it, or write it to a parameter `out: &mut Text`", kind.name()),
        ));
    }
    let returned = types::make_static(returned);
    let data_type = quote_spanned! {span=>
        <<#returned as __rt::Returned>::Cell as __rt::Cell>::data_type()
    };
    let nullable = quote_spanned!(span=> <#returned as __rt::Returned>::NULLABLE);
    Ok(Results {
        signature: quote!(binder.signature(#name, #data_type, #nullable, #like)),
        words: quote!(#data_type.to_string()),
        run: quote_spanned!(span=> __rt::scalar(#rows_ident, #valid, |#row_ident| #call)),
    })
}

fn ensure_filter(options: &Options, returned: &Type, span: Span, writer: Option<Span>) -> syn::Result<()> {
    if let Some(span) = writer {
        return Err(syn::Error::new(span, "a filter writes nothing: it returns `bool`"));
    }
    let inner = types::inside(returned, "Result").unwrap_or(returned);
    let (name, allowed) = match options.columns {
        Some(_) => ("Bools", "Bools, Flagged<Bools> or Result<Bools, String>"),
        None => ("bool", "bool, Option<bool> (None = false) or Result<bool, RowError>"),
    };
    let inner = match options.columns {
        Some(_) => types::inside(inner, "Flagged").unwrap_or(inner),
        None => types::inside(inner, "Option").unwrap_or(inner),
    };
    if types::is_named(inner, name) {
        return Ok(());
    }
    let found = types::written(returned);
    Err(syn::Error::new(span, format!("a filter returns {allowed}, found `{found}`")))
}

/// The position of the argument that the result is like.
fn like(options: &Options, parameters: &[Parameter]) -> syn::Result<TokenStream> {
    let Some(like) = &options.like else { return Ok(quote!(::core::option::Option::None)) };
    match binding::position(like, parameters) {
        Some(position) => Ok(quote!(::core::option::Option::Some(#position))),
        None => Err(syn::Error::new(like.span(), format!("there is no column parameter `{like}`"))),
    }
}

fn table(
    options: &Options,
    name: &str,
    returned: Type,
    span: Span,
    rows: Option<(&Type, Span)>,
    call: &TokenStream,
    valid: &TokenStream,
) -> syn::Result<Results> {
    if let Some(columns) = &options.columns {
        let message = "a table function has the row form only; leave out `columns`";
        return Err(syn::Error::new(columns.span(), message));
    }
    let (shape, shape_span, run) = match rows {
        Some((shape, span)) => {
            if types::owned(shape).is_some() || types::written(shape).contains('&') {
                return Err(syn::Error::new(
                    span,
                    "rows are made of owning types: `Rows<(String, i64)>` (its `push` takes `&str`)",
                ));
            }
            let run = quote!(__rt::table::<#shape, _>(rows, #valid, |row, __out| #call));
            (shape.clone(), span, run)
        }
        None => {
            let (inner, fallible) = match types::inside(&returned, "Result") {
                Some(inner) => (inner.clone(), true),
                None => (returned.clone(), false),
            };
            let Some(item) = types::item_type(&inner) else {
                return Err(syn::Error::new(
                    span,
                    "a table function writes to `out: &mut Rows<_>`, or returns `impl Iterator<Item = _>`, \
                     `Vec<_>`, `Option<_>` or a `Result` of these",
                ));
            };
            let shape = types::make_owned(types::make_static(item));
            let call = match fallible {
                true => quote!(#call?),
                false => quote!(#call),
            };
            let run = quote! {
                __rt::table::<#shape, _>(rows, #valid, |row, __out| {
                    let mut __one = || -> ::core::result::Result<(), ::rowmill_sdk::RowError> {
                        ::core::iter::IntoIterator::into_iter(#call)
                            .for_each(|__row| __out.push(__row));
                        ::core::result::Result::Ok(())
                    };
                    __one()
                })
            };
            (shape, span, run)
        }
    };
    let width = types::width(&shape);
    let names: Vec<String> = match &options.results {
        Some((option, names)) if names.len() != width => {
            let message = format!("{} names for {width} result columns", names.len());
            return Err(syn::Error::new(option.span(), message));
        }
        Some((_, names)) => names.iter().map(parameter::plain).collect(),
        None if width == 1 => vec![name.to_owned()],
        None => {
            return Err(syn::Error::new(shape_span, "several result columns need names: #[table(results(name, …))]"));
        }
    };
    let fields = quote_spanned!(shape_span=> <#shape as __rt::Shape>::fields(&[#(#names),*]));
    Ok(Results { signature: quote!(binder.signature_of(#fields)), words: quote!(__rt::result_names(&#fields)), run })
}

/// The length of all texts of the row's columns.
fn hints(parameters: &[Parameter]) -> TokenStream {
    let columns = parameters.iter().enumerate().filter_map(|(number, parameter)| {
        let value = format_ident!("__value{}", number);
        matches!(parameter.role, Role::Column { .. })
            .then(|| quote_spanned!(parameter.span=> __rt::View::text_len(&#value)))
    });
    quote!(0 #(+ #columns)*)
}
