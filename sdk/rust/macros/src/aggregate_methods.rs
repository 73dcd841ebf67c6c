//! The methods of an accumulator: which there are, and what they take.

use crate::parameter::{self, Fact, Parameter, Role};
use crate::types;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitInt, Receiver, ReturnType, Token, Type};

/// What was found.
pub(crate) struct Methods {
    /// The parameters of `update`, then literals and the configuration that only others take.
    pub(crate) parameters: Vec<Parameter>,
    /// How many of them are of `update`.
    pub(crate) update_arity: usize,
    pub(crate) update: Ident,
    pub(crate) retract: Option<Ident>,
    pub(crate) merge: Option<Merge>,
    pub(crate) finish: Finish,
    pub(crate) migrations: Vec<Migrate>,
}

/// `fn merge(&mut self, other: Self)`.
pub(crate) struct Merge {
    pub(crate) name: Ident,
    /// The other is `&Self`.
    pub(crate) borrowed: bool,
    /// Numbers of the parameters after it.
    pub(crate) literals: Vec<usize>,
}

/// `fn finish(&self) -> …`.
pub(crate) struct Finish {
    pub(crate) name: Ident,
    /// Numbers of its parameters.
    pub(crate) literals: Vec<usize>,
    /// What it writes to, and the position of that parameter.
    pub(crate) writer: Option<(usize, Type)>,
    pub(crate) output: ReturnType,
}

/// `#[migrate(from = 1)] fn from_v1(old: V1) -> Self`, `#[migrate(to = 1)] fn to_v1(self) -> V1`.
pub(crate) struct Migrate {
    pub(crate) name: Ident,
    /// The other version.
    pub(crate) version: u32,
    /// From the other version to this.
    pub(crate) inward: bool,
    /// It borrows what it turns.
    pub(crate) borrowed: bool,
    /// The state of the other version.
    pub(crate) ty: Type,
    pub(crate) fallible: bool,
}

impl Methods {
    /// Reads the methods and removes the attributes that are not Rust's, also after an error.
    pub(crate) fn read(item: &mut ItemImpl) -> syn::Result<Self> {
        let mut errors: Option<syn::Error> = None;
        let mut add = |error: syn::Error| match &mut errors {
            Some(errors) => errors.combine(error),
            None => errors = Some(error),
        };
        let span = item.self_ty.span();
        let mut found: Vec<Method> = Vec::new();
        let mut migrations = Vec::new();
        for item in &mut item.items {
            let ImplItem::Fn(method) = item else { continue };
            match take_migrate(method) {
                Ok(Some((inward, version))) => match migrate(method, inward, version) {
                    Ok(migration) => migrations.push(migration),
                    Err(error) => add(error),
                },
                Ok(None) if ["update", "retract", "merge", "finish"].iter().any(|name| method.sig.ident == name) => {
                    match Method::read(method) {
                        Ok(method) => found.push(method),
                        Err(error) => add(error),
                    }
                }
                Ok(None) => {}
                Err(error) => add(error),
            }
        }
        if let Some(errors) = errors {
            return Err(errors);
        }
        let mut take = |name: &str| {
            let position = found.iter().position(|method| method.name == name);
            position.map(|position| found.swap_remove(position))
        };
        let missing = |name: &str, example: &str| {
            syn::Error::new(span, format!("an aggregate needs a method `{name}`, such as `{example}`"))
        };
        let update = take("update").ok_or_else(|| missing("update", "fn update(&mut self, price: f64)"))?;
        let finish = take("finish").ok_or_else(|| missing("finish", "fn finish(&self) -> f64"))?;
        let (retract, merge) = (take("retract"), take("merge"));
        update.ensure_inputs(true)?;
        if let Some(retract) = &retract {
            retract.ensure_undoes(&update)?;
        }
        let mut parameters = update.parameters;
        let update_arity = parameters.len();
        let merge = match merge {
            Some(merge) => Some(merge.into_merge(&mut parameters)?),
            None => None,
        };
        let finish = finish.into_finish(&mut parameters)?;
        Ok(Self {
            parameters,
            update_arity,
            update: update.name,
            retract: retract.map(|method| method.name),
            merge,
            finish,
            migrations,
        })
    }
}

