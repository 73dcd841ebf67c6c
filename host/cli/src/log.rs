//! Fields of log lines for people: a value is shown on one line, whatever it holds.
//!
//! Values come from everywhere: a component's words, a server's error, the name of a table. They are
//! escaped here, once for all log lines, while the keys and their colors are ours. In JSON logs
//! serde does the same.

use std::fmt::{self, Debug, Write};

use rowmill_foreign::Printable;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Formats fields as the usual formatter does: the message, then `key=value`.
pub(crate) fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(field).delimited(" ")
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let (italic, dimmed, off) = match writer.has_ansi_escapes() {
        true => ("\u{1b}[3m", "\u{1b}[2m", "\u{1b}[0m"),
        false => ("", "", ""),
    };
    match field.name() {
        "message" => {}
        name => write!(writer, "{italic}{name}{off}{dimmed}={off}")?,
    }
    write!(Escaping(writer), "{value:?}")
}

/// Writes everything through [`Printable`]. Pieces are whole characters, so none is missed.
struct Escaping<'a, W>(&'a mut W);

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write!(self.0, "{}", Printable(text))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Memory {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(color: bool, say: impl FnOnce()) -> String {
        let memory = Memory::default();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(fields())
            .with_ansi(color)
            .without_time()
            .with_target(false)
            .with_writer(memory.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, say);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_reads_as_usual() {
        let text = logged(false, || tracing::info!(rows = 3, lag = None::<u64>, table = %"t", name = "n", "done"));
        assert_eq!(text, " INFO done rows=3 table=t name=\"n\"\n");
    }

    #[test]
    fn values_can_not_end_the_line_or_color_it() {
        let foreign = "a\u{1b}[31m\r\nWARN forged\u{9b}0m\u{202e}";
        for color in [false, true] {
            let say = || tracing::warn!(error = %foreign, shown = ?foreign, text = foreign, "{foreign}");
            let text = logged(color, say);
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(!text.contains("\u{1b}[31m") && !text.contains(['\r', '\u{9b}', '\u{202e}']), "{text}");
            assert!(text.contains(r"a\u{1b}[31m\r\nWARN forged\u{9b}0m\u{202e}"), "{text}");
        }
    }
}
