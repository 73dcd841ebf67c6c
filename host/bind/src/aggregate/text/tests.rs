//! Texts of calls, right and wrong, and texts that nobody would write.

use super::*;

fn column(name: &str) -> ArgKind {
    ArgKind::Column(name.to_owned())
}

fn literal(value: impl Into<Value>) -> ArgKind {
    ArgKind::Literal(value.into())
}

fn expression(text: &str) -> ArgKind {
    ArgKind::Expression(text.to_owned())
}

/// The arguments; each stands where its place says.
#[track_caller]
fn args(text: &str) -> Vec<ArgKind> {
    let call = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    for arg in &call.args {
        let written = &text[arg.start..arg.end];
        assert_eq!(written, written.trim());
        if let ArgKind::Expression(text) = &arg.kind {
            assert_eq!(text, written);
        }
    }
    call.args.into_iter().map(|arg| arg.kind).collect()
}

#[test]
fn a_call_has_a_function_and_arguments() {
    let call = parse(" Group_Concat ( name , ',' ) ").unwrap();
    assert_eq!(
        call,
        CallText {
            function: "group_concat".to_owned(),
            distinct: false,
            args: vec![
                ArgText { start: 16, end: 20, kind: column("name") },
                ArgText { start: 23, end: 26, kind: literal(",") },
            ],
        }
    );
    assert_eq!(args("count(*)"), [ArgKind::Star]);
    assert_eq!(args("count( * )"), [ArgKind::Star]);
    assert_eq!(args("now()"), []);
    assert_eq!(args("now( )"), []);
    assert_eq!(args("sum(total)"), [column("total")]);
    assert_eq!(args("sum(größe)"), [column("größe")]);
    assert_eq!(args("sum(_a$1)"), [column("_a$1")]);
    assert_eq!(args("sum(`a``b, (c`)"), [column("a`b, (c")]);
    assert_eq!(args("top_k(`item`, 3)"), [column("item"), literal(3)]);
    assert_eq!(args("sum(price * qty)"), [expression("price * qty")]);
    assert_eq!(args("sum(\n  price\n  * qty\n)"), [expression("price\n  * qty")]);
    assert_eq!(args("sum(if(a = ')', round(b, 2), 0))"), [expression("if(a = ')', round(b, 2), 0)")]);
    assert_eq!(args("max((a))"), [expression("(a)")]);
    assert_eq!(args("max(t.a)"), [expression("t.a")]);
}

#[test]
fn distinct_is_a_word_before_the_arguments() {
    for text in ["count(distinct customer)", "COUNT( DISTINCT\ncustomer )", "count(distinct`customer`)"] {
        let call = parse(text).unwrap();
        assert!(call.distinct, "{text}");
        assert_eq!(call.args.len(), 1, "{text}");
        assert_eq!(call.args[0].kind, column("customer"), "{text}");
    }
    let call = parse("count(distinct(a), b)").unwrap();
    assert_eq!((call.distinct, call.args.len()), (true, 2));
    let call = parse("count(distinct_ones)").unwrap();
    assert_eq!((call.distinct, &call.args[0].kind), (false, &column("distinct_ones")));
    assert!(!parse("count(`distinct`)").unwrap().distinct);
}

