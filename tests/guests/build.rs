//! Compiles the guests, for `lib.rs` to embed.

fn main() -> std::process::ExitCode {
    rowmill_component_build::main(&[
        ("guest-hostile", "tests/guests/hostile"),
        ("guest-honest", "tests/guests/honest"),
        ("guest-bench", "tests/guests/bench"),
        ("guest-random", "tests/guests/random"),
    ])
}
