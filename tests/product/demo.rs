//! The demo: every example, seeded, changed while it runs, verified; on both products.

use std::process::Command;

fn demo(server: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_rowmill-tested"))
        .args(["demo", "--seconds", "3", "--server", server, "--color", "never"])
        .output()
        .expect("the rowmill binary runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    // Each example is verified once while it runs and once at the end.
    for example in rowmill_examples::EXAMPLES {
        let name = format!("   {} ", example.name);
        let verified = stdout.lines().filter(|line| line.starts_with(&name) && line.contains("equal: ")).count();
        assert_eq!(verified, 2, "{name}\n{stdout}");
    }
    // Nothing that the demo changes comes too late.
    assert!(!stdout.contains("not compared"), "{stdout}");
    assert!(stdout.contains("Everything arrived."), "{stdout}");
}

#[test]
fn the_demo_ends_with_verified_targets_on_mysql() {
    demo("mysql");
}

#[test]
fn the_demo_ends_with_verified_targets_on_mariadb() {
    demo("mariadb");
}
