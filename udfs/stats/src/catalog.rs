//! The functions by their names.

use rowmill_sdk::serde_json::Value as Json;
use rowmill_sdk::{AggregateFunction, Argument, BindError, BoundAggregate, FunctionInfo};

use crate::bits::{self, Operation};
use crate::bools::{self, Quantifier};
use crate::extreme::{self, End};
use crate::first::{self, Which};
use crate::list::{self, List};
use crate::sum::{self, Kind};
use crate::variance::{self, Spread};
use crate::{approximate, count, distinct, median, percentile};

/// A type for each function: it has nothing but what the module says about that variant.
macro_rules! functions {
    ($($name:ident, $text:literal = $module:ident $(($variant:expr))?;)*) => { $(
        #[doc = concat!("`", $text, "`")]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl AggregateFunction for $name {
            fn info(&self) -> FunctionInfo {
                $module::info($($variant)?)
            }

            fn bind(&self, args: &[Argument], config: Json) -> Result<Box<dyn BoundAggregate>, BindError> {
                $module::bind($($variant,)? args, &config)
            }
        }
    )* };
}

const fn spread(name: &'static str, sample: bool, root: bool) -> Spread {
    Spread { name, sample, root }
}

functions! {
    ApproxCountDistinct, "approx_count_distinct" = approximate;
    Avg, "avg" = sum(Kind::Average);
    BitAnd, "bit_and" = bits(Operation::And);
    BitOr, "bit_or" = bits(Operation::Or);
    BitXor, "bit_xor" = bits(Operation::Xor);
    BoolAnd, "bool_and" = bools(Quantifier { name: "bool_and", all: true });
    BoolOr, "bool_or" = bools(Quantifier { name: "bool_or", all: false });
    Count, "count" = count;
    CountDistinct, "count_distinct" = distinct;
    BoolEvery, "every" = bools(Quantifier { name: "every", all: true });
    First, "first" = first(Which::First);
    GroupConcat, "group_concat" = list(List::Text("group_concat"));
    JsonArrayagg, "json_arrayagg" = list(List::Json);
    Last, "last" = first(Which::Last);
    Max, "max" = extreme(End::Greatest);
    Median, "median" = median;
    Min, "min" = extreme(End::Least);
    Percentile, "percentile" = percentile;
    BoolSome, "some" = bools(Quantifier { name: "some", all: false });
    Std, "std" = variance(spread("std", false, true));
    Stddev, "stddev" = variance(spread("stddev", false, true));
    StddevPop, "stddev_pop" = variance(spread("stddev_pop", false, true));
    StddevSamp, "stddev_samp" = variance(spread("stddev_samp", true, true));
    StringAgg, "string_agg" = list(List::Text("string_agg"));
    Sum, "sum" = sum(Kind::Sum);
    TopK, "top_k" = list(List::Top);
    VarPop, "var_pop" = variance(spread("var_pop", false, false));
    VarSamp, "var_samp" = variance(spread("var_samp", true, false));
    Variance, "variance" = variance(spread("variance", false, false));
}
