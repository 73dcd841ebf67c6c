//! `/metrics` while a pipeline runs: what components count, and what was tried again.

use std::io::{Read, Write};
use std::net::TcpStream;

use rowmill_devserver::{Kind, Server};

use crate::harness::Workspace;

/// The address that the process says it serves.
fn address(workspace: &Workspace<'_>) -> Option<String> {
    let log = workspace.log_text();
    let at = log.split("http://").nth(1)?;
    at.split("/metrics").next().map(str::to_owned)
}

fn scrape(workspace: &Workspace<'_>, address: &str) -> String {
    let refused = |error| panic!("{error}\n{}", workspace.log_text());
    let mut stream = TcpStream::connect(address).unwrap_or_else(refused);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn what_a_component_counts_and_what_is_tried_again_is_served() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        // Of its own: all of its connections are ended.
        let server = Server::lend(kind, &[]).unwrap();
        let workspace = Workspace::new(&server, &server, "metrics");
        std::fs::write(workspace.folder.path().join("hostile.wasm"), rowmill_test_guests::HOSTILE).unwrap();
        workspace.write_pipeline(
            "pipeline: counted\nsource: { url: \"${SOURCE}\", tables: [t] }\n\
             steps: [{ id: seen, map: { n: { udf: ./hostile.wasm#count, args: [n] } } }]\n\
             sink: { url: \"${TARGET}\", table: out, meta: \"${META}\" }\n",
        );
        workspace.source_sql("CREATE TABLE t (id INT PRIMARY KEY, n BIGINT); INSERT INTO t VALUES (1, 1), (2, 2)");
        let mut running = workspace.start_with(&["--metrics", "0"]);
        workspace.wait("the address", || address(&workspace).is_some());
        let address = address(&workspace).unwrap();
        let seen = "rowmill_component_counter_total{pipeline=\"counted\",step=\"seen\",function=\"./hostile.wasm#count\",counter=\"seen\"}";
        workspace.wait("two rows seen", || value(&scrape(&workspace, &address), seen) == Some(2.0));
        workspace.wait("streaming", || workspace.log_text().contains("phase=\"streaming\""));
        let retries = "rowmill_retries_total{pipeline=\"counted\"}";
        assert_eq!(value(&scrape(&workspace, &address), retries), Some(0.0));

        // Both the stream and the sink lose their connections.
        let list = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()";
        for id in server.sql(list).unwrap().lines() {
            // One of them may be gone by itself, and some are the server's own.
            let _ = server.answers(&format!("KILL {id}"));
        }
        workspace.source_sql("INSERT INTO t VALUES (3, 3)");
        workspace.wait("the third row", || value(&scrape(&workspace, &address), seen) == Some(3.0));
        workspace.wait("retries", || value(&scrape(&workspace, &address), retries) >= Some(1.0));
        let status = workspace.run(&["status", "pipeline.yaml"]).stdout;
        assert!(status.contains("running             streaming; since it started 3 rows in"), "{status}");
        assert!(status.contains("./hostile.wasm#count: ") && status.contains(", seen=3\n"), "{status}");
        let running_json = || {
            let json = workspace.run(&["status", "pipeline.yaml", "--json"]).stdout;
            let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
            json["running"].take()
        };
        let json = running_json();
        assert_eq!(json["steps"][0]["counters"]["seen"], 3, "{json}");

        // A process that was overtaken is not asked, though it listens: here its progress says so.
        let meta = workspace.meta();
        workspace.target_sql(&format!("UPDATE {meta}.progress SET fence = fence + 1"));
        assert_eq!(running_json(), serde_json::Value::Null);
        workspace.target_sql(&format!("UPDATE {meta}.progress SET fence = fence - 1"));
        assert_eq!(running_json()["steps"][0]["counters"]["seen"], 3);

        assert_eq!(running.stop(), Some(0), "{}", workspace.log_text());
        assert_eq!(running_json(), serde_json::Value::Null);
        workspace.verify();
    }
}
