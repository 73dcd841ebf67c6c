//! A rowmill component with one table function.

use rowmill_sdk::{Rows, config, table};

/// What can be set under `config:` in the pipeline file. A key that is not here is an error.
#[config]
pub struct Config {
    /// Words with fewer characters are left out.
    #[default(1u32)]
    pub shortest: u32,
}

/// One row per word of a text, with the word's length.
///
/// NULL and empty texts give no rows.
#[table(results(word, chars))]
pub fn words(#[config] config: &Config, text: &str, out: &mut Rows<(String, u32)>) {
    for word in text.split_whitespace() {
        let chars = word.chars().count() as u32;
        if chars >= config.shortest {
            out.push((word, chars));
        }
    }
}

// The functions that the component offers.
rowmill_sdk::export!(words);

#[cfg(test)]
mod tests {
    use super::*;
    use rowmill_sdk::{serde_json::json, test::call};

    #[test]
    fn each_word_is_a_row_of_its_text() {
        let ran = call::<words>()
            .arg([Some("a rose is"), None, Some("red")])
            .config(json!({"shortest": 2}))
            .run();
        assert_eq!(ran.parents, [0, 0, 2]);
        let expected = ["rose", "is", "red"].map(|word| Some(word.to_owned()));
        assert_eq!(ran.column::<String>("word"), expected);
        assert_eq!(ran.column::<u32>("chars"), [Some(4), Some(2), Some(3)]);
    }
}
