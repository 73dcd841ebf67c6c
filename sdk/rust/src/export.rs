//! `export!`: from a list of functions to the exports of a component.
//!
//! On wasm32 the generated bindings call [`glue`]; on every other target `export!` only checks
//! that what it lists are functions, so that a crate builds and tests natively.

/// Makes the listed functions the component's functions: names of functions with an attribute
/// ([`scalar`](macro@crate::scalar), [`filter`](macro@crate::filter), [`table`](macro@crate::table))
/// or of unit structs that implement [`RowFunction`](crate::RowFunction) or
/// [`AggregateFunction`](crate::AggregateFunction). Once per component.
///
/// ```
/// use rowmill_sdk::{export, scalar};
///
/// /// Price times quantity.
/// #[scalar]
/// fn total(price: f64, qty: i64) -> f64 {
///     price * qty as f64
/// }
///
/// export!(total);
/// # fn main() {}
/// ```
///
/// The component's version and docs in the catalog are the package's version and description.
#[macro_export]
macro_rules! export {
    ($($($function:ident)::+),+ $(,)?) => {
        #[doc(hidden)]
        pub static __ROWMILL_COMPONENT: $crate::__glue::Component = $crate::__glue::Component {
            version: ::core::env!("CARGO_PKG_VERSION"),
            docs: ::core::env!("CARGO_PKG_DESCRIPTION"),
            functions: &[$(|| {
                #[allow(unused_imports)]
                use $crate::__glue::{AggregateEntry as _, RowEntry as _};
                (&$crate::__glue::Listed(&$($function)::+ {})).entry()
            }),+],
        };
        $crate::__export_component!();
    };
}

/// Exports the component interfaces.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_component {
    () => {
        #[doc(hidden)]
        struct __RowmillGuest;
        impl $crate::__glue::Registered for __RowmillGuest {
            fn component() -> &'static $crate::__glue::Component {
                &__ROWMILL_COMPONENT
            }
        }
        $crate::__glue::bindings::__rowmill_export!(__RowmillGuest with_types_in $crate::__glue::bindings);
    };
}

/// Natively there is nothing to export.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_component {
    () => {};
}

#[cfg(target_family = "wasm")]
mod wasm;

#[doc(hidden)]
pub mod glue {
    use crate::aggregate::{AggregateFunction, BoundAggregate};
    use crate::contract::{Argument, BindError};
    use crate::function::{Bound, FunctionInfo, RowFunction};

    #[cfg(target_family = "wasm")]
    pub use super::wasm::{Registered, bindings};

    /// What `export!` lists.
    pub struct Component {
        pub version: &'static str,
        pub docs: &'static str,
        pub functions: &'static [fn() -> Exported],
    }

    /// A function of the list.
    pub enum Exported {
        Row(&'static dyn RowFunction),
        Aggregate(&'static dyn AggregateFunction),
    }

    impl Exported {
        pub fn info(&self) -> FunctionInfo {
            match self {
                Self::Row(function) => function.info(),
                Self::Aggregate(function) => function.info(),
            }
        }
    }

    /// A name in `export!`, which does not say which trait the type implements. The compiler looks
    /// for the method `entry` of a row function first and, behind one more reference, for that of
    /// an aggregate.
    pub struct Listed<F: 'static>(pub &'static F);

    pub trait RowEntry {
        fn entry(&self) -> Exported;
    }

    impl<F: RowFunction> RowEntry for Listed<F> {
        fn entry(&self) -> Exported {
            Exported::Row(self.0)
        }
    }

    pub trait AggregateEntry {
        fn entry(&self) -> Exported;
    }

    impl<F: AggregateFunction> AggregateEntry for &Listed<F> {
        fn entry(&self) -> Exported {
            Exported::Aggregate(self.0)
        }
    }

    /// Binds a row function by name, as the component's export does.
    pub fn bind(
        component: &Component,
        name: &str,
        args: &[Argument],
        config: &str,
    ) -> Result<Box<dyn Bound>, BindError> {
        match find(component, name)? {
            Exported::Row(function) => function.bind(args, json(config)?),
            Exported::Aggregate(_) => {
                Err(BindError::call(format!("`{name}` is an aggregate; write it in a step `aggregate`")))
            }
        }
    }

    /// Binds an aggregate by name, as the component's export does.
    pub fn bind_aggregate(
        component: &Component,
        name: &str,
        args: &[Argument],
        config: &str,
    ) -> Result<Box<dyn BoundAggregate>, BindError> {
        match find(component, name)? {
            Exported::Aggregate(function) => function.bind(args, json(config)?),
            Exported::Row(_) => Err(BindError::call(format!("`{name}` is no aggregate"))),
        }
    }

    fn find(component: &Component, name: &str) -> Result<Exported, BindError> {
        let mut functions = component.functions.iter().map(|function| function());
        functions.find(|function| function.info().name == name).ok_or_else(|| {
            let names: Vec<String> = component.functions.iter().map(|function| function().info().name).collect();
            BindError::call(format!("there is no function `{name}`; there are: {}", names.join(", ")))
        })
    }

    fn json(config: &str) -> Result<serde_json::Value, BindError> {
        match config {
            "" => Ok(serde_json::Value::Object(serde_json::Map::new())),
            text => serde_json::from_str(text)
                .map_err(|error| BindError::call(format!("the configuration is no JSON: {error}"))),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn each_function_binds_as_what_it_is() {
            struct Row;
            impl RowFunction for Row {
                fn info(&self) -> FunctionInfo {
                    FunctionInfo::new("row", crate::Kind::Scalar, "")
                }
                fn bind(&self, _: &[Argument], _: serde_json::Value) -> Result<Box<dyn Bound>, BindError> {
                    Err(BindError::call("bound as a row function"))
                }
            }
            struct Sum;
            impl AggregateFunction for Sum {
                fn info(&self) -> FunctionInfo {
                    FunctionInfo::new("sum", crate::Kind::Aggregate, "")
                }
                fn bind(&self, _: &[Argument], _: serde_json::Value) -> Result<Box<dyn BoundAggregate>, BindError> {
                    Err(BindError::call("bound as an aggregate"))
                }
            }
            // The borrow is what tells the traits apart.
            #[allow(clippy::needless_borrow)]
            let functions: &[fn() -> Exported] = &[|| (&Listed(&Row {})).entry(), || (&Listed(&Sum {})).entry()];
            let component = Component { version: "1", docs: "", functions };
            let row = |name| bind(&component, name, &[], "{}").err().expect("refused").message;
            let aggregate = |name| bind_aggregate(&component, name, &[], "").err().expect("refused").message;
            assert_eq!(row("row"), "bound as a row function");
            assert_eq!(row("sum"), "`sum` is an aggregate; write it in a step `aggregate`");
            assert_eq!(aggregate("sum"), "bound as an aggregate");
            assert_eq!(aggregate("row"), "`row` is no aggregate");
            assert_eq!(aggregate("max"), "there is no function `max`; there are: row, sum");
        }
    }
}
