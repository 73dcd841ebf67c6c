//! The pipeline file: YAML in, a plan and its document out.
//!
//! The file is read in three passes, none of which stops at the first mistake it can get past:
//!
//! 1. `tree`: the parser's events become a tree in which every node, keys included, has its
//!    bytes in the file. Syntax errors end here, because nothing after one can be trusted.
//! 2. `document`: every node is entered under its JSON pointer, so that whoever finds
//!    something wrong with the plan later (the binder, a server) can point at the line.
//! 3. `pipeline` and what it calls: the tree is decoded by hand through `reader`, whose
//!    accessors report what they found, what they needed and an example, and go on.
//! 4. [`rowmill_plan::validate`]: the rules that every plan keeps, of the parts that could be read.
//!
//! Defaults stand in `rowmill_plan`; what the format promises for later versions is refused by
//! name, never ignored.
//!
//! Reading a file touches the file itself, the environment and the files named in
//! `${file:…}`, nothing else: no component is opened, no server is asked.

mod aggregate;
mod call;
mod document;
mod expand;
mod limits;
mod pipeline;
mod reader;
mod scalar;
mod sink;
mod source;
mod source_map;
mod steps;
mod tls;
mod tree;
mod url;
mod views;
mod window;
mod word;
mod wording;

use std::path::Path;

pub use document::Document;

use rowmill_plan::Plan;
use rowmill_plan::problem::Problem;

/// A plan and the text it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan, defaults filled in.
    pub pipeline: Plan,
    /// For pointing at the file.
    pub document: Document,
}

/// Why there is no plan: all problems that can be known without I/O, in the order of the file.
#[derive(Clone, Debug)]
pub struct Refused {
    /// At least one.
    pub problems: Vec<Problem>,
    /// The text, as far as it was understood; empty if the file could not be read.
    pub document: Document,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.document.one_line(problem))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// A pipeline file is written by people; one that is larger was not meant to be one, and a limit
/// keeps the parser's memory small.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the file at `path`, with the environment of the process.
pub fn load(path: &Path) -> Result<Loaded, Refused> {
    match read(path) {
        Ok(text) => parse(path, &text, &|name| std::env::var(name).ok()),
        Err(problem) => Err(Refused { problems: vec![*problem], document: Document::new(path, "") }),
    }
}

fn read(path: &Path) -> Result<String, Box<Problem>> {
    let shown = path.display();
    let bytes = rowmill_foreign::read(path, FILE_BYTES_MAX).map_err(|error| {
        Box::new(
            Problem::configuration(format!("the pipeline file {shown} can't be read"))
                .found(error.to_string())
                .needed("a YAML file"),
        )
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count();
        Box::new(
            Problem::configuration(format!("{shown} is not UTF-8 text"))
                .found(format!("the byte 0x{:02x} in line {line}", error.as_bytes()[good]))
                .needed("UTF-8")
                .fix("save the file as UTF-8"),
        )
    })
}

/// Reads `text` as the file at `path` (which need not exist), with `env` for `${NAME}`.
/// Relative paths, those of `${file:…}` included, start at the folder of `path`.
pub fn parse(path: &Path, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Refused> {
    let mut document = Document::new(path, text);
    let tree = match tree::parse(text) {
        Ok(tree) => tree,
        Err(problem) => {
            return Err(Refused { problems: vec![*problem], document });
        }
    };
    document.enter(&tree);
    let mut reader = reader::Reader::new(document, env);
    let pipeline = pipeline::pipeline(&mut reader, &tree);
    let (document, mut problems) = reader.finish();
    match pipeline {
        Some(pipeline) if problems.is_empty() => Ok(Loaded { pipeline, document }),
        _ => {
            if problems.is_empty() {
                problems.push(Problem::new(
                    rowmill_plan::problem::Fault::Internal,
                    "the file was refused without a reason",
                ));
            }
            problems.sort_by_key(|problem| document.locate(problem).map(|span| span.start));
            Err(Refused { problems, document })
        }
    }
}

#[cfg(test)]
mod tests;
