//! Whether a collation takes for equal what another one keeps apart, by their names.
//!
//! Two rows with different keys need two places in the target. Under a coarser collation than the
//! one that told the keys apart they share one, and the second row silently replaces the first. So
//! the answer here is "no" only where it is known: for equal collations, for those of one family
//! that look at more, and for those that compare characters one by one.

/// What a collation's name says.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    charset: String,
    /// What is between character set and sensitivity: `0900`, `uca1400_nopad`, `general`.
    family: String,
    /// How much it tells apart, where the family has steps: 0 neither accents nor case, 1 accents, 2 both.
    sensitivity: u8,
    /// Characters are compared one by one.
    exact: bool,
    /// Trailing spaces are not looked at.
    pad: bool,
}

impl Named {
    /// No name stands for bytes.
    fn new(name: &str) -> Named {
        let mut name = name.to_ascii_lowercase();
        if name.is_empty() || name == "binary" {
            return Named { charset: "binary".into(), family: String::new(), sensitivity: 0, exact: true, pad: false };
        }
        // MySQL's older name of the same set.
        if let Some(rest) = name.strip_prefix("utf8_") {
            name = format!("utf8mb3_{rest}");
        }
        let (charset, rest) = name.split_once('_').unwrap_or((name.as_str(), ""));
        let steps = [("_ai_ci", 0), ("_as_ci", 1), ("_as_cs", 2)];
        let step = steps.iter().find_map(|&(suffix, n)| Some((rest.strip_suffix(suffix)?, n)));
        let (family, sensitivity) = step.unwrap_or((rest, 0));
        Named {
            charset: charset.to_owned(),
            family: family.to_owned(),
            sensitivity,
            exact: rest == "bin" || rest.ends_with("_bin"),
            pad: !rest.contains("nopad") && !rest.split('_').any(|part| part == "0900"),
        }
    }
}

/// True if a column with the collation `column` could take for equal two texts that `keys` tells
/// apart. Without a name, or `binary`, keys are told apart by their bytes.
pub(super) fn merges(keys: &str, column: &str) -> bool {
    let (keys, column) = (Named::new(keys), Named::new(column));
    if column.exact {
        return column.pad && !keys.pad;
    }
    // The larger set of one family compares the smaller one's characters alike.
    let same_set = keys.charset == column.charset || (keys.charset == "utf8mb3" && column.charset == "utf8mb4");
    let finer = same_set && keys.family == column.family && column.sensitivity >= keys.sensitivity;
    keys.exact || !finer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finer_collation_merges_nothing() {
        for (keys, column) in [
            ("utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci"),
            ("utf8mb4_0900_ai_ci", "utf8mb4_0900_as_cs"),
            ("utf8mb4_0900_ai_ci", "utf8mb4_0900_bin"),
            ("utf8mb4_0900_ai_ci", "utf8mb4_nopad_bin"),
            ("utf8mb4_general_ci", "utf8mb4_bin"),
            ("utf8_general_ci", "utf8mb4_general_ci"),
            ("latin1_swedish_ci", "latin1_swedish_ci"),
            ("latin1_bin", "utf8mb4_bin"),
            ("utf8mb4_ja_0900_as_cs_ks", "utf8mb4_ja_0900_as_cs_ks"),
            ("binary", "utf8mb4_nopad_bin"),
            ("", "utf8mb4_0900_bin"),
            ("", "binary"),
        ] {
            assert!(!merges(keys, column), "{keys} in {column}");
        }
    }

    #[test]
    fn a_coarser_or_another_collation_may_merge() {
        for (keys, column) in [
            ("", "utf8mb4_0900_ai_ci"),
            ("binary", "utf8mb4_bin"),
            ("utf8mb4_bin", "utf8mb4_general_ci"),
            ("utf8mb4_0900_as_cs", "utf8mb4_0900_as_ci"),
            // Trailing spaces.
            ("utf8mb4_0900_ai_ci", "utf8mb4_bin"),
            ("utf8mb4_0900_ai_ci", "utf8mb4_general_ci"),
            // Letters that one standard has and the other lacks.
            ("utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"),
            // å is not a.
            ("latin1_swedish_ci", "utf8mb4_0900_ai_ci"),
            ("latin1_swedish_ci", "utf8mb4_general_ci"),
            ("utf8mb4_ja_0900_as_cs", "utf8mb4_0900_as_cs"),
        ] {
            assert!(merges(keys, column), "{keys} in {column}");
        }
    }
}
