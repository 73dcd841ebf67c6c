//! How running pipelines are shown: a live line each on a terminal, otherwise a log line every 10 s.
//!
//! This only reads the latest [`Status`] of each pipeline; a slow terminal can't slow the
//! pipeline down. It ends by itself when every pipeline has dropped its sender.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};
use rowmill_foreign::Printable;
use rowmill_observe::{Phase, SearchStatus, Status};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::terminal::Terminal;

/// Five times a second looks alive; more only costs.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// Often enough to see in a log that it moves, seldom enough to keep the log.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Over which rows/s are taken: shorter jumps, longer lags behind.
const RATE_WINDOW: Duration = Duration::from_secs(3);

/// Shows pipelines until all of them have ended.
pub(crate) async fn show(terminal: &Terminal, pipelines: Vec<watch::Receiver<Status>>) {
    let mut views: Vec<View> = pipelines.into_iter().map(|status| View::new(terminal, status)).collect();
    let mut ticks = interval(if terminal.live { DRAW_EVERY } else { LOG_EVERY });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    while !views.is_empty() {
        tokio::select! {
            now = ticks.tick() => views.iter_mut().for_each(|view| view.refresh(now)),
            () = all_ended(&mut views) => break,
        }
        views.retain_mut(|view| !view.ended());
    }
}

/// Returns when every sender is gone. Cancel-safe.
async fn all_ended(views: &mut [View]) {
    for view in views {
        while view.status.changed().await.is_ok() {}
    }
}

/// One pipeline.
struct View {
    status: watch::Receiver<Status>,
    rate: Rate,
    bar: Option<ProgressBar>,
}

impl View {
    fn new(terminal: &Terminal, status: watch::Receiver<Status>) -> Self {
        let bar = terminal.live.then(|| {
            let bar = terminal.lines.add(ProgressBar::no_length());
            bar.set_style(plain_style());
            bar
        });
        Self { status, rate: Rate::default(), bar }
    }

    fn refresh(&mut self, now: Instant) {
        let status = self.status.borrow().clone();
        let per_second = self.rate.next(now, status.rows_in);
        match &self.bar {
            Some(bar) => draw(bar, &status, per_second),
            None => log(&status, per_second),
        }
    }

    /// Whether the pipeline has ended; its line then goes.
    fn ended(&mut self) -> bool {
        let ended = self.status.has_changed().is_err();
        if let (true, Some(bar)) = (ended, &self.bar) {
            bar.finish_and_clear();
        }
        ended
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn plain_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} [{bar:24}]")
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}

fn draw(bar: &ProgressBar, status: &Status, per_second: u64) {
    match status.phase {
        Phase::Snapshot { done, total } if total > 0 => {
            if bar.length() != Some(total.max(done)) {
                bar.set_style(bar_style());
                bar.set_length(total.max(done));
            }
            bar.set_position(done);
        }
        _ if bar.length().is_some() => {
            bar.unset_length();
            bar.set_style(plain_style());
        }
        _ => {}
    }
    bar.set_message(Printable(&line(status, per_second)).to_string());
    bar.tick();
}

fn log(status: &Status, per_second: u64) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (lag_ms, silent_ms) = (status.lag().map(millis), status.silence().map(millis));
    let state = Aggregated::of(status);
    let checkpoint_age_ms = checkpoint_age(status).map(millis);
    tracing::info!(
        pipeline = status.pipeline,
        phase = status.phase.name(),
        rows_in = status.rows_in,
        rows_out = status.rows_out,
        rows_per_second = per_second,
        lag_ms,
        silent_ms,
        skipped = status.skipped,
        retries = status.retries,
        epochs = status.epochs,
        position = status.position,
        groups = state.as_ref().map(|state| state.groups),
        watermark = state.as_ref().and_then(|state| state.watermark),
        late_rows = state.as_ref().map(|state| state.late),
        checkpoint_age_ms,
        "progress"
    );
}

