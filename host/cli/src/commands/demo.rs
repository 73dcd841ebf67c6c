//! `rowmill demo`: a private server, a busy shop, the pipelines of `examples/`, verified.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rowmill_bind::Environment;
use rowmill_devserver::{Kind, Server};
use rowmill_examples::{EXAMPLES, Example};
use rowmill_observe::{Phase, Status};
use rowmill_plan::Plan;
use rowmill_run::{Error, Handle, RunOptions, Summary, with_causes};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::report::print;
use crate::diagnostics::Exit;
use crate::terminal::Terminal;
use crate::{environment, live, signal};

/// How long a pipeline may take to read its snapshot.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(60);

/// What of the mart is shown at the end.
const SHOWN: [(&str, &str); 3] = [
    (
        "alerts, for instance",
        "SELECT id, customer, amount, reason, minute FROM mart.payment_alerts ORDER BY id LIMIT 3",
    ),
    (
        "the revenue of the last hours",
        "SELECT window_start, status, purchases, buyers, revenue FROM mart.revenue_per_hour
         ORDER BY window_start DESC, status LIMIT 4",
    ),
    (
        "the best products of the last days",
        "SELECT sold_on, top, most FROM mart.top_products ORDER BY sold_on DESC LIMIT 2",
    ),
];

/// One pipeline of the demo.
struct Running {
    example: &'static Example,
    plan: Arc<Plan>,
    handle: Handle,
    status: watch::Receiver<Status>,
    task: JoinHandle<Result<Summary, Error>>,
}

/// Runs the demo; everything that it made is gone at the end.
pub(super) async fn demo(kind: Option<Kind>, seconds: u64, terminal: &Terminal) -> Exit {
    match play(kind, seconds, terminal).await {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Differs,
        Err(error) => {
            tracing::error!("{error:#}");
            Exit::Server
        }
    }
}

