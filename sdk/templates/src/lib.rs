//! The project that `rowmill udf new --lang rust` writes.
//!
//! The texts live in `template/` of this crate; placeholders are `{{name}}` and so on. They are
//! here, beside the SDK that they use, so that one test keeps the two together.

/// The kinds that there is a template for.
pub const KINDS: [&str; 4] = ["scalar", "filter", "table", "aggregate"];

/// The files of a new project: path and content. `name` is the package's name, `sdk` the value
/// of its dependency on this crate, such as `"0.1"` or `{ path = "…" }`. `None` when there is no
/// template for `kind`.
pub fn files(name: &str, kind: &str, sdk: &str) -> Option<Vec<(&'static str, String)>> {
    let (source, function, step) = match kind {
        "scalar" => (
            include_str!("../template/src/scalar.rs"),
            "with_tax",
            "  - map:\n      gross: { udf: ./{{file}}.wasm#with_tax, args: [price], config: { rate: 0.19 } }",
        ),
        "filter" => (
            include_str!("../template/src/filter.rs"),
            "large",
            "  - filter: { udf: ./{{file}}.wasm#large, args: [amount], config: { least: 10 } }",
        ),
        "table" => (
            include_str!("../template/src/table.rs"),
            "words",
            "  - transform: { udf: ./{{file}}.wasm#words, args: [text], config: { shortest: 2 } }",
        ),
        "aggregate" => (
            include_str!("../template/src/aggregate.rs"),
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
        ("Cargo.toml", fill(include_str!("../template/Cargo.toml"))),
        ("README.md", fill(include_str!("../template/README.md"))),
        ("src/lib.rs", fill(source)),
    ])
}
