//! Compiles the built-in components, for `src/lib.rs` to embed.

fn main() -> std::process::ExitCode {
    rowmill_component_build::main(&[
        ("rowmill-udf-sql", "udfs/sql"),
        ("rowmill-udf-stats", "udfs/stats"),
        ("rowmill-udf-text", "udfs/text"),
    ])
}
