//! `#[aggregate]` above `impl Total { … }`: from an accumulator with methods to its
//! `AggregateFunction`.

use crate::aggregate_methods::{Methods, Migrate};
use crate::binding::{self, Bindings};
use crate::options::AggregateOptions as Options;
use crate::parameter::{self, Parameter, Role};
use crate::types;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ItemImpl, Type};

/// The methods, and beside them the adapter or what is wrong.
pub(crate) fn expand(options: &Options, mut item: ItemImpl) -> TokenStream {
    let methods = Methods::read(&mut item);
    let Some(ident) = type_name(&item) else {
        let message = "write #[aggregate] above `impl Total { … }`, where `Total` derives State";
        let error = syn::Error::new(item.self_ty.span(), message).into_compile_error();
        return quote!(#item #error);
    };
    let function = Ident::new(&snake(&parameter::plain(&ident)), ident.span());
    let adapter = methods.and_then(|methods| adapter(options, &item, &ident, &function, &methods));
    let adapter = adapter.unwrap_or_else(syn::Error::into_compile_error);
    quote! {
        #[allow(dead_code)]
        #item

        #[doc(hidden)]
        #[allow(non_camel_case_types, unreachable_pub)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct #function {}

        #adapter
    }
}

/// The name of the type, of an `impl` that can be an aggregate.
fn type_name(item: &ItemImpl) -> Option<Ident> {
    let Type::Path(path) = &*item.self_ty else { return None };
    let plain = item.trait_.is_none() && item.generics.params.is_empty();
    path.path.get_ident().filter(|_| plain).cloned()
}

/// `TopK` as `top_k`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let starts = letter.is_uppercase()
            && before.is_some_and(|before: char| {
                before != '_' && (!before.is_uppercase() || letters.peek().is_some_and(|next| next.is_lowercase()))
            });
        if starts {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
        before = Some(letter);
    }
    snake
}

