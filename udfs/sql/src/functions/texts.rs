//! Functions that make texts of texts.

use std::sync::Arc;

use arrow_array::types::Int64Type;

use super::{ANY, Call, Function, from_text, function, int, texts_at, to_text};
use crate::bind::Result;
use crate::bind::compare::{all_spelt, text};
use crate::convert::convert;
use crate::error::BindError;
use crate::expr::Expr;
use crate::types::{self, Type, literal_text};
use crate::value::{make_bytes, make_texts};

/// The most bytes that REPEAT, LPAD, RPAD and SPACE make of one value (`max_allowed_packet` of a default server).
const BYTES_MAX: usize = 64 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    function(&["CONCAT"], 1, ANY, concat),
    function(&["CONCAT_WS"], 2, ANY, concat_ws),
    function(&["UPPER", "UCASE"], 1, 1, |call| {
        from_text(
            call,
            |c| c,
            false,
            |s, out| {
                change_case(s, out, true);
                Some(())
            },
        )
    }),
    function(&["LOWER", "LCASE"], 1, 1, |call| {
        from_text(
            call,
            |c| c,
            false,
            |s, out| {
                change_case(s, out, false);
                Some(())
            },
        )
    }),
    function(&["TRIM"], 1, 3, trim),
    function(&["LTRIM"], 1, 1, |call| {
        from_text(
            call,
            |c| c,
            false,
            |s, out| {
                out.push_str(s.trim_start_matches(' '));
                Some(())
            },
        )
    }),
    function(&["RTRIM"], 1, 1, |call| {
        from_text(
            call,
            |c| c,
            false,
            |s, out| {
                out.push_str(s.trim_end_matches(' '));
                Some(())
            },
        )
    }),
    function(&["REVERSE"], 1, 1, |call| {
        from_text(
            call,
            |c| c,
            false,
            |s, out| {
                out.extend(s.chars().rev());
                Some(())
            },
        )
    }),
    function(&["SUBSTRING", "SUBSTR", "MID"], 2, 3, substring),
    function(&["LEFT"], 2, 2, |call| sides(call, true)),
    function(&["RIGHT"], 2, 2, |call| sides(call, false)),
    function(&["SUBSTRING_INDEX"], 3, 3, substring_index),
    function(&["REPLACE"], 3, 3, replace),
    function(&["REPEAT"], 2, 2, repeat),
    function(&["SPACE"], 1, 1, |call| {
        let space = crate::bind::text_literal(call.span, " ");
        let mut args = vec![space];
        args.extend(call.args);
        repeat(Call { args, ..call })
    }),
    function(&["LPAD"], 3, 3, |call| pad(call, true)),
    function(&["RPAD"], 3, 3, |call| pad(call, false)),
    function(&["INSERT"], 4, 4, insert),
    function(&["HEX"], 1, 1, hex),
    function(&["UNHEX"], 1, 1, unhex),
    function(&["ELT"], 2, ANY, elt),
    function(&["QUOTE"], 1, 1, |call| {
        from_text(
            call,
            |c| c.map(|c| c * 2 + 2),
            false,
            |s, out| {
                out.push('\'');
                for c in s.chars() {
                    match c {
                        '\'' | '\\' => out.extend(['\\', c]),
                        '\0' => out.push_str("\\0"),
                        '\u{1a}' => out.push_str("\\Z"),
                        _ => out.push(c),
                    }
                }
                out.push('\'');
                Some(())
            },
        )
    }),
];

/// One character for one, as MySQL's tables have it: `ß` stays.
fn change_case(text: &str, out: &mut String, upper: bool) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if upper {
            out[start..].make_ascii_uppercase()
        } else {
            out[start..].make_ascii_lowercase()
        }
        return;
    }
    for c in text.chars() {
        let mut one = None;
        let mut count = 0;
        let mut see = |changed| {
            one = Some(changed);
            count += 1;
        };
        if upper {
            c.to_uppercase().for_each(&mut see)
        } else {
            c.to_lowercase().for_each(&mut see)
        }
        out.push(if count == 1 { one.unwrap_or(c) } else { c });
    }
}

fn sum_chars(args: &[Expr]) -> Option<u32> {
    args.iter().map(|arg| arg.ty.chars()).try_fold(0u32, |sum, chars| chars.map(|chars| sum.saturating_add(chars)))
}

