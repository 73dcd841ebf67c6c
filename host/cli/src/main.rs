//! The rowmill command line.
fn main() {}
