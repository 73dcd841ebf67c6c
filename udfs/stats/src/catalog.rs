//! The functions by their names.

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{AggregateFunction, Argument, BindError, BoundAggregate, FunctionInfo};

use crate::count;
use crate::extreme::{self, End};
use crate::sum::{self, Kind};

/// A type for each function, which has nothing but its entry and `bind`.
macro_rules! functions {
    ($($(#[$docs:meta])* $name:ident: $info:expr, $bind:expr;)*) => { $(
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl AggregateFunction for $name {
            fn info(&self) -> FunctionInfo {
                $info
            }

            fn bind(&self, args: &[Argument], config: Json) -> Result<Box<dyn BoundAggregate>, BindError> {
                $bind(args, &config)
            }
        }
    )* };
}

functions! {
    /// `avg`
    Avg: sum::info(Kind::Average), |args, config| sum::bind(Kind::Average, args, config);
    /// `count`
    Count: count::info(), count::bind;
    /// `max`
    Max: extreme::info(End::Greatest), |args, config| extreme::bind(End::Greatest, args, config);
    /// `min`
    Min: extreme::info(End::Least), |args, config| extreme::bind(End::Least, args, config);
    /// `sum`
    Sum: sum::info(Kind::Sum), |args, config| sum::bind(Kind::Sum, args, config);
}
