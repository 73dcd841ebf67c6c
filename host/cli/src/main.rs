//! The program `rowmill`.

fn main() -> std::process::ExitCode {
    rowmill_cli::main()
}
