//! What stands in the parentheses of an attribute.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Token, parenthesized};

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Filter,
    Table,
}

impl Kind {
    /// The attribute's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Filter => "filter",
            Self::Table => "table",
        }
    }
}

/// `#[scalar(columns, name = "…", like = parameter)]`, `#[table(results(a, b))]`.
#[derive(Default)]
pub(crate) struct Options {
    /// The column form.
    pub(crate) columns: Option<Ident>,
    /// The function's name in pipeline files, when it differs from Rust's.
    pub(crate) name: Option<LitStr>,
    /// The parameter whose facts (longest length, collation) the result takes over.
    pub(crate) like: Option<Ident>,
    /// The names of the result columns.
    pub(crate) results: Option<(Ident, Vec<Ident>)>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "columns" => options.columns = Some(key),
                "name" => {
                    input.parse::<Token![=]>()?;
                    options.name = Some(input.parse()?);
                }
                "like" => {
                    input.parse::<Token![=]>()?;
                    options.like = Some(input.parse()?);
                }
                "results" => {
                    let names;
                    parenthesized!(names in input);
                    let names = Punctuated::<Ident, Token![,]>::parse_terminated(&names)?;
                    options.results = Some((key, names.into_iter().collect()));
                }
                other => {
                    return Err(syn::Error::new(
                        key.span(),
                        format!(
                            "there is no option `{other}`; allowed: columns, name = \"…\", \
                             like = parameter, results(name, …)"
                        ),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// `#[aggregate(name = "…", version = 2, like = parameter, shape(k), results(a, b))]`.
pub(crate) struct AggregateOptions {
    /// The function's name in pipeline files, when it is not the type's in snake case.
    pub(crate) name: Option<LitStr>,
    /// The version of the state.
    pub(crate) version: u32,
    /// The parameter whose facts the result takes over.
    pub(crate) like: Option<Ident>,
    /// Literals and configuration keys that shape the state.
    pub(crate) shape: Vec<Ident>,
    /// The names of the result columns.
    pub(crate) results: Option<(Ident, Vec<Ident>)>,
}

impl Parse for AggregateOptions {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self { name: None, version: 1, like: None, shape: Vec::new(), results: None };
        let names = |input: ParseStream<'_>| -> syn::Result<Vec<Ident>> {
            let names;
            parenthesized!(names in input);
            Ok(Punctuated::<Ident, Token![,]>::parse_terminated(&names)?.into_iter().collect())
        };
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            let text = key.to_string();
            match text.as_str() {
                "results" => options.results = Some((key, names(input)?)),
                "shape" => options.shape = names(input)?,
                "name" | "version" | "like" => {
                    input.parse::<Token![=]>()?;
                    match text.as_str() {
                        "name" => options.name = Some(input.parse()?),
                        "like" => options.like = Some(input.parse()?),
                        _ => options.version = input.parse::<LitInt>()?.base10_parse()?,
                    }
                }
                other => {
                    return Err(syn::Error::new(
                        key.span(),
                        format!(
                            "there is no option `{other}`; allowed: name = \"…\", version = 1, \
                             like = parameter, shape(key, …), results(name, …)"
                        ),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}