async fn play(kind: Option<Kind>, seconds: u64, terminal: &Terminal) -> anyhow::Result<bool> {
    let server = Arc::new(start(kind).await?);
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let environment = environment::environment().map_err(anyhow::Error::new)?;
    let mut stopped = signal::stop();

    say(&format!("\n1. A shop on a private {} server at 127.0.0.1:{}", server.kind().name(), server.port()));
    let seeds = Arc::clone(&server);
    tokio::task::spawn_blocking(move || seed(&seeds)).await??;

    say("\n2. Pipelines bring its tables into the database mart, through sandboxed components");
    let mut pipelines = Vec::new();
    for example in EXAMPLES {
        say(&format!("   {:<13} {}", example.name, example.title));
        let before = pipelines.last().map(|running: &Running| running.status.clone());
        pipelines.push(launch(example, &server, folder.path(), &environment, before)?);
    }
    let shown = {
        let terminal = terminal.clone();
        let statuses = pipelines.iter().map(|running| running.status.clone()).collect();
        tokio::spawn(async move { live::show(&terminal, statuses).await })
    };
    for running in &mut pipelines {
        wait_for_stream(running).await?;
    }

    say(&format!("\n3. The shop keeps changing for {seconds} seconds; the mart follows"));
    let until = Instant::now() + Duration::from_secs(seconds);
    let traffic = tokio::spawn(keep_changing(Arc::clone(&server), until, stopped.clone()));
    let half = tokio::time::sleep(Duration::from_secs(seconds) / 2);
    tokio::select! {
        () = half => {
            say("\n   verified while it runs:");
            for running in &pipelines {
                verify(&running.plan, &environment).await?;
            }
        }
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    let rounds = traffic.await??;
    say(&format!("   {rounds} rounds of inserts, updates and deletes in the shop"));

    say("\n4. The pipelines stop, and every target is compared with its source");
    pipelines.iter().for_each(|running| running.handle.stop());
    let ended = ended(pipelines).await?;
    let _ = shown.await;
    let equal = compare(&ended, &server, &environment).await?;
    say(match equal {
        true => {
            "\nEverything arrived. The server is gone; examples/ has the pipelines, `rowmill udf new` starts a component."
        }
        false => "\nTargets differ from their sources: this is a bug in rowmill.",
    });
    Ok(equal)
}

/// Waits for the pipelines to stop.
async fn ended(pipelines: Vec<Running>) -> anyhow::Result<Vec<(&'static Example, Arc<Plan>, Summary)>> {
    let mut ended = Vec::new();
    for running in pipelines {
        let summary = running.task.await?.map_err(|error| anyhow::anyhow!(with_causes(&error)))?;
        ended.push((running.example, running.plan, summary));
    }
    Ok(ended)
}

/// Compares each target with its source, and shows some rows.
async fn compare(
    ended: &[(&'static Example, Arc<Plan>, Summary)],
    server: &Server,
    environment: &Environment,
) -> anyhow::Result<bool> {
    let mut equal = true;
    for (example, plan, summary) in ended {
        equal &= verify(plan, environment).await?;
        let count = server.sql(&format!("SELECT COUNT(*) FROM mart.{}", example.target))?;
        say(&format!(
            "   {:<16} {} rows; {} changes read, {} rows written, {} deleted",
            example.target,
            count.trim(),
            summary.rows_in,
            summary.rows_out,
            summary.rows_deleted
        ));
    }
    for (what, query) in SHOWN {
        say(&format!("\n   {what}:"));
        for row in server.sql(query)?.lines() {
            say(&format!("   {}", row.replace('\t', "  ")));
        }
    }
    Ok(equal)
}

async fn start(kind: Option<Kind>) -> anyhow::Result<Server> {
    let start = move || match kind {
        Some(kind) => Server::start(kind),
        None => Server::start(Kind::MySql).or_else(|_| Server::start(Kind::MariaDb)),
    };
    let server = tokio::task::spawn_blocking(start).await?;
    server.context("no database server could be started; tools/servers.sh (or `make demo`) fetches one")
}

fn seed(server: &Server) -> anyhow::Result<()> {
    server.sql("CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE DATABASE mart CHARACTER SET utf8mb4;")?;
    for example in EXAMPLES {
        server.sql(&format!("USE shop;\n{}", example.seed)).with_context(|| format!("seeding {}", example.name))?;
    }
    Ok(())
}

fn launch(
    example: &'static Example,
    server: &Server,
    folder: &Path,
    environment: &Environment,
    before: Option<watch::Receiver<Status>>,
) -> anyhow::Result<Running> {
    let folder = folder.join(example.name);
    std::fs::create_dir_all(&folder)?;
    for (name, bytes) in example.components {
        std::fs::write(folder.join(name), bytes)?;
    }
    let variable = |name: &str| match name {
        "SHOP_URL" => Some(server.url("shop")),
        "MART_URL" => Some(server.url("mart")),
        _ => None,
    };
    let loaded = rowmill_yaml::parse(&folder.join("pipeline.yaml"), example.pipeline, &variable);
    let plan = match loaded {
        // Beside the file, since everything has to go with it.
        Ok(loaded) => Arc::new(Plan { state: Some(folder.join("state")), ..loaded.pipeline }),
        Err(refused) => bail!("examples/{}: {}", example.name, refused.problems[0]),
    };
    let (handle, control) = rowmill_run::handle();
    let options = RunOptions { until_caught_up: false, rebuild: None };
    let running = rowmill_run::run(Arc::clone(&plan), environment.clone(), options, control);
    let task = tokio::spawn(async move {
        if let Some(mut before) = before {
            // Pipelines that make their progress tables at the same moment wait for one another's locks.
            let _ = before.wait_for(|status| status.phase != Phase::Starting).await;
        }
        running.await
    });
    Ok(Running { example, plan, status: handle.watch(), handle, task })
}

async fn wait_for_stream(running: &mut Running) -> anyhow::Result<()> {
    let streaming = running.status.wait_for(|status| status.phase == Phase::Streaming);
    match tokio::time::timeout(SNAPSHOT_DEADLINE, streaming).await {
        Ok(Ok(_)) => Ok(()),
        Err(_) => bail!("pipeline {} did not finish its snapshot in time", running.example.name),
        // The sender is gone: the pipeline has ended.
        Ok(Err(_)) => match (&mut running.task).await? {
            Ok(_) => bail!("pipeline {} ended early", running.example.name),
            Err(Error::Plan(problems)) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                bail!("pipeline {}: {}", running.example.name, lines.join("; "))
            }
            Err(error) => bail!("pipeline {}: {}", running.example.name, with_causes(&error)),
        },
    }
}

/// Runs every example's traffic until the time is over or a signal arrives. Answers the rounds.
async fn keep_changing(server: Arc<Server>, until: Instant, stopped: watch::Receiver<bool>) -> anyhow::Result<u64> {
    let mut rounds = 0;
    while Instant::now() < until && !*stopped.borrow() {
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
            for example in EXAMPLES {
                server.sql(&format!("USE shop;\n{}", example.traffic))?;
            }
            Ok(())
        })
        .await??;
        rounds += 1;
    }
    Ok(rounds)
}

async fn verify(plan: &Plan, environment: &Environment) -> anyhow::Result<bool> {
    // Boxed, since futures within futures are more than the compiler looks through.
    let report = match Box::pin(rowmill_run::verify(plan, environment)).await {
        Ok(report) => report,
        Err(Error::Plan(problems)) => bail!("verify {}: {}", plan.name, problems[0]),
        Err(error) => bail!("verify {}: {}", plan.name, with_causes(&error)),
    };
    say(&format!("   {:<13} {}", plan.name, super::report::verify(&report)));
    Ok(report.is_equal())
}

fn say(text: &str) {
    print(text);
}
