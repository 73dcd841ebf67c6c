//! From a place in a scalar's value back to the file.
//!
//! An expression's error says "bytes 7 to 13 of the text"; the file holds the text with quotes,
//! escapes, folded lines, indentation. [`align`] walks both side by side and notes for each byte
//! of the value where it stands in the raw text. It checks while it walks that both agree, so a
//! rule of YAML that it doesn't know gives `None`, and the caller marks the whole scalar.

use std::ops::Range;

use super::tree::Style;

/// For each byte of `value`, and one past its end, the offset in `raw`.
pub(super) fn align(raw: &str, style: Style, value: &str) -> Option<Vec<usize>> {
    let mut walk = Walk { raw, value, at: 0, map: Vec::with_capacity(value.len() + 1) };
    match style {
        Style::Plain => walk.flow(style)?,
        Style::Single | Style::Double => {
            walk.at = 1;
            walk.flow(style)?;
        }
        Style::Literal | Style::Folded => walk.block()?,
    }
    (walk.map.len() == value.len()).then(|| {
        walk.map.push(walk.at);
        walk.map
    })
}

/// The bytes of `raw` that `inner` bytes of the value came from.
pub(super) fn locate(map: &[usize], inner: &Range<usize>) -> Option<Range<usize>> {
    let start = *map.get(inner.start)?;
    let end = *map.get(inner.end)?;
    (start <= end).then_some(start..end)
}

struct Walk<'a> {
    raw: &'a str,
    value: &'a str,
    /// Where in `raw`.
    at: usize,
    /// One entry per byte of `value` that has been found.
    map: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a str {
        &self.raw[self.at..]
    }

    fn expected(&self) -> Option<char> {
        self.value[self.map.len()..].chars().next()
    }

    /// Notes that the value's next character stands here, and goes `raw_len` on.
    fn take(&mut self, raw_len: usize) -> Option<()> {
        let c = self.expected()?;
        self.map.extend(std::iter::repeat_n(self.at, c.len_utf8()));
        self.at += raw_len;
        Some(())
    }

    /// A character that stands for itself.
    fn same(&mut self, c: char) -> Option<()> {
        (self.expected()? == c).then_some(())?;
        for offset in 0..c.len_utf8() {
            self.map.push(self.at + offset);
        }
        self.at += c.len_utf8();
        Some(())
    }

    /// Plain and quoted scalars, the opening quote already passed.
    fn flow(&mut self, style: Style) -> Option<()> {
        while self.map.len() < self.value.len() {
            let c = self.rest().chars().next()?;
            if c.is_ascii_whitespace() {
                let run = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
                let breaks = self.rest()[..run].matches('\n').count();
                if breaks == 0 {
                    self.same(c)?;
                } else {
                    // One break folds into a space, n into n - 1 breaks.
                    let start = self.at;
                    for _ in 0..(breaks - 1).max(1) {
                        let folded = if breaks == 1 { ' ' } else { '\n' };
                        (self.expected()? == folded).then_some(())?;
                        self.take(0)?;
                    }
                    self.at = start + run;
                }
            } else if style == Style::Single && self.rest().starts_with("''") {
                self.take(2)?;
            } else if style == Style::Double && c == '\\' {
                self.escape()?;
            } else {
                self.same(c)?;
            }
        }
        Some(())
    }

    /// `\n`, `\x41`, or a backslash that joins two lines.
    fn escape(&mut self) -> Option<()> {
        let after = self.rest()[1..].chars().next()?;
        let digits = match after {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '\r' | '\n' => {
                let tail = self.rest()[1..].trim_start_matches([' ', '\t', '\r', '\n']);
                self.at = self.raw.len() - tail.len();
                return Some(());
            }
            _ => 0,
        };
        self.take(1 + after.len_utf8() + digits)
    }

    /// Scalars after `|` and `>`.
    fn block(&mut self) -> Option<()> {
        let header_end = self.raw.find('\n')? + 1;
        let header = &self.raw[1..header_end];
        self.at = header_end;
        let first = self.rest().lines().find(|line| !line.trim().is_empty())?;
        let indent = match header.chars().take(2).find_map(|c| c.to_digit(10)) {
            // Relative to a parent that is not known here: the usual case has no indicator.
            Some(_) => return None,
            None => first.len() - first.trim_start_matches(' ').len(),
        };
        while self.map.len() < self.value.len() {
            let line = self.rest().split('\n').next()?;
            let line = line.strip_suffix('\r').unwrap_or(line);
            let blank = line.len() - line.trim_start_matches(' ').len();
            let line_start = self.at;
            self.at += blank.min(indent);
            for c in line[blank.min(indent)..].chars() {
                self.same(c)?;
            }
            // The break: kept, folded into a space, or swallowed by the line that was blank.
            let whole = line_start + self.raw[line_start..].find('\n').unwrap_or(line.len());
            if self.map.len() < self.value.len() {
                if self.expected()? == '\n' {
                    while self.expected() == Some('\n') {
                        self.take(0)?;
                    }
                } else if self.expected()? == ' ' && blank < line.len() {
                    self.take(0)?;
                } else if !line.trim().is_empty() {
                    return None;
                }
                if whole >= self.raw.len() {
                    break;
                }
                self.at = whole + 1;
            }
        }
        // A final break that the parser keeps in the value ends the raw text.
        while self.map.len() < self.value.len() && self.expected()? == '\n' {
            self.take(0)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of the value must be found at its place in the raw text.
    fn words(raw: &str, style: Style, value: &str) {
        let map = align(raw, style, value).expect(raw);
        for word in ["alpha", "beta", "gamma"] {
            let at = value.find(word).expect(word);
            let span = locate(&map, &(at..at + word.len())).expect(word);
            assert_eq!(raw.get(span), Some(word), "{raw:?}");
        }
    }

    #[test]
    fn every_style_maps_back() {
        words("alpha beta gamma", Style::Plain, "alpha beta gamma");
        words("alpha\n    beta\n\n  gamma", Style::Plain, "alpha beta\ngamma");
        words("'alpha ''beta'' gamma'", Style::Single, "alpha 'beta' gamma");
        words(r#""alpha \"beta\" \x41\u00e9 gamma""#, Style::Double, "alpha \"beta\" Aé gamma");
        words("\"alpha \\\n   beta\n gamma\"", Style::Double, "alpha beta gamma");
        words("|\n  alpha\n    beta\n\n  gamma\n", Style::Literal, "alpha\n  beta\n\ngamma\n");
        words("|-\n  alpha é\n  beta gamma", Style::Literal, "alpha é\nbeta gamma");
        words(">\n  alpha\n  beta\n\n  gamma\n", Style::Folded, "alpha beta\ngamma\n");
        words(">-\n  alpha\n    beta\n  gamma\n", Style::Folded, "alpha\n  beta\ngamma");
    }

    #[test]
    fn what_does_not_agree_is_not_mapped() {
        assert_eq!(align("alpha", Style::Plain, "beta"), None);
        assert_eq!(align("|2\n   alpha", Style::Literal, " alpha"), None);
    }
}