/// A method with its parameters read.
struct Method {
    name: Ident,
    /// `other` of `merge`, whether borrowed.
    other: Option<bool>,
    parameters: Vec<Parameter>,
    output: ReturnType,
}

impl Method {
    fn read(method: &mut ImplItemFn) -> syn::Result<Self> {
        let signature = &mut method.sig;
        let name = signature.ident.clone();
        if let Some(token) = &signature.asyncness {
            return Err(syn::Error::new(token.span(), "a method of an aggregate is not async"));
        }
        if let Some(generic) = signature.generics.params.first() {
            return Err(syn::Error::new(generic.span(), "a method of an aggregate has no generics"));
        }
        let needed = if name == "finish" { "&self" } else { "&mut self" };
        let fits =
            |receiver: &Receiver| receiver.reference.is_some() && receiver.mutability.is_some() != (name == "finish");
        match signature.receiver() {
            Some(receiver) if fits(receiver) => {}
            Some(receiver) => {
                return Err(syn::Error::new(receiver.span(), format!("`{name}` takes `{needed}`")));
            }
            None => {
                let message = format!("`{name}` takes `{needed}`: the accumulator of a group");
                return Err(syn::Error::new(name.span(), message));
            }
        }
        let mut inputs = signature.inputs.iter_mut().skip(1).peekable();
        let mut other = None;
        if name == "merge" {
            let Some(FnArg::Typed(argument)) = inputs.next() else {
                let message = "`merge` takes another accumulator: `fn merge(&mut self, other: Self)`";
                return Err(syn::Error::new(name.span(), message));
            };
            other = Some(matches!(&*argument.ty, Type::Reference(_)));
        }
        let parameters = inputs.map(|argument| parameter::read(argument, false)).collect::<syn::Result<_>>()?;
        Ok(Self { name, other, parameters, output: signature.output.clone() })
    }

