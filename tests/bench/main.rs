//! `make bench`: how fast rowmill is, each figure beside what it is compared with in the same run.
//!
//! Ratios are what counts: times vary with the machine and its load, ratios much less. The run ends
//! with exit code 1 if a figure misses its limit, and leaves the figures as JSON and as pictures in
//! `target/bench/`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "tests read what they wrote")]

mod aggregates;
mod boundary;
mod decode;
mod facts;
mod groups;
mod native;
mod pictures;
mod pipeline;
mod process;
mod report;
mod shop;
mod small;
mod state;
mod watch;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use rowmill_devserver::Kind;

use report::Report;

/// Measures rowmill beside what it is compared with, in the same run.
#[derive(Parser)]
struct Args {
    /// What to measure; everything by default.
    sections: Vec<Section>,
    /// The product at both ends.
    #[arg(long, value_enum, default_value = "mysql")]
    server: Product,
    /// Rows of the orders table.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Groups of the aggregate whose state is looked at; ten times as many in the section `groups`.
    #[arg(long, default_value_t = 1_000_000)]
    groups: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Functions in components against the same code compiled natively.
    Boundary,
    /// Binlog events to columns against the driver's own decoding.
    Decode,
    /// `rowmill run` against a bare LOAD DATA; its memory; the time until a commit is visible.
    Pipeline,
    /// An aggregate over the binlog: what takes the time; then latency, checkpoints, restarts and
    /// `verify` of a million groups.
    Aggregates,
    /// Many small transactions: commits, CPU of both servers, how much the writer is slowed down.
    Small,
    /// Ten million groups under a memory limit of 256 MiB, which takes some minutes.
    Groups,
}

#[derive(Clone, Copy, ValueEnum)]
enum Product {
    Mysql,
    Mariadb,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let wanted = |section| args.sections.is_empty() || args.sections.contains(&section);
    let kind = match args.server {
        Product::Mysql => Kind::MySql,
        Product::Mariadb => Kind::MariaDb,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut report = Report::new(kind);
    if wanted(Section::Boundary) {
        let curves = runtime.block_on(boundary::measure(&mut report));
        report.picture("boundary.svg", |file| pictures::curves(file, &curves));
    }
    if wanted(Section::Decode) || wanted(Section::Aggregates) || wanted(Section::Pipeline) {
        let shop = shop::Shop::fill(kind, args.rows);
        if wanted(Section::Decode) {
            runtime.block_on(decode::measure(&mut report, &shop));
        }
        // Before the orders change.
        if wanted(Section::Aggregates) {
            aggregates::measure(&mut report, &shop, &runtime);
        }
        if wanted(Section::Pipeline) {
            pipeline::measure(&mut report, &shop, &runtime);
        }
    }
    if wanted(Section::Aggregates) {
        state::measure(&mut report, kind, args.groups, &runtime);
    }
    if wanted(Section::Small) {
        small::measure(&mut report, kind, &runtime);
    }
    if wanted(Section::Groups) {
        groups::measure(&mut report, kind, 10 * args.groups);
    }
    let figures = report.figures().to_vec();
    report.picture("figures.svg", |file| pictures::figures(file, &figures));
    report.finish()
}
