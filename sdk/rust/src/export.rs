//! `export!`: from a list of functions to the exports of a component.
//!
//! On wasm32 the generated bindings call [`glue`]; on every other target `export!` only checks
//! that what it lists are functions, so that a crate builds and tests natively.

/// Makes the listed functions the component's functions: names of functions with an attribute
/// ([`scalar`](macro@crate::scalar), [`filter`](macro@crate::filter), [`table`](macro@crate::table))
/// or of unit structs that implement [`RowFunction`](crate::RowFunction). Once per component.
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
            functions: &[$(&$($function)::+ {}),+],
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

#[doc(hidden)]
pub mod glue {
    use crate::function::RowFunction;

    /// What `export!` lists.
    pub struct Component {
        pub version: &'static str,
        pub docs: &'static str,
        pub functions: &'static [&'static dyn RowFunction],
    }

    #[cfg(target_family = "wasm")]
    pub use wasm::{Registered, bindings};

    #[cfg(target_family = "wasm")]
    mod wasm {
        use super::Component;
        use crate::contract::{Argument, Batch, BindError, Output, Signature};
        use crate::function::{Arity, Bound, Kind};
        use std::cell::RefCell;

        /// The component of the crate that calls `export!`.
        pub trait Registered: 'static {
            fn component() -> &'static Component;
        }

        #[allow(unsafe_code, missing_docs, unused_qualifications, unreachable_pub)]
        #[allow(clippy::all)]
        pub mod bindings {
            wit_bindgen::generate!({
                path: "../../wit",
                world: "rows",
                with: { "rowmill:udf/types@0.1.0": crate::contract::wit },
                pub_export_macro: true,
                export_macro_name: "__rowmill_export",
                default_bindings_module: "rowmill_sdk::__glue::bindings",
            });
        }
        use bindings::exports::rowmill::udf::{catalog, row_function};

        impl<T: Registered> catalog::Guest for T {
            fn describe() -> catalog::Description {
                let component = T::component();
                catalog::Description {
                    version: component.version.into(),
                    docs: component.docs.into(),
                    functions: component.functions.iter().map(|f| entry(f.info())).collect(),
                }
            }
        }

        fn entry(info: crate::FunctionInfo) -> catalog::FunctionInfo {
            catalog::FunctionInfo {
                name: info.name,
                kind: match info.kind {
                    Kind::Scalar => catalog::Kind::Scalar,
                    Kind::Filter => catalog::Kind::Filter,
                    Kind::Table => catalog::Kind::Table,
                },
                docs: info.docs,
                parameters: info
                    .parameters
                    .into_iter()
                    .map(|p| catalog::Parameter {
                        name: p.name,
                        docs: p.docs,
                        accepts: p.accepts,
                        arity: match p.arity {
                            Arity::One => catalog::Arity::One,
                            Arity::Optional => catalog::Arity::Optional,
                            Arity::Repeated => catalog::Arity::Repeated,
                        },
                    })
                    .collect(),
                results: info.results,
                config: info
                    .config
                    .into_iter()
                    .map(|c| catalog::ConfigKey {
                        name: c.name,
                        docs: c.docs,
                        required: c.required,
                        default_json: c.default_json,
                    })
                    .collect(),
            }
        }

        /// The resource `bound-function`.
        pub struct Binding(RefCell<Box<dyn Bound>>);

        impl row_function::GuestBoundFunction for Binding {
            fn signature(&self) -> Signature {
                self.0.borrow().signature()
            }

            fn run(&self, input: Batch) -> Result<Output, String> {
                self.0.borrow_mut().run(input)
            }
        }

        impl<T: Registered> row_function::Guest for T {
            type BoundFunction = Binding;

            fn bind(
                name: String,
                args: Vec<Argument>,
                config: String,
            ) -> Result<row_function::BoundFunction, BindError> {
                let bound = super::bind(T::component(), &name, &args, &config)?;
                Ok(row_function::BoundFunction::new(Binding(RefCell::new(bound))))
            }
        }
    }

    use crate::contract::{Argument, BindError};
    use crate::function::Bound;

    /// Binds a function by name, as the component's export does.
    pub fn bind(
        component: &Component,
        name: &str,
        args: &[Argument],
        config: &str,
    ) -> Result<Box<dyn Bound>, BindError> {
        let config = match config {
            "" => serde_json::Value::Object(serde_json::Map::new()),
            text => {
                serde_json::from_str(text).map_err(|e| BindError::call(format!("the configuration is no JSON: {e}")))?
            }
        };
        for function in component.functions {
            if function.info().name == name {
                return function.bind(args, config);
            }
        }
        let names: Vec<String> = component.functions.iter().map(|f| f.info().name).collect();
        Err(BindError::call(format!("there is no function `{name}`; there are: {}", names.join(", "))))
    }
}
