//! Collations by their names.

use crate::rule::{Alphabet, Rule};

/// What is known about the collation of a text: its name, and how it compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collation {
    name: Option<String>,
    rule: Option<Rule>,
}

impl Collation {
    /// Of a column that states none: texts compare by their bytes.
    pub fn unknown() -> Self {
        Self { name: None, rule: Some(Rule::BYTES) }
    }

    /// Of a literal: the default of MySQL's connections.
    pub fn literal() -> Self {
        Self { name: None, rule: Some(Rule { alphabet: Alphabet::Uca9, pad: false }) }
    }

    /// Of texts with several collations together: good for anything but comparing.
    pub fn mixed() -> Self {
        Self { name: None, rule: None }
    }

    /// By MySQL's or MariaDB's name, in any case. Of a name that is not supported only the [rule](Self::rule) is missing.
    pub fn named(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let pad = !lower.contains("_nopad_") && !lower.contains("_0900_");
        let family = ["utf8mb4_", "utf8mb3_", "utf8_", "ucs2_", "utf16_", "utf32_", "ascii_"]
            .iter()
            .find_map(|charset| lower.strip_prefix(charset));
        let alphabet = if lower == "binary" || lower.ends_with("_bin") {
            Some(Alphabet::Exact)
        } else if matches!(lower.as_str(), "latin1_swedish_ci" | "latin1_swedish_nopad_ci") {
            Some(Alphabet::Swedish)
        } else {
            match family.unwrap_or(&lower) {
                "general_ci" | "general_nopad_ci" => Some(Alphabet::General),
                "unicode_ci" | "unicode_nopad_ci" => Some(Alphabet::Unicode),
                "0900_ai_ci" | "uca1400_ai_ci" | "uca1400_nopad_ai_ci" => Some(Alphabet::Uca9),
                _ => None,
            }
        };
        let pad = pad && lower != "binary";
        Self { name: Some(name.to_owned()), rule: alphabet.map(|alphabet| Rule { alphabet, pad }) }
    }

    /// The name, where there is one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The charset of the name: what stands before its first `_`.
    pub fn charset(&self) -> &str {
        let name = self.name().unwrap_or("");
        name.split('_').next().unwrap_or(name)
    }

    /// Whether equal texts are the same characters, trailing spaces aside.
    pub fn is_exact(&self) -> bool {
        self.rule.is_some_and(|rule| rule.alphabet == Alphabet::Exact)
    }

    /// How to compare, or that this is not possible here. Who asks knows the way out and appends it.
    pub fn rule(&self) -> Result<Rule, String> {
        self.rule.ok_or_else(|| {
            format!("the collation {} is not supported in comparisons", self.name().unwrap_or("of this text"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_compared_is_known_by_its_name() {
        for name in [
            "binary",
            "utf8mb4_bin",
            "utf8mb4_0900_bin",
            "latin1_bin",
            "utf8mb4_0900_ai_ci",
            "UTF8MB4_GENERAL_CI",
            "utf8mb3_general_ci",
            "utf8mb4_unicode_ci",
            "latin1_swedish_ci",
            "utf8mb4_uca1400_ai_ci",
            "uca1400_nopad_ai_ci",
        ] {
            assert!(Collation::named(name).rule().is_ok(), "{name}");
        }
        for name in ["utf8mb4_ja_0900_as_cs", "utf8mb4_0900_as_ci", "latin1_general_ci", "cp1251_general_ci", "bin"] {
            let error = Collation::named(name).rule().unwrap_err();
            assert_eq!(error, format!("the collation {name} is not supported in comparisons"));
        }
        assert!(Collation::unknown().rule().unwrap().is_bytes());
        assert!(Collation::mixed().rule().is_err());
        assert_eq!(Collation::named("latin1_swedish_ci").charset(), "latin1");
    }

    #[test]
    fn only_newer_collations_tell_trailing_spaces_apart() {
        for (name, equal) in [
            ("utf8mb4_bin", true),
            ("utf8mb4_general_ci", true),
            ("utf8mb4_general_nopad_ci", false),
            ("utf8mb4_0900_ai_ci", false),
            ("utf8mb4_0900_bin", false),
            ("binary", false),
        ] {
            assert_eq!(Collation::named(name).rule().unwrap().compare("a", "a ").is_eq(), equal, "{name}");
        }
    }
}