    /// The parameters of `update` and `retract` are columns, literals, the configuration, facts.
    fn ensure_inputs(&self, facts: bool) -> syn::Result<()> {
        for parameter in &self.parameters {
            match &parameter.role {
                Role::Writer(_) | Role::Rows(_) => {
                    return Err(syn::Error::new(
                        parameter.span,
                        format!("`{}` has no result; `finish` has", self.name),
                    ));
                }
                Role::Fact(Fact::Change | Fact::CommitTime, _) if !facts => {
                    return Err(syn::Error::new(
                        parameter.span,
                        "a row is taken out with another change kind and commit time than it came in with; \
                         leave the parameter out, or `retract`",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses a `retract` that does not take what `update` takes.
    fn ensure_undoes(&self, update: &Self) -> syn::Result<()> {
        update.ensure_inputs(false)?;
        self.ensure_inputs(false)?;
        for (position, own) in self.parameters.iter().enumerate() {
            match update.parameters.get(position) {
                Some(other) if own.role == other.role => {}
                _ => return Err(syn::Error::new(own.span, "`retract` takes the same parameters as `update`")),
            }
        }
        if self.parameters.len() != update.parameters.len() {
            return Err(syn::Error::new(self.name.span(), "`retract` takes the same parameters as `update`"));
        }
        let errs = |method: &Self| matches!(method.output, ReturnType::Type(..));
        if errs(self) != errs(update) {
            let message = "`retract` refuses the rows that `update` refuses, with the same return type: \
                           what never came in is not taken out";
            return Err(syn::Error::new(self.name.span(), message));
        }
        Ok(())
    }

    fn into_merge(self, parameters: &mut Vec<Parameter>) -> syn::Result<Merge> {
        if let ReturnType::Type(_, ty) = &self.output {
            let message = "`merge` returns nothing: what depends on state errs in `finish`";
            return Err(syn::Error::new(ty.span(), message));
        }
        let literals = shared(&self.name, self.parameters, parameters)?;
        Ok(Merge { name: self.name, borrowed: self.other == Some(true), literals })
    }

    fn into_finish(mut self, parameters: &mut Vec<Parameter>) -> syn::Result<Finish> {
        let position = self.parameters.iter().position(|p| matches!(p.role, Role::Writer(_)));
        let writer = position.and_then(|position| match self.parameters.remove(position).role {
            Role::Writer(ty) => Some((position, ty)),
            _ => None,
        });
        let literals = shared(&self.name, self.parameters, parameters)?;
        Ok(Finish { name: self.name, literals, writer, output: self.output })
    }
}

/// The numbers of literals and the configuration that a method without rows takes; those that are
/// new are appended.
fn shared(method: &Ident, own: Vec<Parameter>, all: &mut Vec<Parameter>) -> syn::Result<Vec<usize>> {
    let mut numbers = Vec::new();
    for parameter in own {
        let same = |other: &Parameter| match (&other.role, &parameter.role) {
            (Role::Config(_), Role::Config(_)) => true,
            (Role::Literal { .. }, Role::Literal { .. }) => other.name == parameter.name,
            _ => false,
        };
        match (all.iter().position(same), &parameter.role) {
            (Some(number), role) if all[number].role == *role => numbers.push(number),
            (Some(_), _) => {
                let message = format!("`{}` has another type in another method", parameter.name);
                return Err(syn::Error::new(parameter.span, message));
            }
            (None, Role::Config(_) | Role::Literal { .. }) => {
                all.push(parameter);
                numbers.push(all.len() - 1);
            }
            (None, _) => {
                let message = format!("`{method}` sees no row: it takes #[literal] and #[config] parameters only");
                return Err(syn::Error::new(parameter.span, message));
            }
        }
    }
    Ok(numbers)
}

/// Removes `#[migrate(from = 1)]` and returns whether it leads to this version, and the other.
fn take_migrate(method: &mut ImplItemFn) -> syn::Result<Option<(bool, u32)>> {
    let Some(position) = method.attrs.iter().position(|attribute| attribute.path().is_ident("migrate")) else {
        return Ok(None);
    };
    let attribute = method.attrs.remove(position);
    attribute
        .parse_args_with(|input: syn::parse::ParseStream<'_>| {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let version = input.parse::<LitInt>()?.base10_parse()?;
            match key.to_string().as_str() {
                "from" => Ok((true, version)),
                "to" => Ok((false, version)),
                _ => Err(syn::Error::new(key.span(), "write #[migrate(from = 1)] or #[migrate(to = 1)]")),
            }
        })
        .map(Some)
}

fn migrate(method: &ImplItemFn, inward: bool, version: u32) -> syn::Result<Migrate> {
    let signature = &method.sig;
    let form = match inward {
        true => "a migration from another version is `fn from_v1(old: V1) -> Self`",
        false => "a migration to another version is `fn to_v1(self) -> V1`",
    };
    let wrong = |span: Span| syn::Error::new(span, form);
    let (Some(argument), 1) = (signature.inputs.first(), signature.inputs.len()) else {
        return Err(wrong(signature.ident.span()));
    };
    let returned = types::returned(&signature.output);
    let fallible = types::inside(&returned, "Result").is_some();
    let result = types::inside(&returned, "Result").unwrap_or(&returned).clone();
    let (ty, borrowed) = match (argument, inward) {
        (FnArg::Typed(argument), true) => match &*argument.ty {
            Type::Reference(reference) => ((*reference.elem).clone(), true),
            ty => (ty.clone(), false),
        },
        (FnArg::Receiver(receiver), false) => (result, receiver.reference.is_some()),
        (argument, _) => return Err(wrong(argument.span())),
    };
    Ok(Migrate { name: signature.ident.clone(), version, inward, borrowed, ty, fallible })
}