fn adapter(
    options: &Options,
    item: &ItemImpl,
    ident: &Ident,
    function: &Ident,
    methods: &Methods,
) -> syn::Result<TokenStream> {
    let docs = parameter::docs(&item.attrs);
    let name = match &options.name {
        Some(name) => name.value(),
        None => function.to_string(),
    };
    let parameters = &methods.parameters;
    let Bindings { names, entries, binds, facts, opens, closes, keys, config } = binding::bindings(parameters, false)?;
    // Literals and the configuration are known to all methods.
    let shared = |parameter: &&(usize, &Parameter)| matches!(parameter.1.role, Role::Config(_) | Role::Literal { .. });
    let numbered: Vec<(usize, &Parameter)> = parameters.iter().enumerate().collect();
    let known: Vec<Ident> = numbered.iter().filter(shared).map(|(number, _)| value(*number)).collect();
    let clones = quote!(#(let #known = ::core::clone::Clone::clone(&#known);)*);
    let configs = numbered.iter().filter(|(_, p)| matches!(p.role, Role::Config(_))).map(|(number, _)| {
        let value = value(*number);
        quote!(let #value = ::std::rc::Rc::new(#value);)
    });

    let update_parameters = &parameters[..methods.update_arity];
    let arguments = binding::arguments(update_parameters, false);
    let valid = binding::valid(update_parameters);
    let update = &methods.update;
    let retract = match &methods.retract {
        Some(retract) => quote_spanned!(retract.span()=> |__state, row| #ident::#retract(__state, #(#arguments),*)),
        None => quote!(|_, _| __rt::no_retract()),
    };
    let retracts = methods.retract.is_some();
    let (merges, merge) = match &methods.merge {
        Some(merge) => {
            let (name, rest) = (&merge.name, passed(&merge.literals, parameters));
            let other = if merge.borrowed { quote!(&__other) } else { quote!(__other) };
            (true, quote_spanned!(name.span()=> #ident::#name(__own, #other #(, #rest)*)))
        }
        None => (false, quote!(*__own = __other)),
    };
    let Finish { call, words, run } = finish(options, ident, methods, &name)?;
    let shape = shape(options, parameters)?;
    let version = options.version;
    // With the author's span: the one place where the compiler says that the type is no state.
    let stateful = quote_spanned!(ident.span()=> #ident: ::rowmill_sdk::Accumulator);
    let pairs = methods.migrations.iter().map(|migration| {
        let other = migration.version;
        match migration.inward {
            true => quote!((#other, #version)),
            false => quote!((#version, #other)),
        }
    });
    let arms = methods.migrations.iter().map(|migration| arm(migration, ident, version));
    Ok(quote! {
        const _: () = {
            #[allow(unused_imports)]
            use ::rowmill_sdk::adapter as __rt;

            #[allow(clippy::all, unused_mut, unused_variables, unused_qualifications)]
            impl ::rowmill_sdk::AggregateFunction for #function
            where
                #stateful
            {
                fn info(&self) -> __rt::FunctionInfo {
                    __rt::info(#name, __rt::Kind::Aggregate, #docs, ::std::vec![#(#entries),*], #words, #keys)
                }

                fn bind(
                    &self,
                    args: &[__rt::Argument],
                    config: __rt::serde_json::Value,
                ) -> ::core::result::Result<::std::boxed::Box<dyn ::rowmill_sdk::BoundAggregate>, __rt::BindError>
                {
                    let mut binder = __rt::Binder::new(#name, &[#(#names),*], args, &config);
                    #config
                    #(#binds)*
                    #(#facts)*
                    binder.finish()?;
                    #(#configs)*
                    let call = { #call };
                    let signature = __rt::aggregate_signature::<#ident>(
                        call, #version, #shape, #retracts, #merges, &[#(#pairs),*],
                    );
                    let update = {
                        #clones
                        move |states: &mut __rt::Accumulators<#ident>, call: __rt::Update<'_>| {
                            let __rt::Update { count, groups, retract, mut batch } = call;
                            let rows = batch.rows as usize;
                            #(#opens)*
                            let refused = {
                                let valid = #valid;
                                states.fold(
                                    count,
                                    groups,
                                    retract,
                                    valid.as_ref(),
                                    |__state, row| #ident::#update(__state, #(#arguments),*),
                                    #retract,
                                )
                            };
                            #(#closes)*
                            ::core::result::Result::Ok(refused)
                        }
                    };
                    let merge = {
                        #clones
                        move |__own: &mut #ident, __other: #ident| { #merge }
                    };
                    let finish = {
                        #clones
                        move |__states: &[&#ident]| -> ::rowmill_sdk::Output {
                            let rows = __states.len();
                            #run
                        }
                    };
                    let migrate = |__source: u32, __target: u32, __fields: &[::rowmill_sdk::Field], __states| {
                        match (__source, __target) {
                            #(#arms)*
                            _ => __rt::no_migration(__source, __target),
                        }
                    };
                    ::core::result::Result::Ok(__rt::aggregate(signature, update, merge, finish, migrate))
                }
            }
        };
    })
}

fn value(number: usize) -> Ident {
    format_ident!("__value{}", number)
}

/// The expressions for parameters that are literals or the configuration, by their numbers.
fn passed(numbers: &[usize], parameters: &[Parameter]) -> Vec<TokenStream> {
    let one = |number: &usize| {
        let value = value(*number);
        match parameters.get(*number).map(|p| &p.role) {
            Some(Role::Literal { optional: true, borrowed: true, .. }) => quote!(#value.as_deref()),
            Some(Role::Literal { borrowed: false, .. }) => quote!(::core::clone::Clone::clone(&#value)),
            _ => quote!(&#value),
        }
    };
    numbers.iter().map(one).collect()
}

/// The results: their signature, the words for the catalog, and the output of some states.
struct Finish {
    call: TokenStream,
    words: TokenStream,
    run: TokenStream,
}

fn finish(options: &Options, ident: &Ident, methods: &Methods, name: &str) -> syn::Result<Finish> {
    let finish = &methods.finish;
    let method = &finish.name;
    let mut arguments = passed(&finish.literals, &methods.parameters);
    let returned = types::returned(&finish.output);
    let span = match &finish.output {
        syn::ReturnType::Default => method.span(),
        syn::ReturnType::Type(_, ty) => ty.span(),
    };
    let like = binding_like(options, &methods.parameters)?;
    let names: Option<Vec<String>> =
        options.results.as_ref().map(|(_, names)| names.iter().map(parameter::plain).collect());
    let single = match names.as_deref() {
        None => name,
        Some([one]) => one,
        Some(_) => "",
    };
    if let Some((position, writer)) = &finish.writer {
        arguments.insert(*position, quote!(__out));
        let data_type = quote_spanned!(writer.span()=> <#writer as __rt::Writer>::data_type());
        let nullable = quote_spanned!(span=> <#returned as __rt::Written>::NULLABLE);
        return Ok(Finish {
            call: quote!(binder.result(#single, #data_type, #nullable, #like)),
            words: quote!(#data_type.to_string()),
            run: quote_spanned! {span=>
                __rt::written::<#writer, _>(rows, ::core::option::Option::None, rows * 16, |row, __out| {
                    #ident::#method(__states[row] #(, #arguments)*)
                })
            },
        });
    }
    if matches!(finish.output, syn::ReturnType::Default) {
        return Err(syn::Error::new(
            method.span(),
            "`finish` needs a result: return it, or write it to a parameter `out: &mut Text`",
        ));
    }
    let call = quote_spanned!(span=> #ident::#method(__states[row] #(, #arguments)*));
    let inner = types::inside(&returned, "Result").unwrap_or(&returned).clone();
    let width = types::width(&inner);
    if width == 1 {
        if let Some((option, names)) = options.results.as_ref().filter(|(_, names)| names.len() != 1) {
            return Err(syn::Error::new(option.span(), format!("{} names for 1 result column", names.len())));
        }
        let returned = types::make_static(returned);
        let data_type = quote_spanned!(span=> <<#returned as __rt::Returned>::Cell as __rt::Cell>::data_type());
        let nullable = quote_spanned!(span=> <#returned as __rt::Returned>::NULLABLE);
        return Ok(Finish {
            call: quote!(binder.result(#single, #data_type, #nullable, #like)),
            words: quote!(#data_type.to_string()),
            run: quote_spanned!(span=> __rt::scalar(rows, ::core::option::Option::None, |row| #call)),
        });
    }
    let names = match names {
        Some(names) if names.len() == width => names,
        Some(names) => {
            let message = format!("{} names for {width} result columns", names.len());
            return Err(syn::Error::new(span, message));
        }
        None => {
            return Err(syn::Error::new(span, "several result columns need names: #[aggregate(results(name, …))]"));
        }
    };
    let fallible = types::inside(&returned, "Result").is_some();
    let shape = types::make_owned(types::make_static(inner));
    let fields = quote_spanned!(span=> <#shape as __rt::Shape>::fields(&[#(#names),*]));
    let call = match fallible {
        true => quote_spanned!(span=> #call.map_err(::core::convert::Into::into)),
        false => quote_spanned!(span=> ::core::result::Result::Ok(#call)),
    };
    Ok(Finish {
        call: quote!(binder.signature_of(#fields)),
        words: quote!(__rt::result_names(&#fields)),
        run: quote_spanned!(span=> __rt::several::<#shape, _>(rows, |row| #call)),
    })
}

/// The position of the argument that the result is like.
fn binding_like(options: &Options, parameters: &[Parameter]) -> syn::Result<TokenStream> {
    let Some(like) = &options.like else { return Ok(quote!(::core::option::Option::None)) };
    match binding::position(like, parameters) {
        Some(position) => Ok(quote!(::core::option::Option::Some(#position))),
        None => Err(syn::Error::new(like.span(), format!("there is no column parameter `{like}`"))),
    }
}

/// The attributes of the state's fields, from literals and configuration keys.
fn shape(options: &Options, parameters: &[Parameter]) -> syn::Result<TokenStream> {
    let config = parameters.iter().position(|p| matches!(p.role, Role::Config(_)));
    let mut pairs = Vec::new();
    for key in &options.shape {
        let name = parameter::plain(key);
        let literal = parameters.iter().position(|p| matches!(p.role, Role::Literal { .. }) && p.name == name);
        let what = match (literal, config) {
            (Some(number), _) => {
                let value = value(number);
                quote!(#value)
            }
            (None, Some(number)) => {
                let value = value(number);
                quote_spanned!(key.span()=> #value.#key)
            }
            (None, None) => {
                let message = format!("there is no literal `{name}` and no configuration that could have such a key");
                return Err(syn::Error::new(key.span(), message));
            }
        };
        pairs.push(quote_spanned!(key.span()=> (#name, __rt::serde_json::json!(#what).to_string())));
    }
    Ok(quote!(&[#(#pairs),*]))
}

/// One migration as an arm over the two versions.
fn arm(migration: &Migrate, ident: &Ident, version: u32) -> TokenStream {
    let Migrate { name, version: other, inward, borrowed, ty, fallible } = migration;
    let old = if *borrowed { quote!(&__old) } else { quote!(__old) };
    let call = quote_spanned!(name.span()=> #ident::#name(#old));
    let call = match fallible {
        true => quote!(#call.map_err(|error| ::std::string::ToString::to_string(&error))),
        false => quote!(::core::result::Result::Ok(#call)),
    };
    match inward {
        true => quote!((#other, #version) => __rt::migrate::<#ty, #ident>(__fields, __states, |__old| #call),),
        false => quote!((#version, #other) => __rt::migrate::<#ident, #ty>(__fields, __states, |__old| #call),),
    }
}

#[cfg(test)]
mod tests {
    use super::snake;

    #[test]
    fn names_of_types_become_names_of_functions() {
        let cases = [("Sum", "sum"), ("TopK", "top_k"), ("HLLSketch", "hll_sketch"), ("P95", "p95"), ("A_b", "a_b")];
        for (name, expected) in cases {
            assert_eq!(snake(name), expected);
        }
    }
}