fn concat(call: Call) -> Result<Expr> {
    let span = call.span;
    let spelt = all_spelt(&call.args.iter().collect::<Vec<_>>())?;
    let call = Call { args: spelt.unwrap_or(call.args), ..call };
    if call.args.iter().any(|arg| matches!(arg.ty, Type::Bytes { .. })) {
        let length = sum_chars(&call.args);
        let bytes = types::bytes(None);
        let args = call.args.into_iter().map(|arg| convert(arg, &bytes)).collect::<Result<Vec<_>>>()?;
        return Expr::call(
            span,
            types::bytes(length),
            false,
            args,
            Arc::new(|args, rows| {
                let parts: Vec<_> = args.iter().map(|arg| arg.bytes()).collect();
                Ok(make_bytes(rows.count, |row, out| {
                    for part in &parts {
                        out.extend_from_slice(part.get(row)?);
                    }
                    Some(())
                }))
            }),
        );
    }
    let ty = call.text_type(sum_chars(&call.args));
    let args = call.into_texts()?;
    Expr::call(
        span,
        ty,
        false,
        args,
        Arc::new(|args, rows| {
            let parts: Vec<_> = args.iter().map(|arg| arg.texts()).collect();
            Ok(make_texts(rows.count, |row, out| {
                for part in &parts {
                    out.push_str(part.get(row)?);
                }
                Some(())
            }))
        }),
    )
}

/// Skips NULLs among the texts, but is NULL if the separator is.
fn concat_ws(call: Call) -> Result<Expr> {
    let span = call.span;
    let separators = call.args[0].ty.chars().map(|c| c.saturating_mul(call.args.len() as u32));
    let chars = sum_chars(&call.args[1..]).zip(separators).map(|(a, b)| a.saturating_add(b));
    let ty = call.text_type(chars);
    let nullable = call.args[0].nullable;
    let args = call.into_texts()?;
    let expr = Expr::call(
        span,
        ty,
        false,
        args,
        Arc::new(|args, rows| {
            let parts: Vec<_> = args.iter().map(|arg| arg.texts()).collect();
            Ok(make_texts(rows.count, |row, out| {
                let separator = parts[0].get(row)?;
                let mut first = true;
                for part in parts[1..].iter().filter_map(|part| part.get(row)) {
                    if !std::mem::take(&mut first) {
                        out.push_str(separator);
                    }
                    out.push_str(part);
                }
                Some(())
            }))
        }),
    )?;
    Ok(Expr { nullable, ..expr })
}

fn trim(call: Call) -> Result<Expr> {
    if call.args.len() == 1 {
        return from_text(
            call,
            |c| c,
            false,
            |s, out| {
                out.push_str(s.trim_matches(' '));
                Some(())
            },
        );
    }
    let span = call.span;
    let ty = call.text_type(call.args[0].ty.chars());
    let side = call.args.get(2).and_then(Expr::literal_text).unwrap_or("BOTH").to_owned();
    let mut args = call.into_texts()?;
    args.truncate(2);
    to_text(span, ty, false, args, move |args, row, out| {
        let (mut s, what) = (texts_at(args, 0).get(row)?, texts_at(args, 1).get(row)?);
        if !what.is_empty() {
            while side != "TRAILING" && s.starts_with(what) {
                s = &s[what.len()..];
            }
            while side != "LEADING" && s.ends_with(what) {
                s = &s[..s.len() - what.len()];
            }
        }
        out.push_str(s);
        Some(())
    })
}

