//! The program `rowmill` as it is tested here; cargo compiles it before what runs it.

fn main() -> std::process::ExitCode {
    rowmill_cli::main()
}
