//! Looking at types as they are written.

use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, Lifetime, PathArguments, PathSegment, ReturnType, Type, TypeParamBound};

/// The last segment of a path type: `Option` of `std::option::Option<T>`.
fn last(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Paren(inner) => last(&inner.elem),
        Type::Group(inner) => last(&inner.elem),
        _ => None,
    }
}

/// Whether the type is written with this name.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    last(ty).is_some_and(|segment| segment.ident == name)
}

/// The first type argument of `name<T, …>`.
pub(crate) fn inside<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let segment = last(ty).filter(|segment| segment.ident == name)?;
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|a| match a {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }),
        _ => None,
    }
}

/// The item type of what a table function returns: `impl Iterator<Item = T>`, `Vec<T>`,
/// `Option<T>` or `[T; N]`.
pub(crate) fn item_type(ty: &Type) -> Option<Type> {
    match ty {
        Type::ImplTrait(bounds) => bounds.bounds.iter().find_map(|bound| {
            let TypeParamBound::Trait(bound) = bound else { return None };
            let segment = bound.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(item) if item.ident == "Item" => Some(item.ty.clone()),
                _ => None,
            })
        }),
        Type::Array(array) => Some((*array.elem).clone()),
        _ => inside(ty, "Vec").or_else(|| inside(ty, "Option")).cloned(),
    }
}

/// Every lifetime becomes `'static`, so that the type can be named outside the function.
pub(crate) fn make_static(mut ty: Type) -> Type {
    struct Statics;
    impl VisitMut for Statics {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            *lifetime = Lifetime::new("'static", lifetime.span());
        }
        fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
            let span = reference.and_token.span;
            reference.lifetime = Some(Lifetime::new("'static", span));
            visit_mut::visit_type_mut(self, &mut reference.elem);
        }
    }
    Statics.visit_type_mut(&mut ty);
    ty
}

/// The owning form of an item: `&str` becomes `String`, `&[u8]` becomes `Vec<u8>`, also inside
/// tuples and `Option`.
pub(crate) fn make_owned(mut ty: Type) -> Type {
    struct Owning;
    impl VisitMut for Owning {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Some(owned) = owned(ty) {
                *ty = owned;
            }
            visit_mut::visit_type_mut(self, ty);
        }
    }
    Owning.visit_type_mut(&mut ty);
    ty
}

/// The owning form of one type, when it is a reference or a `Cow`.
pub(crate) fn owned(ty: &Type) -> Option<Type> {
    let target = match ty {
        Type::Reference(reference) => &*reference.elem,
        _ => inside(ty, "Cow")?,
    };
    match target {
        Type::Slice(_) => Some(syn::parse_quote!(::std::vec::Vec<u8>)),
        _ if is_named(target, "str") => Some(syn::parse_quote!(::std::string::String)),
        _ => None,
    }
}

/// The return type, `()` when there is none written.
pub(crate) fn returned(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    }
}

/// How many columns a row of this type has.
pub(crate) fn width(ty: &Type) -> usize {
    match ty {
        Type::Tuple(tuple) => tuple.elems.len(),
        _ => 1,
    }
}

/// The type as the author wrote it.
pub(crate) fn written(ty: &Type) -> String {
    let text = quote!(#ty).to_string();
    let mut tidy = text.replace(" :: ", "::").replace(" < ", "<").replace(" >", ">");
    for (from, to) in [("& ", "&"), (" ,", ","), ("< ", "<"), ("[ ", "["), (" ]", "]")] {
        tidy = tidy.replace(from, to);
    }
    tidy
}