/// The byte where the character at `index` begins.
fn char_start(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

fn char_count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// `length` characters from `position`, counted from 1, or from the end if negative; nothing at 0.
fn part(text: &str, position: i64, length: i64) -> &str {
    let count = char_count(text) as i64;
    let start = match position {
        0 => return "",
        p if p > 0 => p - 1,
        p => count.saturating_add(p),
    };
    if start < 0 || start >= count || length <= 0 {
        return "";
    }
    let rest = &text[char_start(text, start as usize)..];
    let length = length.min(count) as usize;
    &rest[..char_start(rest, length)]
}

fn substring(call: Call) -> Result<Expr> {
    let span = call.span;
    let longest = call.args.get(2).and_then(|arg| arg.value()).map(|value| value.array.clone());
    let literal = longest.and_then(|array| {
        use arrow_array::Array;
        use arrow_array::cast::AsArray;
        array.as_primitive_opt::<Int64Type>().filter(|a| a.is_valid(0)).map(|a| a.value(0).clamp(0, 1 << 30) as u32)
    });
    let chars = match (call.args[0].ty.chars(), literal) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    if matches!(call.args[0].ty, Type::Bytes { .. }) {
        let message = "this is a binary string; SUBSTRING needs a text, write CAST(… AS CHAR)";
        return Err(BindError::new(call.args[0].span, message));
    }
    let ty = call.text_type(chars);
    let mut args = call.args.into_iter();
    let mut bound = Vec::new();
    bound.extend(args.next().map(text).transpose()?);
    for arg in args {
        bound.push(int(arg)?);
    }
    Expr::call(
        span,
        ty,
        false,
        bound,
        Arc::new(|args, rows| {
            let (texts, positions) = (args[0].texts(), args[1].numbers::<Int64Type>());
            let lengths = args.get(2).map(|arg| arg.numbers::<Int64Type>());
            Ok(make_texts(rows.count, |row, out| {
                let length = match &lengths {
                    Some(lengths) => lengths.get(row)?,
                    None => i64::MAX,
                };
                out.push_str(part(texts.get(row)?, positions.get(row)?, length));
                Some(())
            }))
        }),
    )
}

fn sides(call: Call, left: bool) -> Result<Expr> {
    let span = call.span;
    let ty = call.text_type(call.args[0].ty.chars());
    let [a, b] = call.exactly()?;
    Expr::call(
        span,
        ty,
        false,
        vec![text(a)?, int(b)?],
        Arc::new(move |args, rows| {
            let (texts, lengths) = (args[0].texts(), args[1].numbers::<Int64Type>());
            Ok(make_texts(rows.count, |row, out| {
                let (text, length) = (texts.get(row)?, lengths.get(row)?.max(0));
                if left {
                    out.push_str(part(text, 1, length));
                } else {
                    let count = char_count(text) as i64;
                    out.push_str(&text[char_start(text, (count - length).max(0) as usize)..]);
                }
                Some(())
            }))
        }),
    )
}

fn substring_index(call: Call) -> Result<Expr> {
    let span = call.span;
    let ty = call.text_type(call.args[0].ty.chars());
    let [a, b, c] = call.exactly()?;
    Expr::call(
        span,
        ty,
        false,
        vec![text(a)?, text(b)?, int(c)?],
        Arc::new(|args, rows| {
            let (texts, delimiters, counts) = (args[0].texts(), args[1].texts(), args[2].numbers::<Int64Type>());
            Ok(make_texts(rows.count, |row, out| {
                let (text, delimiter, count) = (texts.get(row)?, delimiters.get(row)?, counts.get(row)?);
                if delimiter.is_empty() || count == 0 {
                    return Some(());
                }
                let nth = usize::try_from(count.unsigned_abs() - 1).unwrap_or(usize::MAX);
                let piece = if count > 0 {
                    text.match_indices(delimiter).nth(nth).map_or(text, |(at, _)| &text[..at])
                } else {
                    text.rmatch_indices(delimiter).nth(nth).map_or(text, |(at, _)| &text[at + delimiter.len()..])
                };
                out.push_str(piece);
                Some(())
            }))
        }),
    )
}

fn replace(call: Call) -> Result<Expr> {
    let span = call.span;
    let chars = |index: usize| call.args[index].ty.chars();
    // Each character may become the whole replacement, if the searched text is that short.
    let longest = chars(0).zip(chars(2)).map(|(text, with)| text.saturating_mul(with.max(1)));
    let ty = call.text_type(longest);
    to_text(span, ty, false, call.into_texts()?, |args, row, out| {
        let (text, from, to) = (texts_at(args, 0).get(row)?, texts_at(args, 1).get(row)?, texts_at(args, 2).get(row)?);
        if from.is_empty() {
            out.push_str(text);
            return Some(());
        }
        let mut rest = text;
        while let Some(at) = rest.find(from) {
            out.push_str(&rest[..at]);
            out.push_str(to);
            rest = &rest[at + from.len()..];
        }
        out.push_str(rest);
        Some(())
    })
}

fn literal_number(expr: &Expr) -> Option<i64> {
    int(expr.clone()).ok().and_then(|expr| expr.value().and_then(|value| value.numbers::<Int64Type>().get(0)))
}

fn repeat(call: Call) -> Result<Expr> {
    let span = call.span;
    let times = literal_number(&call.args[1]).map(|n| n.clamp(0, 1 << 30) as u32);
    let ty = call.text_type(call.args[0].ty.chars().zip(times).map(|(chars, times)| chars.saturating_mul(times)));
    let [a, b] = call.exactly()?;
    Expr::call(
        span,
        ty,
        true,
        vec![text(a)?, int(b)?],
        Arc::new(|args, rows| {
            let (texts, counts) = (args[0].texts(), args[1].numbers::<Int64Type>());
            Ok(make_texts(rows.count, |row, out| {
                let (text, count) = (texts.get(row)?, counts.get(row)?.max(0));
                let count =
                    usize::try_from(count).ok().filter(|count| text.len().saturating_mul(*count) <= BYTES_MAX)?;
                for _ in 0..if text.is_empty() { 0 } else { count } {
                    out.push_str(text);
                }
                Some(())
            }))
        }),
    )
}

/// To `length` characters, by cutting on the right or filling on one side. Nothing to fill with: NULL if needed in
/// MariaDB, an empty text in MySQL, which is followed.
fn pad(call: Call, left: bool) -> Result<Expr> {
    let span = call.span;
    let ty = call.text_type(literal_number(&call.args[1]).map(|n| n.clamp(0, 1 << 30) as u32));
    let [a, b, c] = call.exactly()?;
    Expr::call(
        span,
        ty,
        true,
        vec![text(a)?, int(b)?, text(c)?],
        Arc::new(move |args, rows| {
            let (texts, lengths, fills) = (args[0].texts(), args[1].numbers::<Int64Type>(), args[2].texts());
            Ok(make_texts(rows.count, |row, out| {
                let (text, length, fill) = (texts.get(row)?, lengths.get(row)?, fills.get(row)?);
                let length = usize::try_from(length).ok().filter(|length| *length <= BYTES_MAX / 4)?;
                let count = char_count(text);
                if count >= length {
                    out.push_str(&text[..char_start(text, length)]);
                    return Some(());
                }
                if fill.is_empty() {
                    return Some(());
                }
                if !left {
                    out.push_str(text);
                }
                out.extend(fill.chars().cycle().take(length - count));
                if left {
                    out.push_str(text);
                }
                Some(())
            }))
        }),
    )
}

fn insert(call: Call) -> Result<Expr> {
    let span = call.span;
    let ty = call.text_type(call.args[0].ty.chars().zip(call.args[3].ty.chars()).map(|(a, b)| a.saturating_add(b)));
    let [a, b, c, d] = call.exactly()?;
    to_text(span, ty, false, vec![text(a)?, int(b)?, int(c)?, text(d)?], |args, row, out| {
        let text = texts_at(args, 0).get(row)?;
        let position = args[1].numbers::<Int64Type>().get(row)?;
        let length = args[2].numbers::<Int64Type>().get(row)?;
        let new = texts_at(args, 3).get(row)?;
        let count = char_count(text) as i64;
        if position < 1 || position > count {
            out.push_str(text);
            return Some(());
        }
        let start = position - 1;
        let end = if length < 0 || length > count - start { count } else { start + length };
        out.push_str(&text[..char_start(text, start as usize)]);
        out.push_str(new);
        out.push_str(&text[char_start(text, end as usize)..]);
        Some(())
    })
}

fn hex(call: Call) -> Result<Expr> {
    use std::fmt::Write;
    let span = call.span;
    let [a] = call.exactly()?;
    if !a.ty.is_text() && !a.ty.is_temporal() {
        let unsigned = Type::Int { unsigned: true, digits: 20 };
        let args = vec![convert(a, &unsigned)?];
        return to_text(span, literal_text(Some(16)), false, args, |args, row, out| {
            write!(out, "{:X}", args[0].numbers::<arrow_array::types::UInt64Type>().get(row)?).ok()
        });
    }
    let chars = a.ty.chars().map(|chars| chars.saturating_mul(8));
    let a = if a.ty.is_text() { crate::convert::canonical(a)? } else { text(a)? };
    to_text(span, literal_text(chars), false, vec![a], |args, row, out| {
        args[0].bytes().get(row)?.iter().try_for_each(|byte| write!(out, "{byte:02X}")).ok()
    })
}

fn unhex(call: Call) -> Result<Expr> {
    let span = call.span;
    let [a] = call.exactly()?;
    let ty = types::bytes(a.ty.chars().map(|chars| chars.div_ceil(2)));
    Expr::call(
        span,
        ty,
        true,
        vec![text(a)?],
        Arc::new(|args, rows| {
            let texts = args[0].texts();
            Ok(make_bytes(rows.count, |row, out| {
                let text = texts.get(row)?.as_bytes();
                let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
                let (odd, pairs) = text.split_at(text.len() % 2);
                for byte in odd {
                    out.push(digit(*byte)?);
                }
                for pair in pairs.chunks(2) {
                    out.push(digit(pair[0])? << 4 | digit(pair[1])?);
                }
                Some(())
            }))
        }),
    )
}

fn elt(call: Call) -> Result<Expr> {
    let span = call.span;
    let chars = call.args[1..].iter().map(|arg| arg.ty.chars()).try_fold(0, |most, chars| chars.map(|c| most.max(c)));
    let ty = call.text_type(chars);
    let mut args = call.args.into_iter();
    let mut bound = Vec::new();
    bound.extend(args.next().map(int).transpose()?);
    for arg in args {
        bound.push(text(arg)?);
    }
    to_text(span, ty, true, bound, |args, row, out| {
        let index = usize::try_from(args[0].numbers::<Int64Type>().get(row)?).ok().filter(|index| *index > 0)?;
        out.push_str(args.get(index)?.texts().get(row)?);
        Some(())
    })
}
