use rowmill_sdk::{RowError, Text, scalar};

#[scalar]
fn owned(name: String) -> i64 { //~ `String` is not a parameter type, take `&str`; allowed: bool, i8 to i64
    name.len() as i64
}

#[scalar]
fn size(n: usize) -> i64 { //~ `usize` is not a parameter type, take `u64`
    n as i64
}

struct Mine;

#[scalar] //~ `Mine` cannot be a parameter
fn unknown(x: Mine) -> i64 { //~ allowed: bool, i8 to i64, u8 to u64, f32, f64, &str, &[u8], Json
    let _ = x;
    1
}

#[scalar]
fn pattern((a, b): (i64, i64)) -> i64 { //~ a parameter is a plain name here
    a + b
}

#[scalar]
fn mutable(x: &mut i64) -> i64 { //~ only what the result is written to is `&mut`
    *x
}

#[scalar]
fn role(#[confg] c: &i64, x: i64) -> i64 { //~ there is no parameter attribute `confg`; allowed: #[config]
    *c + x
}

#[scalar]
fn config_by_value(#[config] c: i64, x: i64) -> i64 { //~ the configuration is borrowed: write `&i64`
    c + x
}

struct Plain {
    #[allow(dead_code)]
    x: i64,
}

#[scalar]
fn no_config(#[config] c: &Plain, x: i64) -> i64 { //~ write `#[rowmill_sdk::config]` above `struct Plain`
    c.x + x
}

#[scalar]
fn generic<T>(x: i64) -> i64 { //~ a function of a component has no type parameters
    x
}

#[scalar]
async fn later(x: i64) -> i64 { //~ a function of a component is not async
    x
}

#[scalar(colums)] //~ there is no option `colums`; allowed: columns, name
fn option(x: i64) -> i64 {
    x
}

#[scalar]
fn nothing(x: i64) { //~ #[scalar] needs a result: return it, or write it to a parameter `out: &mut Text`
    let _ = x;
}

#[scalar]
fn fine(x: &str, out: &mut Text) -> Result<(), RowError> {
    out.push_str(x);
    Ok(())
}

fn main() {
    // The attribute leaves the function callable.
    let _ = fine;
}
