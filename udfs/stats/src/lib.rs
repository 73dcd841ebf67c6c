//! The built-in component `std/stats`: aggregates.
//!
//! Results and their types are those of MySQL wherever MySQL has the function. Two promises hold for
//! all functions, because the host replays and takes rows out again:
//!
//! - **Order-free.** The result follows from the multiset of a group's rows alone. Sums of doubles are
//!   exact inside (`exact`); where an order matters, ties are decided by the values' bytes.
//! - **A row taken out leaves no trace.** The state after it is, byte by byte, that before the row.
//!   What cannot do that says so by lacking the ability, and its docs name the variant that can.
//!
//! `aggregate` turns the host's vectors of groups into calls on accumulators; a function is an
//! accumulator and its result. `catalog` lists them.
//!
//! | module | functions |
//! |---|---|
//! | `count`, `distinct`, `approximate` | `count`, `count_distinct`, `approx_count_distinct` |
//! | `sum`, `float` | `sum`, `avg` |
//! | `variance` | `var_pop`, `variance`, `var_samp`, `stddev_pop`, `stddev`, `std`, `stddev_samp` |
//! | `extreme`, `first` | `min`, `max`, `first`, `last` |
//! | `percentile`, `median` | `percentile`, `median` |
//! | `list` | `string_agg`, `group_concat`, `json_arrayagg`, `top_k` |
//! | `bits`, `bools` | `bit_and`, `bit_or`, `bit_xor`, `bool_and`, `every`, `bool_or`, `some` |

mod aggregate;
mod approximate;
mod bits;
mod bools;
mod call;
mod catalog;
mod columns;
mod count;
mod distinct;
mod entries;
mod exact;
mod extreme;
mod first;
mod float;
mod groups;
mod integer;
mod key;
mod list;
mod median;
mod multiset;
mod natural;
mod numbers;
mod order;
mod percentile;
mod show;
mod sum;
mod types;
mod variance;

pub use catalog::*;

rowmill_sdk::export!(
    ApproxCountDistinct,
    Avg,
    BitAnd,
    BitOr,
    BitXor,
    BoolAnd,
    BoolOr,
    Count,
    CountDistinct,
    BoolEvery,
    First,
    GroupConcat,
    JsonArrayagg,
    Last,
    Max,
    Median,
    Min,
    Percentile,
    BoolSome,
    Std,
    Stddev,
    StddevPop,
    StddevSamp,
    StringAgg,
    Sum,
    TopK,
    VarPop,
    VarSamp,
    Variance,
);
