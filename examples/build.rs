//! Compiles the examples' own components, for `lib.rs` to embed.

fn main() -> std::process::ExitCode {
    rowmill_component_build::main(&[("order-price", "examples/orders/price")])
}