/// `clean-orders  streaming  1,200 rows/s  lag 12ms`.
fn line(status: &Status, per_second: u64) -> String {
    let mut parts = vec![status.pipeline.clone(), status.phase.name().to_owned()];
    if let Phase::Snapshot { done, total } = status.phase {
        // The server's estimate may be too small; then it is of no use.
        if total > done {
            let percent = u128::from(done) * 100 / u128::from(total);
            parts.push(format!("{} of about {} rows ({percent}%)", grouped(done), grouped(total)));
            if let Some(seconds) = (total - done).checked_div(per_second) {
                parts.push(format!("about {} left", about(seconds)));
            }
        } else {
            parts.push(format!("{} rows", grouped(done)));
        }
    }
    parts.push(format!("{} rows/s", grouped(per_second)));
    if let Some(lag) = status.lag() {
        parts.push(format!("lag {}", short(lag)));
    }
    if let Some(silence) = status.silence() {
        parts.push(format!("source silent for {}", short(silence)));
    }
    if let Some(state) = Aggregated::of(status) {
        parts.push(format!("{} groups", grouped(state.groups)));
        if let Some(watermark) = state.watermark {
            // Seconds are as fine as anybody can read.
            parts.push(format!("watermark {}", watermark.split('.').next().unwrap_or(watermark).replace('T', " ")));
        }
        if state.late > 0 {
            parts.push(format!("late {}", grouped(state.late)));
        }
        if let Some(age) = checkpoint_age(status) {
            parts.push(format!("checkpoint {} ago", about(age.as_secs())));
        }
    }
    if let Some(search) = &status.search {
        parts.push(format!("step {}: {}", search.step, searching(search)));
    }
    if status.skipped > 0 {
        parts.push(format!("skipped {}", grouped(status.skipped)));
    }
    if status.retries > 0 {
        parts.push(format!("retries {}", grouped(status.retries)));
    }
    parts.join("  ")
}

/// How far the search for the failing rows of a batch is.
pub(crate) fn searching(search: &SearchStatus) -> String {
    let (left, rows, found) = (grouped(search.rows_left), grouped(search.rows), grouped(search.failing_rows));
    format!("looking for failing rows, {left} of {rows} left, {found} found")
}

/// What all aggregates of a pipeline have together.
struct Aggregated<'a> {
    groups: u64,
    /// The oldest: what is older is final everywhere.
    watermark: Option<&'a str>,
    late: u64,
}

impl<'a> Aggregated<'a> {
    /// `None` without aggregates.
    fn of(status: &'a Status) -> Option<Self> {
        let all = &status.aggregates;
        (!all.is_empty()).then(|| Self {
            groups: all.iter().map(|aggregate| aggregate.groups).sum(),
            watermark: all.iter().filter_map(|aggregate| aggregate.watermark.as_deref()).min(),
            late: all.iter().map(|aggregate| aggregate.late).sum(),
        })
    }
}

