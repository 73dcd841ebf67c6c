//! Encryption of connections: what `tls` and `tls_ca` ask for is had, or the pipeline says why not.

use rowmill_devserver::{Kind, Server};

use crate::harness::{Outcome, Workspace};

/// A server without TLS. MariaDB has none unless it is given a certificate.
fn without(kind: Kind) -> Server {
    let flags: &[&str] = if kind == Kind::MySql { &["--tls-version="] } else { &["--skip-ssl"] };
    Server::start_with(kind, flags).unwrap()
}

fn workspace<'s>(server: &'s Server, name: &str) -> Workspace<'s> {
    let workspace = Workspace::new(server, server, name);
    workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    workspace
}

/// Runs with these keys in source and sink, and options of their addresses.
fn run(workspace: &Workspace<'_>, keys: &str, options: &str) -> Outcome {
    workspace.write_pipeline(&format!(
        "
pipeline: sealed
source: {{ url: \"${{SOURCE}}{options}\", tables: [t]{keys} }}
sink: {{ url: \"${{TARGET}}{options}\", table: out, meta: \"${{META}}\"{keys} }}
"
    ));
    workspace.run(&["run", "pipeline.yaml", "--until-caught-up", "--color", "never"])
}

#[test]
fn without_tls_preferred_warns_once_and_required_is_refused() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let server = without(kind);
        let workspace = workspace(&server, "tls_without");
        for (keys, options) in [("", ""), (", tls: preferred", ""), ("", "?ssl-mode=preferred")] {
            let outcome = run(&workspace, keys, options);
            assert_eq!(outcome.code, 0, "{kind:?} {keys}{options}: {}", outcome.stderr);
            let warnings = outcome.stderr.matches("not encrypted").count();
            assert_eq!(warnings, 1, "{kind:?} {keys}{options}: {}", outcome.stderr);
            assert!(outcome.stderr.contains("tls: required"), "{}", outcome.stderr);
        }
        let outcome = run(&workspace, ", tls: disabled", "");
        assert_eq!((outcome.code, outcome.stderr.contains("not encrypted")), (0, false), "{}", outcome.stderr);
        for (keys, options) in [(", tls: required", ""), ("", "?ssl-mode=required"), (", tls: verify-identity", "")] {
            let outcome = run(&workspace, keys, options);
            assert_eq!(outcome.code, 3, "{kind:?} {keys}{options}: {}", outcome.stderr);
            assert!(outcome.stderr.contains("tls"), "{}", outcome.stderr);
        }
    }
}

#[test]
fn a_certificate_is_verified_by_the_named_authority_only() {
    let mysql = Server::start(Kind::MySql).unwrap();
    // MySQL makes itself an authority and a certificate; MariaDB takes the same.
    let file = |name: &str| mysql.data().join(name).display().to_string();
    let flags = [
        format!("--ssl-ca={}", file("ca.pem")),
        format!("--ssl-cert={}", file("server-cert.pem")),
        format!("--ssl-key={}", file("server-key.pem")),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let maria = Server::start_with(Kind::MariaDb, &flags).unwrap();
    // Servers of the tests are copies of one; without its files this one makes an authority of its own.
    let mut other = Server::start(Kind::MySql).unwrap();
    other.stop();
    for file in std::fs::read_dir(other.data()).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "pem") {
            std::fs::remove_file(file).unwrap();
        }
    }
    other.restart().unwrap();
    let authority = |server: &Server| std::fs::read(server.data().join("ca.pem")).unwrap();
    assert_ne!(authority(&mysql), authority(&other));
    for server in [&mysql, &maria] {
        let workspace = workspace(server, "tls_verified");
        std::fs::copy(mysql.data().join("ca.pem"), workspace.folder.path().join("own.pem")).unwrap();
        std::fs::copy(other.data().join("ca.pem"), workspace.folder.path().join("foreign.pem")).unwrap();
        let own = workspace.folder.path().join("own.pem").display().to_string();
        for (keys, options) in [
            (", tls: required", String::new()),
            (", tls: verify-ca, tls_ca: ./own.pem", String::new()),
            // An authority without a word is one to verify by.
            (", tls_ca: ./own.pem", String::new()),
            (", tls: verify-ca, tls_ca: own.pem", format!("?ssl-mode=verify-ca&ssl-ca={own}")),
            ("", format!("?ssl-mode=VERIFY_CA&ssl-ca={own}")),
        ] {
            let outcome = run(&workspace, keys, &options);
            assert_eq!(outcome.code, 0, "{:?} {keys}{options}: {}", server.kind(), outcome.stderr);
            assert!(!outcome.stderr.contains("not encrypted"), "{}", outcome.stderr);
        }
        for keys in [
            ", tls: verify-ca, tls_ca: ./foreign.pem",
            ", tls_ca: ./foreign.pem",
            ", tls: verify-ca, tls_ca: ./none.pem",
            ", tls: verify-ca, tls_ca: /dev/zero",
            ", tls: verify-ca",
        ] {
            let outcome = run(&workspace, keys, "");
            assert_eq!(outcome.code, 3, "{:?} {keys}: {}", server.kind(), outcome.stderr);
            assert!(outcome.stderr.contains("tls_ca"), "{}", outcome.stderr);
        }
        let outcome = run(&workspace, ", tls: required", "?ssl-mode=disabled");
        assert_ne!(outcome.code, 0);
        for part in ["source.tls", "sink.tls", "ssl-mode", "required", "disabled"] {
            assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
        }
    }
}
