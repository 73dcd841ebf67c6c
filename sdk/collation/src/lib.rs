//! MySQL collations: comparing texts, and keys that group and sort them.
//!
//! Exact: `binary`, everything named `…_bin`, and texts whose collation nobody stated. By weight:
//! `utf8mb4_0900_ai_ci`, `…_unicode_ci`, `…_general_ci`, `latin1_swedish_ci`, and MariaDB's
//! `uca1400_ai_ci` (with the weights of 0900, whose order is the same for the letters below but
//! for letters new in Unicode 14). Any other collation has no [`Rule`], and [`Collation::rule`]
//! says so by its name.
//!
//! The weights are MySQL's own, read with WEIGHT_STRING, for U+0000–U+052F (Latin, Greek,
//! Cyrillic), U+1E00–U+1FFF and the general punctuation up to U+206F. **The extent ends there**:
//! other characters (Hangul, kana, CJK, emoji, …) are told apart by code point and come after all
//! others, except that `general_ci` has one weight for everything above U+FFFF, as in MySQL; at
//! most two weights of a character are kept (17 characters such as ½ and ŉ have three);
//! contractions are not known. Texts are UTF-8 whatever the column's charset, so a `…_bin`
//! collation of a charset that is not Unicode tells apart what MySQL tells apart, but orders by
//! code point.
//!
//! Older collations pad the shorter text with spaces (`'a' = 'a '`); 0900, `nopad` and `binary`
//! do not. `utf8mb4_bin` does, which surprises, but is what the server does.
//!
//! ```
//! use rowmill_collation::Collation;
//!
//! let rule = Collation::named("utf8mb4_general_ci").rule()?;
//! let key = |text| {
//!     let mut key = Vec::new();
//!     rule.key(text, &mut key);
//!     key
//! };
//! assert!(rule.compare("Müller", "MULLER ").is_eq());
//! assert_eq!(key("Müller"), key("MULLER "));
//! # Ok::<(), String>(())
//! ```

mod collation;
mod key;
mod rule;
mod weights;

pub use collation::Collation;
pub use rule::Rule;
