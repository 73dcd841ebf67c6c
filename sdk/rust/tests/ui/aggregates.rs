//! Mistakes with aggregates and their states.

use rowmill_sdk::{RowError, State, aggregate};
use std::collections::HashMap;

#[derive(State)]
struct NoDefault { //~ consider annotating `NoDefault` with `#[derive(Default)]`
    rows: u64,
}

#[derive(Default, State)]
struct Odd {
    rows: usize, //~ `usize` cannot be stored in a column of a state
    list: Vec<i64>, //~ a collection of several rows needs `#[rows]`
}

#[derive(Default, State)]
struct Unordered {
    #[rows]
    counts: HashMap<String, u64>, //~ a HashMap or HashSet has no order
}

#[derive(Default, State)]
enum Choice { //~ a state is a struct
    #[default]
    One,
}

#[derive(Default, State)]
struct Twice {
    #[rows]
    a: Vec<i64>,
    #[rows]
    b: Vec<i64>, //~ only one field of a state is `#[rows]`
}

#[derive(Default, State)]
struct Sum {
    sum: i64,
}

#[aggregate]
impl Sum { //~ an aggregate needs a method `finish`, such as `fn finish(&self) -> f64`
    fn update(&mut self, x: i64) {
        self.sum += x;
    }
}

#[derive(Default, State)]
struct Mean {
    sum: f64,
}

#[aggregate]
impl Mean {
    fn update(&mut self, x: f64) -> Result<(), RowError> {
        self.sum += x;
        Ok(())
    }
    fn retract(&mut self, x: f64) { //~ `retract` refuses the rows that `update` refuses
        self.sum -= x;
    }
    fn finish(&self) -> f64 {
        self.sum
    }
}

#[derive(Default, State)]
struct Other {
    sum: f64,
}

#[aggregate]
impl Other {
    fn update(&mut self, x: f64) {
        self.sum += x;
    }
    fn retract(&mut self, x: i64) { //~ `retract` takes the same parameters as `update`
        self.sum -= x as f64;
    }
    fn finish(&self, y: f64) -> f64 {
        self.sum + y
    }
}

#[derive(Default, State)]
struct Sees {
    sum: f64,
}

#[aggregate(versions = 2)] //~ there is no option `versions`; allowed: name = "…", version = 1
impl Sees {
    fn update(&mut self, x: f64) {
        self.sum += x;
    }
    fn finish(&self) -> f64 {
        self.sum
    }
}

#[derive(Default, State)]
struct Late {
    sum: f64,
}

#[aggregate]
impl Late {
    fn update(&mut self, x: f64) {
        self.sum += x;
    }
    fn finish(&self, x: f64) -> f64 { //~ `finish` sees no row: it takes #[literal] and #[config]
        self.sum + x
    }
}

struct Stateless;

#[aggregate]
impl Stateless { //~ write `#[derive(Default, State)]` above `struct Stateless`
    fn update(&mut self, _x: f64) {}
    fn finish(&self) -> f64 {
        0.0
    }
}

#[derive(Default, State)]
struct Pair {
    sum: f64,
}

#[aggregate]
impl Pair {
    fn update(&mut self, text: String) { //~ `String` is not a parameter type, take `&str`
        self.sum += text.len() as f64;
    }
    fn finish(&self) -> (f64, f64) {
        (self.sum, 0.0)
    }
}

#[derive(Default, State)]
struct Names {
    sum: f64,
}

#[aggregate]
impl Names {
    fn update(&mut self, x: f64) {
        self.sum += x;
    }
    fn finish(&self) -> (f64, f64) { //~ several result columns need names
        (self.sum, 0.0)
    }
}

fn main() {}
