//! A statement as words: names, signs, and where there is a value.
//!
//! Where a quoted text ends depends on the session's modes, so they are needed to see what is a word at
//! all. A text in double quotes counts as a name in either mode: where a name belongs no string can stand.

use super::super::query::Syntax;

/// Statements of more words are not understood, whatever they are.
const WORDS_MAX: usize = 1_000_000;

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word<'a> {
    /// A bare word: a keyword, a name, a number.
    Bare {
        text: &'a str,
        /// A parenthesis opens right behind it: servers take some functions' names for functions only then.
        opens: bool,
    },
    /// A name in backquotes or double quotes.
    Quoted(String),
    /// A string.
    Value,
    Sign(char),
    /// An opening parenthesis; the one that closes it, or the end of the text, is so many words further on.
    Open(usize),
}

impl Word<'_> {
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Word::Bare { text, .. } if text.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    pub(super) fn is_sign(&self, sign: char) -> bool {
        match self {
            Word::Open(_) => sign == '(',
            word => *word == Word::Sign(sign),
        }
    }

    /// Its text, if it can be a name behind a dot: there digits alone can.
    pub(super) fn part(&self) -> Option<String> {
        match self {
            Word::Bare { text, .. } => Some((*text).to_owned()),
            Word::Quoted(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Its text, if it can be a name.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Word::Bare { text, .. } if text.bytes().all(|b| b.is_ascii_digit()) => None,
            word => word.part(),
        }
    }
}

/// Splits a statement; `None` if it has too many words. Comments go, but what is in `/*!…*/` is executed and
/// stays: of those that it does not execute, a server takes the exclamation mark out before it logs the text.
pub(super) fn words(text: &str, syntax: Syntax) -> Option<Vec<Word<'_>>> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut executed = 0u32;
    while let Some(c) = rest.chars().next() {
        if words.len() >= WORDS_MAX {
            return None;
        }
        // What is not ASCII is a letter to the servers, spaces included.
        if c.is_ascii_whitespace() || c.is_ascii_control() {
            rest = &rest[c.len_utf8()..];
        } else if c == '#' || is_line_comment(rest) {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(inner) =
            rest.strip_prefix("/*!").or_else(|| rest.strip_prefix("/*M!").filter(|_| syntax.mariadb))
        {
            executed += 1;
            rest = inner.trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if executed > 0 && rest.starts_with("*/") {
            executed -= 1;
            rest = &rest[2..];
        } else if matches!(c, '`' | '"' | '\'') || (c == '[' && syntax.brackets) {
            let escapes = !syntax.plain_backslash && (c == '\'' || (c == '"' && !syntax.ansi_quotes));
            let (value, after) = quoted(&rest[1..], if c == '[' { ']' } else { c }, escapes);
            words.push(if c == '\'' { Word::Value } else { Word::Quoted(value) });
            rest = after;
        } else if is_name(c) {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            words.push(Word::Bare { text: &rest[..end], opens: rest[end..].starts_with('(') });
            rest = &rest[end..];
        } else {
            words.push(Word::Sign(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    close(&mut words);
    Some(words)
}

/// Matches parentheses, once for all that will ask.
fn close(words: &mut [Word<'_>]) {
    let mut open = Vec::new();
    for i in 0..words.len() {
        match words[i] {
            Word::Sign('(') => open.push(i),
            Word::Sign(')') => {
                if let Some(at) = open.pop() {
                    words[at] = Word::Open(i - at);
                }
            }
            _ => {}
        }
    }
    let end = words.len();
    open.into_iter().for_each(|at| words[at] = Word::Open(end - at));
}

fn is_line_comment(text: &str) -> bool {
    let after = text.strip_prefix("--").map(|after| after.chars().next());
    after.is_some_and(|next| next.is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control()))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || c >= '\u{80}'
}

/// The text up to the closing quote, doubled quotes being one.
fn quoted(text: &str, quote: char, escapes: bool) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c == quote {
            if chars.peek().map(|&(_, c)| c) != Some(quote) {
                return (value, &text[i + c.len_utf8()..]);
            }
            chars.next();
        } else if c == '\\' && escapes {
            chars.next();
            continue;
        }
        value.push(c);
    }
    (value, "")
}

/// The place of the parenthesis that closes the one at `open`, or the end.
pub(super) fn closing(words: &[Word<'_>], open: usize) -> usize {
    match words.get(open) {
        Some(Word::Open(further)) => (open + further).min(words.len()),
        _ => words.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, syntax: Syntax) -> Vec<String> {
        let one = |word: &Word<'_>| match word {
            Word::Value => "'".to_owned(),
            Word::Sign(c) => c.to_string(),
            Word::Open(_) => "(".to_owned(),
            word => word.part().unwrap_or_default(),
        };
        words(text, syntax).unwrap().iter().map(one).collect()
    }

    #[test]
    fn quotes_end_as_the_session_says() {
        let mysql = Syntax::default();
        let ansi = Syntax { ansi_quotes: true, ..mysql };
        let plain = Syntax { plain_backslash: true, ..mysql };
        assert_eq!(texts(r"'a\' b' c", mysql), ["'", "c"]);
        assert_eq!(texts(r"'a\' b' c", plain), ["'", "b", "'"]);
        assert_eq!(texts(r#""a\" b" c"#, mysql), ["a b", "c"]);
        assert_eq!(texts(r#""a\" b" c"#, ansi), [r"a\", "b", " c"]);
        assert_eq!(texts(r#""a""b" `c``\` d"#, ansi), ["a\"b", "c`\\", "d"]);
        assert_eq!(texts("[a]]b]", Syntax { brackets: true, ..mysql }), ["a]b"]);
        assert_eq!(texts("[a]", mysql), ["[", "a", "]"]);
    }

    #[test]
    fn comments_hide_no_words_and_quotes_in_them_begin_none() {
        let mysql = Syntax::default();
        let mariadb = Syntax { mariadb: true, ..mysql };
        assert_eq!(texts("a /* ' */ b -- ' \n c # \" \n d", mysql), ["a", "b", "c", "d"]);
        assert_eq!(texts("/*!50001 a /* ' */ b */ c /*M!100100 d*/", mariadb), ["a", "b", "c", "d"]);
        assert_eq!(texts("/*M! ' */ a", mysql), ["a"]);
        assert_eq!(texts("2*/*'*/f()", mysql), ["2", "*", "f", "(", ")"]);
        assert_eq!(texts("1--1 --", mysql), ["1", "-", "-", "1"]);
        assert_eq!(texts("/* unfinished", mysql), [""; 0]);
    }
}
