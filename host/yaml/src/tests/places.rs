//! Places: from a problem, or from inside an expression, back to the file; whatever the text.

use proptest::prelude::*;

use super::*;
use rowmill_plan::Call;

/// The text at an expression's inner span, in the file.
fn shown<'t>(loaded: &'t Loaded, pointer: &str, word: &str) -> &'t str {
    let Some(Call::Expression(text)) = loaded
        .pipeline
        .relations
        .iter()
        .flat_map(|relation| relation.steps.iter().enumerate().map(move |(index, step)| (relation, index, step)))
        .flat_map(|(relation, index, step)| step.kind.calls(relation.step_pointer(index, step.kind.name())))
        .find(|(at, _)| at == pointer)
        .map(|(_, call)| call.clone())
    else {
        panic!("an expression at {pointer}");
    };
    let at = text.find(word).expect("the word");
    let span = loaded.document.text_span(pointer, at..at + word.len()).expect("a span");
    loaded.document.text().get(span).expect("in the file")
}

#[test]
fn places_in_expressions_lead_back_to_the_file() {
    for filter in [
        "amount > zero",
        "\"amount > zero\"",
        "'amount > ''x'' + zero'",
        "\"\\\"é\\\" > zero\"",
        ">\n      amount >\n      zero\n",
        ">-\n      amount\n\n      > zero",
        "|\n      amount\n        > zero\n      and x\n",
        "|-\n      amount > zero",
        "amount >\n      zero",
        "\"amount >\n      zero\"",
        "\"${COLUMN} > zero\"",
        "\"x${COLUMN}y$${COLUMN} > zero ${COLUMN}\"",
    ] {
        let text = changed("\"status <> 'test' AND amount > 0\"", filter);
        let loaded = read(&text).expect(filter);
        assert_eq!(shown(&loaded, "/steps/0/filter", "zero"), "zero", "{filter}");
        let (line, _) = loaded.document.line_column(loaded.document.span("/steps/1/id").expect("a place").start);
        assert!(line >= 11);
    }
    let text = changed("\"status <> 'test' AND amount > 0\"", "\"a + ${COLUMN} > zero\"");
    let loaded = read(&text).expect("right");
    assert_eq!(shown(&loaded, "/steps/0/filter", "mou"), "${COLUMN}");
    assert_eq!(shown(&loaded, "/steps/0/filter", "a + amount"), "a + ${COLUMN}");
    // A place that can't be told is the whole text.
    let whole = loaded.document.text_span("/steps/0/filter", 0..1000).expect("a span");
    assert_eq!(&loaded.document.text()[whole], "\"a + ${COLUMN} > zero\"");
}

