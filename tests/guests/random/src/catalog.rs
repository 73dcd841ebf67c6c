//! What `describe` answers.

use crate::Verdict;
use crate::rng::Rng;
use crate::signature::Kind;
use crate::words;

/// The functions that are always there.
pub const FUNCTIONS: [(&str, Kind); 4] =
    [("scalar", Kind::Scalar), ("filter", Kind::Filter), ("table", Kind::Table), ("sum", Kind::Aggregate)];

/// A function of the catalog. Parameters, keys and docs are by number, since only that counts.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its docs.
    pub docs: String,
    /// How many parameters it has.
    pub parameters: usize,
    /// How many configuration keys it has.
    pub keys: usize,
}

/// The answer, and what must become of it.
#[derive(Clone, Debug)]
pub struct Description {
    /// The functions.
    pub functions: Vec<Function>,
    /// The docs of the component.
    pub docs: String,
    /// Panics instead.
    pub panics: bool,
    /// What a host must make of it.
    pub verdict: Verdict,
}

/// The answer of a seed; of seed 0 the right one.
pub fn description(seed: u64) -> Description {
    let functions = FUNCTIONS.iter().map(|(name, kind)| Function {
        name: (*name).to_owned(),
        kind: *kind,
        docs: String::new(),
        parameters: 1,
        keys: 0,
    });
    let mut description = Description {
        functions: functions.collect(),
        docs: "answers at random".to_owned(),
        panics: false,
        verdict: Verdict::Right,
    };
    if seed == 0 {
        return description;
    }
    let mut rng = Rng::new(seed, 3);
    if rng.one_in(3) {
        description.docs = words::message(&mut rng).chars().take(1000).collect();
    }
    if rng.one_in(3) {
        return description;
    }
    description.verdict = Verdict::Refused;
    let at = rng.below(4);
    let function = &mut description.functions[at];
    match rng.below(7) {
        0 => {
            let name = *rng.pick(&["", "-", "1st", "a b", "a`b", "a;b", "ä", "a\nb", "a\u{1b}[0m", "a\0"]);
            function.name = name.to_owned();
        }
        1 => function.name = "n".repeat(65 + rng.below(100_000)),
        2 => function.parameters = 257 + rng.below(10_000),
        3 => function.keys = 257 + rng.below(10_000),
        4 => function.docs = "d".repeat((64 << 10) + 1 + rng.below(1 << 20)),
        5 => {
            let one = function.clone();
            let more = 300 + rng.below(1000);
            description.functions.extend((0..more).map(|n| Function { name: format!("more{n}"), ..one.clone() }));
        }
        _ if rng.one_in(4) => description.panics = true,
        _ => {
            let twice = function.clone();
            description.functions.push(twice);
        }
    }
    description
}
