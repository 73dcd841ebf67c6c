//! Texts as the server reads them: escaped for a file of `LOAD DATA`, or quoted in a statement.
//!
//! See the MySQL manual, *String Literals*, and *LOAD DATA*, "Field and Line Handling".

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A field of `LOAD DATA` with tabs, newlines and backslash escapes.
    Load,
    /// A literal in a statement. The session keeps backslash escapes on.
    Literal,
}

/// For each byte the letter that stands for it after a backslash; 0 for bytes that stand for themselves.
const fn escapes(style: Style) -> [u8; 256] {
    let mut table = [0; 256];
    table[b'\\' as usize] = b'\\';
    table[0] = b'0';
    match style {
        Style::Load => {
            table[b'\t' as usize] = b't';
            table[b'\n' as usize] = b'n';
        }
        Style::Literal => table[b'\'' as usize] = b'\'',
    }
    table
}

const LOAD: [u8; 256] = escapes(Style::Load);
const LITERAL: [u8; 256] = escapes(Style::Literal);

/// Appends text, escaped. Runs without anything to escape are copied whole.
#[inline]
pub(crate) fn text(value: &[u8], style: Style, out: &mut Vec<u8>) {
    let table = match style {
        Style::Load => &LOAD,
        Style::Literal => {
            out.push(b'\'');
            &LITERAL
        }
    };
    let mut rest = value;
    while let Some(i) = rest.iter().position(|&b| table[usize::from(b)] != 0) {
        out.extend_from_slice(&rest[..i]);
        out.extend_from_slice(&[b'\\', table[usize::from(rest[i])]]);
        rest = &rest[i + 1..];
    }
    out.extend_from_slice(rest);
    if style == Style::Literal {
        out.push(b'\'');
    }
}
