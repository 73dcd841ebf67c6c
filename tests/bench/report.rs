//! The figures of a run, and how they stand to their limits.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rowmill_devserver::Kind;
use serde::Serialize;

/// What a figure must keep to.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    /// Its side in words, and its bound.
    pub(crate) fn words(self) -> (&'static str, f64) {
        match self {
            Limit::AtMost(bound) => ("at most", bound),
            Limit::AtLeast(bound) => ("at least", bound),
        }
    }

    /// How much of the limit is used: up to 1 is kept, above it is missed.
    pub(crate) fn used(self, value: f64) -> f64 {
        match self {
            Limit::AtMost(bound) => value / bound,
            Limit::AtLeast(bound) => bound / value,
        }
    }
}

/// One measured value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) section: &'static str,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) limit: Option<Limit>,
}

impl Figure {
    /// Misses its limit.
    fn misses(&self) -> bool {
        self.limit.is_some_and(|limit| limit.used(self.value) > 1.0)
    }
}

/// Collects figures; prints each as it comes.
pub(crate) struct Report {
    server: &'static str,
    folder: PathBuf,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(kind: Kind) -> Report {
        // Cargo gives benchmarks `target/tmp`; the report lives beside it.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
        std::fs::create_dir_all(&folder).unwrap();
        Report { server: kind.name(), folder, figures: Vec::new() }
    }

    /// A figure to know.
    pub(crate) fn note(&mut self, section: &'static str, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(Figure { section, name: name.into(), value, unit, limit: None });
    }

    /// A figure with a limit.
    pub(crate) fn judge(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Limit,
    ) {
        self.add(Figure { section, name: name.into(), value, unit, limit: Some(limit) });
    }

    fn add(&mut self, figure: Figure) {
        if self.figures.last().is_none_or(|last| last.section != figure.section) {
            println!("\n{}", figure.section);
        }
        let Figure { name, value, unit, limit, .. } = &figure;
        let limit = match limit {
            None => String::new(),
            Some(limit) => {
                let (side, bound) = limit.words();
                let verdict = if figure.misses() { "MISSED" } else { "kept" };
                format!("  {side} {} {verdict}", number(bound))
            }
        };
        println!("  {name:<66} {:>10} {unit:<7}{limit}", number(*value));
        self.figures.push(figure);
    }

    pub(crate) fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// Draws a picture into the report's folder.
    pub(crate) fn picture(&self, name: &str, draw: impl FnOnce(&Path) -> Result<(), String>) {
        let file = self.folder.join(name);
        if let Err(error) = draw(&file) {
            eprintln!("cannot draw {}: {error}", file.display());
        }
    }

    /// Writes the JSON, says where everything is and which limits were missed.
    pub(crate) fn finish(self) -> ExitCode {
        let json = serde_json::json!({ "server": self.server, "figures": self.figures });
        let file = self.folder.join("figures.json");
        std::fs::write(&file, serde_json::to_string_pretty(&json).unwrap()).unwrap();
        println!("\nwritten: {}", self.folder.display());
        let missed: Vec<&Figure> = self.figures.iter().filter(|figure| figure.misses()).collect();
        for figure in &missed {
            println!("missed: {}: {}", figure.section, figure.name);
        }
        if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Three significant digits, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The middle of some samples.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
