//! The plan in the words of the two servers: their addresses, and how they are read and written.

use rowmill_mysql::binlog::{self, ChangesOptions, Images};
use rowmill_mysql::sink::SinkOptions;
use rowmill_mysql::snapshot::SnapshotOptions;
use rowmill_mysql::{Endpoint, SslMode};

use rowmill_plan::problem::Problem;
use rowmill_plan::{Plan, Secret, Start, Tls, TlsMode, ZeroDates};

/// The two servers' addresses.
pub(crate) fn endpoints(plan: &Plan) -> Result<(Endpoint, SinkOptions), Vec<Problem>> {
    let parse = |url: &Secret, tls: &Tls, role: &str| {
        let endpoint = Endpoint::parse(url.expose())
            .map_err(|error| Problem::configuration(error.to_string()).at(format!("/{role}/url")))?;
        encrypted(endpoint, tls, role)
    };
    let source = parse(&plan.source.url, &plan.source.tls, "source");
    let target = parse(&plan.sink.url, &plan.sink.tls, "sink").and_then(|endpoint| match endpoint.database() {
        Some(_) => Ok(endpoint),
        None => Err(Problem::configuration("the sink's address names no database")
            .at("/sink/url")
            .needed("mysql://user:password@host:port/database")),
    });
    match (source, target) {
        (Ok(source), Ok(endpoint)) => {
            Ok((source, SinkOptions { endpoint, meta: plan.sink.meta.clone(), pipeline: plan.name.clone() }))
        }
        (source, target) => Err([source.err(), target.err()].into_iter().flatten().collect()),
    }
}

/// The endpoint with what the file says of encryption, which must not be something else than the address says.
fn encrypted(endpoint: Endpoint, tls: &Tls, role: &str) -> Result<Endpoint, Problem> {
    let mode = tls.mode.map(|mode| match mode {
        TlsMode::Disabled => SslMode::Disabled,
        TlsMode::Preferred => SslMode::Preferred,
        TlsMode::Required => SslMode::Required,
        TlsMode::VerifyCa => SslMode::VerifyCa,
        TlsMode::VerifyIdentity => SslMode::VerifyIdentity,
    });
    endpoint.with_tls(mode, tls.ca.clone()).map_err(|differs| {
        let (key, option) = (differs.key(), differs.option());
        Problem::configuration(format!("{role}.{key} and the option {option} in {role}.url say different things"))
            .at(format!("/{role}/{key}"))
            .found(format!("{key}: {} and {option}={}", differs.given, differs.in_address))
            .needed("one of them, or both the same")
            .fix(format!("take {option} out of {role}.url"))
    })
}

/// How a snapshot is read.
pub(crate) fn snapshot_options(plan: &Plan, endpoint: &Endpoint) -> SnapshotOptions {
    SnapshotOptions {
        batch_rows: plan.batch.rows,
        batch_bytes: plan.batch.bytes,
        zero_dates: zero_dates(plan),
        ..SnapshotOptions::new(endpoint.clone())
    }
}

/// How changes are read.
pub(crate) fn changes_options(plan: &Plan, endpoint: &Endpoint, images: Images) -> ChangesOptions {
    ChangesOptions {
        images,
        batch_rows: plan.batch.rows,
        batch_bytes: plan.batch.bytes,
        zero_dates: zero_dates(plan),
        ignore_statements: plan.source.ignore_statements.clone(),
        tables_existed: matches!(plan.source.start, Start::Snapshot | Start::Latest),
        ..ChangesOptions::new(endpoint.clone())
    }
}

fn zero_dates(plan: &Plan) -> binlog::ZeroDates {
    match plan.source.zero_dates {
        ZeroDates::Null => binlog::ZeroDates::Null,
        ZeroDates::Error => binlog::ZeroDates::Error,
    }
}
