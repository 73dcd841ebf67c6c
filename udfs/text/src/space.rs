//! White space and case.

use rowmill_sdk::column::Texts;
use rowmill_sdk::{Text, scalar};

/// The text without white space at its ends.
///
/// White space is Unicode's (`White_Space`): also tabs, line ends, no-break and ideographic
/// spaces. NULL gives NULL; never an error. Never longer than the text.
#[scalar(like = text)]
pub fn trim(text: &str) -> &str {
    text.trim()
}

/// The text in lower case.
///
/// One character at a time and without a language: Σ becomes σ also at the end of a word, I
/// becomes i also in Turkish. NULL gives NULL; never an error.
#[scalar(columns)]
pub fn lower(text: &Texts) -> Texts {
    text.map(|text, out| out.push_lowercase(text))
}

/// The text in upper case.
///
/// Without a language: i becomes I also in Turkish; ß becomes SS, so a text can grow. NULL gives
/// NULL; never an error.
#[scalar(columns)]
pub fn upper(text: &Texts) -> Texts {
    text.map(|text, out| out.push_uppercase(text))
}

/// The text without white space at its ends, and with each run of white space inside it replaced
/// by one space.
///
/// NULL gives NULL; never an error. Never longer than the text.
#[scalar(like = text)]
pub fn collapse(text: &str, out: &mut Text) {
    for (number, word) in text.split_whitespace().enumerate() {
        if number > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowmill_sdk::RowFunction;
    use rowmill_sdk::test::call;

    /// Runs a function of one text on inputs and compares; NULL must give NULL.
    fn check<F: RowFunction + Default + 'static>(cases: &[(&str, &str)]) {
        let inputs = cases.iter().map(|case| Some(case.0)).chain([None]);
        let expected: Vec<Option<String>> = cases.iter().map(|case| Some(case.1.to_owned())).chain([None]).collect();
        let ran = call::<F>().arg(inputs).run();
        assert_eq!(ran.values::<String>(), expected);
        assert!(ran.errors.is_empty());
    }

    #[test]
    fn trim_cuts_both_ends() {
        check::<trim>(&[("", ""), (" \t\r\n", ""), ("  a b ", "a b"), ("\u{a0}x\u{3000}", "x"), ("ß ", "ß")]);
    }

    #[test]
    fn trim_keeps_the_facts_of_its_argument() {
        let bound = call::<trim>().arg([Some("a")]).attribute("max-chars", "40").bind().unwrap();
        let result = &bound.signature().results[0];
        assert_eq!(result.attribute("max-chars"), Some("40"));
        assert!(result.nullable);
    }

    #[test]
    fn case_follows_unicode() {
        check::<upper>(&[("", ""), ("abc1", "ABC1"), ("straße", "STRASSE"), ("éÉ", "ÉÉ"), ("aé", "AÉ")]);
        check::<lower>(&[("", ""), ("ABC1", "abc1"), ("ÉCOLE", "école"), ("ΟΔΟΣ", "οδοσ"), ("İ", "i\u{307}")]);
    }

    #[test]
    fn collapse_leaves_single_spaces() {
        check::<collapse>(&[
            ("", ""),
            ("  ", ""),
            (" a  b\t\tc\n", "a b c"),
            ("a b", "a b"),
            ("über\u{a0}\u{2003}all", "über all"),
        ]);
    }
}
