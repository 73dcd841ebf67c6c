use rowmill_sdk::column::F64s;
use rowmill_sdk::{Rows, Text, filter, scalar, table};

struct Mine;

#[scalar]
fn unknown(x: i64) -> Mine { //~ allowed: bool, i8 to i64, u8 to u64, f32, f64, Decimal<P, S>
    let _ = x;
    Mine
}

#[scalar]
fn both(x: &str, out: &mut Text) -> i64 { //~ allowed: (), Option<()> (None = NULL), Result<(), RowError>
    out.push_str(x);
    1
}

#[filter]
fn number(x: i64) -> i64 { //~ a filter returns bool, Option<bool> (None = false) or Result<bool, RowError>, found `i64`
    x
}

#[filter(columns)]
fn floats(x: &F64s) -> F64s { //~ a filter returns Bools
    x.clone()
}

#[scalar(columns)]
fn value(x: f64) -> F64s { //~ a parameter of the column form is a borrowed column such as `&F64s`, found `f64`
    F64s::from_values([x])
}

#[scalar]
fn rows(x: &str, out: &mut Rows<String>) { //~ #[scalar] has no result rows; write #[table]
    out.push(x);
}

#[table]
fn unnamed(x: &str, out: &mut Rows<(String, i64)>) { //~ several result columns need names: #[table(results(name, …))]
    out.push((x, 1));
}

#[table(results(a, b, c))] //~ 3 names for 2 result columns
fn misnamed(x: &str, out: &mut Rows<(String, i64)>) {
    out.push((x, 1));
}

#[table]
fn single(x: i64) -> i64 { //~ a table function writes to `out: &mut Rows<_>`, or returns `impl Iterator<Item = _>`
    x
}

#[table(results(a))]
fn borrowed(x: &str, out: &mut Rows<&str>) { //~ rows are made of owning types
    let _ = (x, out);
}

#[table(results(a))]
fn misfit(x: i64, out: &mut Rows<String>) {
    out.push(x); //~ an `Option` only fits where the rows have an `Option`
}

fn main() {}
