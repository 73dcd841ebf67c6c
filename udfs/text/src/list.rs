//! Lists to rows.

use rowmill_sdk::{Rows, config, table};

/// How `split` reads lists.
#[config]
#[derive(Clone, Debug)]
pub struct SplitConfig {
    /// What stands between two items; a comma by default. An empty separator splits into
    /// characters.
    #[default(",")]
    pub separator: String,
    /// Cuts white space from the ends of each item.
    #[default(true)]
    pub trim: bool,
    /// Also gives rows for empty items.
    #[default(false)]
    pub keep_empty: bool,
    /// At most this many items; the last one then holds the rest of the list. 0 = no limit.
    #[default(0u32)]
    pub limit: u32,
}

/// One row per item of a separated list, in the list's order.
///
/// NULL and the empty list give no rows; never an error. Rows repeat where items do.
#[table(results(item))]
pub fn split(#[config] config: &SplitConfig, list: &str, out: &mut Rows<String>) {
    let mut push = |item: &str| {
        let item = if config.trim { item.trim() } else { item };
        if config.keep_empty || !item.is_empty() {
            out.push(item);
        }
    };
    match (config.separator.as_str(), config.limit) {
        (_, _) if list.is_empty() => {}
        ("", 0) => list.chars().for_each(|c| push(c.encode_utf8(&mut [0; 4]))),
        ("", limit) => {
            let mut rest = list;
            for _ in 1..limit {
                let mut characters = rest.chars();
                let Some(character) = characters.next() else { break };
                push(character.encode_utf8(&mut [0; 4]));
                rest = characters.as_str();
            }
            push(rest);
        }
        (separator, 0) => list.split(separator).for_each(push),
        (separator, limit) => list.splitn(limit as usize, separator).for_each(push),
    }
}

#[cfg(test)]
mod tests {
    use super::split;
    use rowmill_sdk::serde_json::{Value, json};
    use rowmill_sdk::test::call;

    fn items(config: Value, list: &str) -> Vec<String> {
        let ran = call::<split>().arg([list]).config(config).run();
        assert!(ran.errors.is_empty());
        ran.values::<String>().into_iter().flatten().collect()
    }

    #[test]
    fn each_row_of_items_names_its_input_row() {
        let ran = call::<split>().arg([Some("a, b"), None, Some(""), Some("c")]).run();
        assert_eq!(ran.parents, [0, 0, 3]);
        let expected = ["a", "b", "c"].map(|item| Some(item.to_owned()));
        assert_eq!(ran.column::<String>("item"), expected);
    }

    #[test]
    fn configurations_do_what_they_say() {
        let cases: [(Value, &str, &[&str]); 12] = [
            (json!({}), "a,b,,c ", &["a", "b", "c"]),
            (json!({}), " , ", &[]),
            (json!({"keep_empty": true}), "a,,b,", &["a", "", "b", ""]),
            (json!({"trim": false}), "a, b", &["a", " b"]),
            (json!({"separator": "||"}), "a||b|c", &["a", "b|c"]),
            (json!({"separator": ";"}), "a,b", &["a,b"]),
            (json!({"separator": " "}), "a  b", &["a", "b"]),
            (json!({"separator": ""}), "aé", &["a", "é"]),
            (json!({"limit": 2}), "a,b,c", &["a", "b,c"]),
            (json!({"limit": 1}), "a,b,c", &["a,b,c"]),
            (json!({"separator": "", "limit": 2}), "äbc", &["ä", "bc"]),
            (json!({"separator": "", "limit": 9}), "ab", &["a", "b"]),
        ];
        for (config, list, expected) in cases {
            assert_eq!(items(config.clone(), list), expected, "{config} {list:?}");
        }
    }
}
