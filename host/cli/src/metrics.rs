//! `/metrics`: the endpoint. A scrape reads the same [`Status`] that the live line shows.

use std::net::SocketAddr;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use rowmill_observe::{Status, prometheus};
use rowmill_plan::problem::Problem;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A listening endpoint; it answers as soon as [`Metrics::serve`] runs.
#[derive(Debug)]
pub(crate) struct Metrics {
    listener: TcpListener,
}

impl Metrics {
    /// Takes the address, so that a wrong one is told before anything starts.
    pub(crate) async fn listen(address: SocketAddr) -> Result<Self, Problem> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Problem::configuration(format!("--metrics {address} can't be served"))
                .found(error.to_string())
                .fix("choose a free port, or 0 for any")
        })?;
        Ok(Self { listener })
    }

    /// Where it listens: the chosen port, if 0 was asked for.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until the task is dropped.
    pub(crate) async fn serve(self, pipelines: Vec<watch::Receiver<Status>>) {
        let answer = move || {
            let statuses: Vec<Status> = pipelines.iter().map(|status| status.borrow().clone()).collect();
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus(&statuses)) }
        };
        let router = Router::new().route("/metrics", get(answer));
        if let Err(error) = axum::serve(self.listener, router).await {
            tracing::warn!(%error, "metrics are no longer served");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_scrape_reads_the_latest_status() {
        let metrics = Metrics::listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let address = metrics.address().expect("an address");
        let (sender, receiver) = watch::channel(Status::default());
        let task = tokio::spawn(metrics.serve(vec![receiver]));
        let status = Status { pipeline: "clean-orders".to_owned(), rows_in: 1200, ..Status::default() };
        sender.send_replace(status);
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        task.abort();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("rowmill_rows_in_total{pipeline=\"clean-orders\"} 1200"), "{answer}");
    }

    #[tokio::test]
    async fn a_taken_port_is_a_problem() {
        let first = Metrics::listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let address = first.address().expect("an address");
        let problem = Metrics::listen(address).await.expect_err("taken");
        assert!(problem.message.contains("can't be served"), "{problem}");
    }
}
