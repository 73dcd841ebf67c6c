//! The project that `rowmill udf new --lang rust` writes.
//!
//! The texts live in `rust/` of this crate; placeholders are `{{name}}` and so on. They are beside the SDK
//! that they use, and a test keeps the two together; but they need nothing of it to be compiled.

/// The kinds that there is a template for.
pub const KINDS: [&str; 4] = ["scalar", "filter", "table", "aggregate"];

/// The files of a new project: path and content. `name` is the package's name, `sdk` the value
/// of its dependency on the SDK, such as `"0.1"` or `{ path = "…" }`. `None` when there is no
/// template for `kind`.
pub fn files(name: &str, kind: &str, sdk: &str) -> Option<Vec<(&'static str, String)>> {
    let (source, function, step) = match kind {
        "scalar" => (
            include_str!("../rust/src/scalar.rs"),
            "with_tax",
            "  - map:\n      gross: { udf: ./{{file}}.wasm#with_tax, args: [price], config: { rate: 0.19 } }",
        ),
        "filter" => (
            include_str!("../rust/src/filter.rs"),
            "large",
            "  - filter: { udf: ./{{file}}.wasm#large, args: [amount], config: { least: 10 } }",
        ),
        "table" => (
            include_str!("../rust/src/table.rs"),
            "words",
            "  - transform: { udf: ./{{file}}.wasm#words, args: [text], config: { shortest: 2 } }",
        ),
        "aggregate" => (
            include_str!("../rust/src/aggregate.rs"),
            "mean_price",
            "  - aggregate:\n      by: [article]\n      values:\n        mean: { udf: ./{{file}}.wasm#mean_price, args: [price, qty], config: { least: 2 } }",
        ),
        _ => return None,
    };
    let file = name.replace('-', "_");
    let fill = |text: &str| {
        text.replace("{{step}}", step)
            .replace("{{name}}", name)
            .replace("{{kind}}", kind)
            .replace("{{function}}", function)
            .replace("{{file}}", &file)
            .replace("{{sdk}}", sdk)
    };
    Some(vec![
        ("Cargo.toml", fill(include_str!("../rust/Cargo.toml"))),
        ("README.md", fill(include_str!("../rust/README.md"))),
        ("src/lib.rs", fill(source)),
    ])
}