#[test]
fn places_in_aggregate_calls_lead_back_to_the_file() {
    for (value, at) in [
        ("\"sum(zero)\"", ""),
        ("{ call: \"sum(zero)\", distinct: true }", ""),
        ("{ call: 'sum(''x'', zero)' }", ""),
        ("{ call: \"sum(${COLUMN}, zero)\" }", ""),
        ("{ call: \"sum(a)\", where: \"a > zero\" }", "/where"),
    ] {
        let text =
            changed("  - drop: [internal_note]", &format!("  - aggregate: {{ by: [id], values: {{ x: {value} }} }}"))
                .replace("  mode: append\n", "")
                .replace("  start: { file: binlog.000012, position: 4 }\n", "");
        let loaded = read(&text).expect(value);
        assert_eq!(shown(&loaded, &format!("/steps/4/aggregate/values/x{at}"), "zero"), "zero", "{value}");
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = changed("tables: [orders]", "tabels: [orders]").replace('\n', "\r\n");
    let lines = problems(&text);
    assert!(lines.iter().any(|line| line.starts_with("5:3: no such key in source: tabels")), "{lines:?}");
    let good = changed("tables", "tables").replace('\n', "\r\n");
    let loaded = read(&good).expect("right");
    assert_eq!(shown(&loaded, "/steps/0/filter", "amount"), "amount");
    let bom = format!("\u{feff}{}", changed("tables: [orders]", "tabels: [orders]").trim_start());
    let lines = problems(&bom);
    assert!(lines.iter().any(|line| line.starts_with("4:3: no such key in source: tabels")), "{lines:?}");
}

#[test]
fn pointers_lead_to_keys_and_values() {
    let loaded = read(&changed("tables", "tables")).expect("right");
    let document = &loaded.document;
    let at = |pointer: &str| document.span(pointer).map(|span| &document.text()[span]);
    assert_eq!(at("/source/tables/0"), Some("orders"));
    assert_eq!(at("/steps/1/filter/config/threshold"), Some("0.9"));
    assert_eq!(at("/steps/2/map/total/args/1"), Some("{ value: 3 }"));
    assert_eq!(at("/sink/key"), Some("[id]"));
    assert_eq!(at("/nowhere"), None);
    let missing = Problem::server("x").at("/steps/1/filter/config/nothing");
    assert_eq!(document.locate(&missing).map(|span| &document.text()[span]), Some("{ threshold: 0.9 }"));
    let whole = Problem::server("x").at("/source");
    assert_eq!(document.locate(&whole).map(|span| &document.text()[span]), Some("source"));
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let refused = load(Path::new("/does/not/exist.yaml")).expect_err("not there");
    assert!(
        refused.to_string().contains("the pipeline file /does/not/exist.yaml can't be read; found No such file"),
        "{refused}"
    );
}

#[test]
fn a_file_that_is_not_text_is_a_problem() {
    let path = std::env::temp_dir().join(format!("rowmill-bytes-{}.yaml", std::process::id()));
    std::fs::write(&path, b"pipeline: a\nsource: \xff\xfe\n").expect("a file");
    let refused = load(&path).expect_err("no text");
    std::fs::remove_file(&path).expect("removed");
    assert!(refused.to_string().contains("is not UTF-8 text; found the byte 0xff in line 2"), "{refused}");
}

/// Whatever the text, reading it ends, and every place lies in the file.
fn survives(text: &str) {
    if let Err(refused) = read(text) {
        assert!(!refused.problems.is_empty());
        for problem in &refused.problems {
            if let Some(span) = refused.document.locate(problem) {
                assert!(text.get(span).is_some(), "{problem:?}");
            }
            let _ = refused.document.one_line(problem);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_survived(text in "(?s).{0,200}") {
        survives(&text);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn yaml_like_text_is_survived(text in "[-a-z0-9:{}\\[\\]|>\"'# \t\n\r,&*!?%@`$\\\\é~.]{0,200}") {
        survives(&text);
    }

    #[test]
    fn a_damaged_file_is_survived(at in 0usize..1200, cut in 0usize..40, put in "[-:{}\\[\\]|>\"' \t\n$é]{0,4}") {
        let mut text = FULL.to_owned();
        let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (start..=(start + cut).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start);
        text.replace_range(start..end, &put);
        survives(&text);
    }

    /// Letters of a text stand at their places in the file, however the text was written.
    #[test]
    fn every_letter_maps_back(words in proptest::collection::vec("[a-z\u{e9}']{1,6}", 1..8), style in 0..5, escapes in ".{0,3}") {
        let text = words.join(" ");
        let (yaml, value) = match style {
            0 => (format!("v{text}"), format!("v{text}")),
            1 => (format!("'{}'", text.replace('\'', "''")), text),
            2 => (format!("{}", serde_json::json!(format!("{escapes}{text}"))), format!("{escapes}{text}")),
            3 => (format!("|\n  {}\n", words.join("\n  ")), format!("{}\n", words.join("\n"))),
            _ => (format!(">-\n  {}\n", words.join("\n  ")), text),
        };
        let tree = tree::parse(&format!("k: {yaml}\n")).expect("YAML");
        let tree::Data::Mapping(entries) = &tree.data else { panic!("a mapping") };
        let tree::Data::Scalar { value: read, style } = &entries[0].1.data else { panic!("a text") };
        prop_assert_eq!(read, &value);
        let file = format!("k: {yaml}\n");
        let raw = &file[entries[0].1.span.clone()];
        let map = source_map::align(raw, *style, read).expect("aligned");
        for (at, c) in read.char_indices().filter(|(_, c)| c.is_ascii_lowercase()) {
            // An escape such as \u0061 stands for its letter.
            prop_assert!(raw[map[at]..].starts_with(c) || raw[map[at]..].starts_with('\\'), "{:?} at {}", raw, at);
        }
    }
}