#[test]
fn literals_are_those_of_mysql() {
    for (text, value) in [
        ("'a'", Value::from("a")),
        ("''", "".into()),
        ("'it''s'", "it's".into()),
        (r"'it\'s, (so)'", "it's, (so)".into()),
        (r#""say ""it"" 'now'""#, "say \"it\" 'now'".into()),
        (r"'\0\b\n\r\t\Z\\\x\%\_'", "\0\u{8}\n\r\t\u{1a}\\x\\%\\_".into()),
        ("', '", ", ".into()),
        ("'é'", "é".into()),
        ("0", 0.into()),
        ("-7", (-7).into()),
        ("+7", 7.into()),
        ("18446744073709551615", u64::MAX.into()),
        ("0.95", 0.95.into()),
        (".5", 0.5.into()),
        ("-1e3", (-1000.0).into()),
        ("NULL", Value::Null),
        ("true", true.into()),
        ("False", false.into()),
    ] {
        assert_eq!(args(&format!("f(x, {text} )")), [column("x"), ArgKind::Literal(value)], "{text}");
    }
    for text in ["'a' 'b'", "'a' = 'b'", "18446744073709551616", "1-1", "1e", "- 1", "0x1F", "1a", "1e999", "@x", "-x"]
    {
        assert_eq!(args(&format!("f({text})")), [expression(text)], "{text}");
    }
}

#[test]
fn what_is_no_call_is_told_with_its_place() {
    for (text, place, message) in [
        ("", "", "an empty text; needed a function and its arguments: sum(total)"),
        (" total ", "total", "this is no aggregate call; needed a function and its arguments: sum(total)"),
        ("sum total", "sum total", "this is no aggregate call; needed a function and its arguments: sum(total)"),
        ("(total)", "(total)", "this is no aggregate call; needed a function and its arguments: sum(total)"),
        ("2x(a)", "2x(a)", "this is no aggregate call; needed a function and its arguments: sum(total)"),
        ("s.sum(a)", "s.sum(a)", "this is no aggregate call; needed a function and its arguments: sum(total)"),
        ("sum(total", "(", "this parenthesis is not closed; needed a ) after the last argument"),
        ("sum((total)", "(", "this parenthesis is not closed; needed a ) after the last argument"),
        ("f(a, 'b)", "'b)", "a quote that is not closed; needed a ' at the end of the text or name"),
        (r"f('b\')", r"'b\')", "a quote that is not closed; needed a ' at the end of the text or name"),
        ("f(`b)", "`b)", "a quote that is not closed; needed a ` at the end of the text or name"),
        ("f(a, )", ")", "an argument is missing; needed a column, a literal or an expression"),
        ("f(,a)", ",", "an argument is missing; needed a column, a literal or an expression"),
        ("count(distinct)", ")", "an argument is missing; needed a column, a literal or an expression"),
        ("f(``)", "``", "a name without letters; needed the name of a column"),
        ("f(a, *)", "*", "* beside something else; needed * alone, as in count(*), or the names of columns"),
        ("f(distinct *)", "*", "* beside something else; needed * alone, as in count(*), or the names of columns"),
        (
            "sum(a) / count(*) ",
            "/ count(*)",
            "something follows the call; needed one call, whose result a map step after the aggregate can compute with",
        ),
        (
            "sum(a))",
            ")",
            "something follows the call; needed one call, whose result a map step after the aggregate can compute with",
        ),
        (
            "group_concat(name separator ';')",
            "separator",
            "SEPARATOR inside a call is not supported; needed arguments with commas between them: group_concat(name, ',')",
        ),
        (
            "group_concat(name order by lower(name), id)",
            "order",
            "ORDER inside a call is not supported; needed arguments with commas between them: group_concat(name, ',')",
        ),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!(&text[error.start..error.end], place, "{text}");
    }
    assert_eq!(args("f(`order`, separator)"), [column("order"), column("separator")]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_the_text_places_are_in_it(text in "[a-c1('`\"\\\\,.*)é -]{0,24}", call in proptest::bool::ANY) {
        let text = if call { format!("sum({text})") } else { text };
        match parse(&text) {
            Ok(call) => for arg in call.args {
                proptest::prop_assert!(text.get(arg.start..arg.end).is_some_and(|piece| !piece.is_empty()));
            },
            Err(error) => proptest::prop_assert!(text.get(error.start..error.end).is_some()),
        }
    }

    #[test]
    fn quoted_texts_and_names_come_back(value in "(?s).{0,12}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "''");
        // These two keep their backslash, and have lost the meaning of one.
        proptest::prop_assume!(!quoted.contains("\\%") && !quoted.contains("\\_"));
        proptest::prop_assert_eq!(args(&format!("f('{}')", quoted)), [literal(value.as_str())]);
        proptest::prop_assume!(!value.is_empty());
        proptest::prop_assert_eq!(args(&format!("f(`{}`)", value.replace('`', "``"))), [column(&value)]);
    }
}
