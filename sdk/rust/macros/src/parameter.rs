//! The parameters of a function: which role each plays.

use crate::types;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, FnArg, Ident, Lit, Meta, Pat, PatType, Type};

/// One parameter.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) docs: String,
    pub(crate) span: Span,
    pub(crate) role: Role,
}

/// What a parameter is for.
#[derive(PartialEq)]
pub(crate) enum Role {
    /// A column; the type is that of a value (row form) or of the column (column form).
    Column { ty: Type, sees_null: bool, optional: bool },
    /// A literal: the owning type, and how it is passed.
    Literal { ty: Type, optional: bool, borrowed: bool },
    /// The configuration.
    Config(Type),
    /// A row fact.
    Fact(Fact, Type),
    /// What the result is written to: `Text`, `Bytes`, `JsonText`.
    Writer(Type),
    /// The result rows of a table function.
    Rows(Type),
}

/// A row fact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Seed,
    CommitTime,
    Change,
}

const ROW_TYPES: &str = "allowed: bool, i8 to i64, u8 to u64, f32, f64, &str, &[u8], Json, \
     Decimal<P, S>, WideDecimal<P, S>, AnyDecimal, Date, Time, Datetime, Timestamp, and Option<_> \
     of these";

/// The role attributes.
const ROLES: [&str; 6] = ["config", "literal", "seed", "commit_time", "change", "optional"];

/// Reads a parameter and removes its attributes.
pub(crate) fn read(argument: &mut FnArg, columns: bool) -> syn::Result<Parameter> {
    let argument = match argument {
        FnArg::Receiver(receiver) => {
            return Err(syn::Error::new(
                receiver.span(),
                "a function of a component has no `self`; write a free function",
            ));
        }
        FnArg::Typed(argument) => argument,
    };
    let name = match &*argument.pat {
        Pat::Ident(pattern) => plain(&pattern.ident),
        Pat::Wild(wild) => {
            return Err(syn::Error::new(
                wild.span(),
                "a parameter needs a name: it appears in the catalog; write `_name`",
            ));
        }
        other => return Err(syn::Error::new(other.span(), "a parameter is a plain name here")),
    };
    let name = name.trim_start_matches('_').to_owned();
    let docs = docs(&argument.attrs);
    let role_attribute = take_role(argument)?;
    let span = argument.ty.span();
    let role = match role_attribute.as_ref().map(ToString::to_string).as_deref() {
        Some("config") => config(&argument.ty)?,
        Some("literal") => literal(&argument.ty),
        Some("seed") => Role::Fact(Fact::Seed, value_type(&argument.ty, columns)?),
        Some("commit_time") => Role::Fact(Fact::CommitTime, value_type(&argument.ty, columns)?),
        Some("change") => Role::Fact(Fact::Change, value_type(&argument.ty, columns)?),
        optional => data(&argument.ty, columns, optional.is_some())?,
    };
    Ok(Parameter { name, docs, span, role })
}

/// A name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// The text of doc comments.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// Removes doc comments and the role attribute, and returns the latter's name.
fn take_role(argument: &mut PatType) -> syn::Result<Option<Ident>> {
    let mut role = None;
    let mut kept = Vec::new();
    for attribute in argument.attrs.drain(..) {
        let path = attribute.path();
        // `#[rowmill_sdk::config]` is the same as `#[config]`.
        let name = path.segments.last().map(|segment| segment.ident.clone());
        match name {
            Some(name) if name == "doc" => {}
            Some(name) if ROLES.iter().any(|role| name == role) => {
                if role.replace(name).is_some() {
                    return Err(syn::Error::new(path.span(), "a parameter has one role only"));
                }
            }
            Some(name) if name != "allow" && name != "cfg" && name != "expect" => {
                return Err(syn::Error::new(
                    path.span(),
                    format!(
                        "there is no parameter attribute `{name}`; allowed: #[config], #[literal], \
                         #[optional], #[seed], #[commit_time], #[change]"
                    ),
                ));
            }
            _ => kept.push(attribute),
        }
    }
    argument.attrs = kept;
    Ok(role)
}

fn config(ty: &Type) -> syn::Result<Role> {
    match ty {
        Type::Reference(reference) if reference.mutability.is_none() => Ok(Role::Config((*reference.elem).clone())),
        _ => Err(syn::Error::new(ty.span(), format!("the configuration is borrowed: write `&{}`", types::written(ty)))),
    }
}

fn literal(ty: &Type) -> Role {
    let (inner, optional) = match types::inside(ty, "Option") {
        Some(inner) => (inner, true),
        None => (ty, false),
    };
    match types::owned(inner) {
        Some(owned) => Role::Literal { ty: owned, optional, borrowed: true },
        None => Role::Literal { ty: inner.clone(), optional, borrowed: false },
    }
}

/// The type of a column parameter or of a row fact.
fn value_type(ty: &Type, columns: bool) -> syn::Result<Type> {
    if columns {
        return match ty {
            Type::Reference(reference) if reference.mutability.is_none() => Ok((*reference.elem).clone()),
            _ => Err(syn::Error::new(
                ty.span(),
                format!(
                    "a parameter of the column form is a borrowed column such as `&F64s`, found \
                     `{}`; for single values leave out `columns`",
                    types::written(ty)
                ),
            )),
        };
    }
    let hint = match ty {
        Type::Reference(reference) if types::is_named(&reference.elem, "String") => Some("&str"),
        Type::Reference(reference) if types::is_named(&reference.elem, "Vec") => Some("&[u8]"),
        _ if types::is_named(ty, "String") => Some("&str"),
        _ if types::is_named(ty, "Vec") => Some("&[u8]"),
        _ if types::is_named(ty, "usize") || types::is_named(ty, "u128") => Some("u64"),
        _ if types::is_named(ty, "isize") || types::is_named(ty, "i128") => Some("i64"),
        _ => None,
    };
    if let Some(hint) = hint {
        let found = types::written(ty);
        let message = format!("`{found}` is not a parameter type, take `{hint}`; {ROW_TYPES}");
        return Err(syn::Error::new(ty.span(), message));
    }
    Ok(match ty {
        Type::Reference(reference) => (*reference.elem).clone(),
        other => other.clone(),
    })
}

/// A column, a writer or the result rows.
fn data(ty: &Type, columns: bool, optional: bool) -> syn::Result<Role> {
    if let Type::Reference(reference) = ty
        && reference.mutability.is_some()
    {
        if let Some(shape) = types::inside(&reference.elem, "Rows") {
            return Ok(Role::Rows(shape.clone()));
        }
        if ["Text", "Bytes", "JsonText"].iter().any(|name| types::is_named(&reference.elem, name)) {
            return Ok(Role::Writer((*reference.elem).clone()));
        }
        return Err(syn::Error::new(
            ty.span(),
            "only what the result is written to is `&mut`: &mut Text, &mut Bytes, &mut JsonText, \
             or in a table function &mut Rows<_>",
        ));
    }
    let (inner, sees_null) = match types::inside(ty, "Option") {
        Some(inner) if !columns => (inner, true),
        _ => (ty, columns),
    };
    if optional && !sees_null {
        return Err(syn::Error::new(ty.span(), "an argument that can be left out is an `Option`"));
    }
    Ok(Role::Column { ty: value_type(inner, columns)?, sees_null, optional })
}