/// How much of the stream a restart would read again, in time.
fn checkpoint_age(status: &Status) -> Option<Duration> {
    let checkpoint = status.checkpoint.as_ref()?;
    // A clock that was set back has no age to tell.
    SystemTime::now().duration_since(checkpoint.at).ok()
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A lag with three digits at most.
fn short(lag: Duration) -> String {
    match lag.as_secs() {
        0 => format!("{}ms", lag.as_millis()),
        1..=9 => format!("{:.1}s", lag.as_secs_f64()),
        seconds => about(seconds),
    }
}

/// Seconds for people: `42s`, `3m`, `2h 5m`.
fn about(seconds: u64) -> String {
    match seconds {
        0..=99 => format!("{seconds}s"),
        100..=5_999 => format!("{}m", seconds / 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Rows per second over the last [`RATE_WINDOW`], or since the last look if that is longer ago.
#[derive(Default)]
struct Rate {
    seen: VecDeque<(Instant, u64)>,
}

impl Rate {
    fn next(&mut self, now: Instant, rows: u64) -> u64 {
        self.seen.push_back((now, rows));
        while self.seen.len() > 2 && now.duration_since(self.seen[1].0) >= RATE_WINDOW {
            self.seen.pop_front();
        }
        let (then, before) = self.seen[0];
        let millis = u64::try_from(now.duration_since(then).as_millis()).unwrap_or(u64::MAX);
        (rows.saturating_sub(before).saturating_mul(1000)).checked_div(millis).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use rowmill_observe::{AggregateStatus, CheckpointStatus, SearchStatus};

    use super::*;

    fn status(phase: Phase) -> Status {
        Status { pipeline: "clean-orders".to_owned(), phase, ..Status::default() }
    }

    #[test]
    fn lines_say_what_matters() {
        assert_eq!(
            line(&status(Phase::Snapshot { done: 250_000, total: 1_000_000 }), 100_000),
            "clean-orders  snapshot  250,000 of about 1,000,000 rows (25%)  about 7s left  100,000 rows/s"
        );
        assert_eq!(
            line(&status(Phase::Snapshot { done: 12, total: 10 }), 0),
            "clean-orders  snapshot  12 rows  0 rows/s"
        );
        let mut streaming = Status { as_of: Some(SystemTime::now()), skipped: 3, ..status(Phase::Streaming) };
        streaming.caught_up = true;
        assert_eq!(line(&streaming, 1200), "clean-orders  streaming  1,200 rows/s  lag 0ms  skipped 3");
        let earlier = SystemTime::now() - Duration::from_secs(600);
        (streaming.as_of, streaming.silent_since) = (Some(earlier), Some(earlier));
        assert_eq!(line(&streaming, 0), "clean-orders  streaming  0 rows/s  lag 10m  source silent for 10m  skipped 3");
    }

    #[test]
    fn aggregates_add_what_matters_of_them() {
        let aggregate = |groups, watermark: &str| {
            let mut aggregate = AggregateStatus::default();
            (aggregate.groups, aggregate.watermark) = (groups, Some(watermark.to_owned()));
            aggregate
        };
        let mut streaming = status(Phase::Streaming);
        streaming.aggregates = vec![aggregate(1_200, "2026-05-06T07:08:09.123"), aggregate(3, "2026-05-06T08:00:00")];
        assert_eq!(
            line(&streaming, 0),
            "clean-orders  streaming  0 rows/s  1,203 groups  watermark 2026-05-06 07:08:09"
        );
        (streaming.aggregates[0].late, streaming.retries) = (5, 2);
        streaming.checkpoint =
            Some(CheckpointStatus { position: String::new(), at: SystemTime::now(), took: Duration::ZERO });
        let text = line(&streaming, 0);
        assert!(text.contains("  late 5  checkpoint 0s ago  retries 2"), "{text}");
    }

    #[test]
    fn a_search_for_failing_rows_says_how_far_it_is() {
        let search = SearchStatus {
            step: "mill".to_owned(),
            function: "./price.wasm#total".to_owned(),
            rows: 8_192,
            rows_left: 4_096,
            failing_rows: 7,
            failed_attempts: 20,
            cpu: Duration::from_secs(2),
        };
        let text = line(&Status { search: Some(search), ..status(Phase::Streaming) }, 0);
        assert!(text.contains("  step mill: looking for failing rows, 4,096 of 8,192 left, 7 found"), "{text}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(123), "123");
        assert_eq!(grouped(1_234), "1,234");
        assert_eq!(short(Duration::from_millis(1500)), "1.5s");
        assert_eq!(short(Duration::from_secs(7_500)), "2h 5m");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert_eq!(rate.next(start, 0), 0);
        assert_eq!(rate.next(start + Duration::from_secs(1), 1_000), 1_000);
        assert_eq!(rate.next(start + Duration::from_secs(3), 9_000), 3_000);
        // The first second has left the window.
        assert_eq!(rate.next(start + Duration::from_secs(4), 10_000), 3_000);
        // A counter never goes down, but a wrong one must not end the display.
        assert_eq!(rate.next(start + Duration::from_secs(20), 0), 0);
    }

    #[tokio::test]
    async fn showing_ends_with_the_last_pipeline() {
        let terminal = Terminal { color: false, live: false, lines: indicatif::MultiProgress::new() };
        let (first, one) = watch::channel(Status::default());
        let (second, two) = watch::channel(Status::default());
        let shown = tokio::spawn(async move { show(&terminal, vec![one, two]).await });
        first.send_replace(Status { rows_in: 1, ..Status::default() });
        drop(first);
        drop(second);
        tokio::time::timeout(Duration::from_secs(60), shown).await.expect("ends").expect("no panic");
    }
}
