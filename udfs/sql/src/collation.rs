//! Which collation the texts of an expression have; how it compares is `rowmill-collation`'s.

use std::cmp::Ordering;

pub(crate) use rowmill_collation::{Collation, Rule};

/// How firmly a text's collation is meant: COLLATE, then a column's, then a literal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    Explicit,
    Implicit,
    Coercible,
}

/// How to compare by a collation, or what to write instead.
pub(crate) fn rule(collation: &Collation) -> Result<Rule, String> {
    collation
        .rule()
        .map_err(|message| format!("{message}; write `COLLATE utf8mb4_bin` after one side, or CAST(… AS BINARY)"))
}

/// The collation of two texts together, as MySQL decides it.
pub(crate) fn agree(a: (&Collation, Strength), b: (&Collation, Strength)) -> Result<(Collation, Strength), String> {
    let winner = match a.1.cmp(&b.1) {
        Ordering::Less => a,
        Ordering::Greater => b,
        Ordering::Equal if a.0 == b.0 || a.0.name() == b.0.name() => a,
        Ordering::Equal if a.1 == Strength::Coercible => {
            if a.0.name().is_some() {
                a
            } else {
                b
            }
        }
        Ordering::Equal if a.1 == Strength::Implicit && a.0.is_exact() && !b.0.is_exact() => a,
        Ordering::Equal if a.1 == Strength::Implicit && b.0.is_exact() && !a.0.is_exact() => b,
        Ordering::Equal if a.1 == Strength::Implicit && b.0.is_exact() => a,
        Ordering::Equal
            if a.1 == Strength::Implicit && a.0.charset() != b.0.charset() && a.0.charset() == "utf8mb4" =>
        {
            a
        }
        Ordering::Equal
            if a.1 == Strength::Implicit && a.0.charset() != b.0.charset() && b.0.charset() == "utf8mb4" =>
        {
            b
        }
        Ordering::Equal => {
            return Err(format!(
                "the collations {} and {} don't go together; write COLLATE and the wanted one after one side",
                a.0.name().unwrap_or("binary"),
                b.0.name().unwrap_or("binary")
            ));
        }
    };
    Ok((winner.0.clone(), winner.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmer_collation_wins() {
        use Strength::{Coercible, Explicit, Implicit};
        let named = |name, strength| (Collation::named(name), strength);
        for (a, b, winner) in [
            (named("utf8mb4_bin", Explicit), named("latin1_swedish_ci", Implicit), Some("utf8mb4_bin")),
            (named("latin1_swedish_ci", Implicit), (Collation::literal(), Coercible), Some("latin1_swedish_ci")),
            (named("utf8mb4_general_ci", Implicit), named("utf8mb4_bin", Implicit), Some("utf8mb4_bin")),
            (named("latin1_swedish_ci", Implicit), named("utf8mb4_general_ci", Implicit), Some("utf8mb4_general_ci")),
            (named("utf8mb4_general_ci", Implicit), named("utf8mb4_0900_ai_ci", Implicit), None),
            (named("utf8mb4_general_ci", Explicit), named("utf8mb4_bin", Explicit), None),
        ] {
            let found = agree((&a.0, a.1), (&b.0, b.1));
            assert_eq!(found.ok().as_ref().and_then(|(collation, _)| collation.name()), winner, "{a:?} {b:?}");
        }
        let error = rule(&Collation::named("utf8mb4_ja_0900_as_cs")).unwrap_err();
        assert!(error.contains("utf8mb4_ja_0900_as_cs is not supported in comparisons; write `COLLATE"), "{error}");
    }
}
