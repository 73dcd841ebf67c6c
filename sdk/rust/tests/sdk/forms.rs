//! Every form that a function can have, bound and run natively.

use rowmill_sdk::column::{Bools, F64s, I64s, Texts, U64s};
use rowmill_sdk::test::call;
use rowmill_sdk::{
    AnyDecimal, Bytes, Change, Date, Datetime, Decimal, Flagged, Json, JsonText, RowError, RowFunction, Rows, Text,
    Time, Timestamp, WideDecimal, filter, scalar, serde_json, serde_json::json, table,
};

/// Adds a literal; the second is optional.
#[scalar]
fn plus(
    /// What is added to.
    x: i64,
    #[literal] n: i64,
    #[literal] m: Option<i64>,
) -> Option<i64> {
    x.checked_add(n)?.checked_add(m.unwrap_or(0))
}

#[test]
fn literals_are_known_when_bound() {
    let ran = call::<plus>().arg([Some(1i32), None]).literal(10i64).run();
    assert_eq!(ran.values::<i64>(), [Some(11), None]);
    let ran = call::<plus>().arg([i64::MAX]).literal(1i64).literal(Some(2i64)).run();
    assert_eq!(ran.values::<i64>(), [None]);
    let refused = call::<plus>().arg([1i64]).arg([2i64]).bind_error().to_string();
    assert_eq!(refused, "argument 2: `n` takes a literal such as { value: 3 }, found a column");
    let refused = call::<plus>().arg([1i64]).bind_error().to_string();
    assert_eq!(refused, "`plus` takes 3 arguments (x, n, m), found 1");
    let info = plus {}.info();
    assert_eq!((info.parameters[0].docs.as_str(), info.results.as_str()), ("What is added to.", "int64"));
    assert_eq!(info.docs, "Adds a literal; the second is optional.");
}

/// Joins texts.
#[scalar(name = "join")]
fn joined(#[literal] separator: &str, a: &str, #[optional] b: Option<&str>, out: &mut Text) {
    out.push_str(a);
    out.push_str(separator);
    out.push_str(b.unwrap_or("nothing"));
}

#[test]
fn arguments_can_be_left_out_or_be_literals() {
    assert_eq!(joined {}.info().name, "join");
    let ran = call::<joined>().literal("-").arg(["a", "b"]).run();
    assert_eq!(ran.values::<String>(), ["a-nothing", "b-nothing"].map(|t| Some(t.to_owned())));
    // A literal where a column is expected is the same for every row.
    let ran = call::<joined>().literal("-").arg([Some("a"), None]).literal("ß").run();
    assert_eq!(ran.values::<String>(), [Some("a-ß".to_owned()), None]);
}

/// Row facts.
#[scalar]
fn facts(#[seed] seed: u64, x: i64, #[change] change: Change, #[commit_time] at: Timestamp) -> String {
    format!("{x} {seed} {change:?} {at}")
}

#[scalar(columns)]
fn seeds(_x: &I64s, #[seed] seeds: &U64s) -> U64s {
    seeds.map(|seed| seed ^ 1)
}

#[test]
fn facts_come_with_the_rows() {
    let ran = call::<facts>()
        .arg([1i64, 2])
        .seeds([7, 8])
        .changes([0, 3])
        .commit_times(["2024-02-29 00:00:00".parse().unwrap(), Timestamp(0)])
        .run();
    let expected = ["1 7 Insert 2024-02-29 00:00:00", "2 8 Delete 1970-01-01 00:00:00"];
    assert_eq!(ran.values::<String>(), expected.map(|t| Some(t.to_owned())));
    assert_eq!(call::<seeds>().arg([1i64, 1]).run().values::<u64>(), [Some(1), Some(0)]);
}

/// Unknown is false.
#[filter]
fn positive(x: Option<f64>) -> Option<bool> {
    Some(x? > 0.0)
}

#[filter(columns)]
fn flagged(x: &F64s) -> Flagged<Bools> {
    let errors = (0..x.rows()).filter(|row| x.value(*row).is_nan());
    let errors = errors.map(|row| (row, RowError::new("nan", "found NaN"))).collect();
    Flagged { column: x.test(|x| x > 0.0), errors }
}

#[test]
fn filters_answer_with_booleans() {
    let ran = call::<positive>().arg([Some(1.0), None, Some(-1.0)]).run();
    assert_eq!(ran.values::<bool>(), [Some(true), None, Some(false)]);
    let ran = call::<flagged>().arg([1.0, f64::NAN, -1.0]).run();
    assert_eq!(ran.error_codes(), [(1, "nan")]);
    assert_eq!(ran.values::<bool>()[2], Some(false));
}

/// Every type in and out.
#[allow(clippy::too_many_arguments)]
#[scalar]
fn types(
    a: bool,
    b: u8,
    c: f32,
    d: Decimal<10, 2>,
    e: WideDecimal<50, 3>,
    f: Date,
    g: Time,
    h: Datetime,
    i: AnyDecimal,
    j: Json,
    k: &[u8],
) -> String {
    format!("{a} {b} {c} {d} {e} {f} {g} {h} {i} {} {k:?}", j.as_str())
}

#[test]
fn every_type_arrives() {
    let ran = call::<types>()
        .arg([true])
        .arg([255u8])
        .arg([0.5f32])
        .arg(["1.5".parse::<Decimal<5, 1>>().unwrap()])
        .arg(["-7.125".parse::<WideDecimal<50, 3>>().unwrap()])
        .arg([Date(0)])
        .arg([Time(-1)])
        .arg([Datetime(0)])
        .arg([42u64])
        .arg([json!({"a": [1]})])
        .arg([vec![0u8, 255]])
        .run();
    let expected = "true 255 0.5 1.50 -7.125 1970-01-01 -00:00:00.000001 1970-01-01 00:00:00 42 \
                    {\"a\":[1]} [0, 255]";
    assert_eq!(ran.values::<String>(), [Some(expected.to_owned())]);
}

#[scalar]
fn document(x: Option<i64>, out: &mut JsonText) -> Result<Option<()>, RowError> {
    let Some(x) = x else { return Ok(None) };
    out.push_value(&json!({ "x": x }))?;
    Ok(Some(()))
}

#[scalar]
fn doubled(x: &[u8], out: &mut Bytes) {
    out.push(x);
    out.push(x);
}

#[test]
fn json_and_bytes_are_written() {
    let ran = call::<document>().arg([Some(1i64), None]).run();
    assert_eq!(ran.values::<serde_json::Value>(), [Some(json!({"x": 1})), None]);
    let ran = call::<doubled>().arg([b"ab".to_vec(), vec![]]).run();
    assert_eq!(ran.values::<Vec<u8>>(), [Some(b"abab".to_vec()), Some(vec![])]);
}

#[table(results(word, rest))]
fn first(text: &str) -> Result<Option<(&str, Option<&str>)>, RowError> {
    if text == "!" {
        return Err("an exclamation mark".into());
    }
    let mut words = text.splitn(2, ' ');
    Ok(words.next().filter(|word| !word.is_empty()).map(|word| (word, words.next())))
}

#[table]
fn countdown(n: i64, out: &mut Rows<i64>) -> Result<(), RowError> {
    for i in (1..=n).rev() {
        out.push(i);
        if i == 13 {
            return Err("thirteen".into());
        }
    }
    Ok(())
}

#[test]
fn tables_give_rows_or_refuse() {
    let ran = call::<first>().arg([Some("a b c"), Some(""), Some("!"), None, Some("d")]).run();
    assert_eq!((ran.parents.as_slice(), ran.error_codes()), (&[0, 4][..], vec![(2, "error")]));
    assert_eq!(ran.column::<String>("rest"), [Some("b c".to_owned()), None]);
    let ran = call::<countdown>().arg([2i64, 14, 0, 1]).run();
    assert_eq!(ran.parents, [0, 0, 3]);
    assert_eq!(ran.values::<i64>(), [Some(2), Some(1), Some(1)]);
    assert_eq!(countdown {}.info().results, "countdown: int64");
}

#[scalar(columns)]
fn shout(x: &Texts) -> Result<Texts, String> {
    Ok(x.map(|text, out| out.push_uppercase(text)))
}

#[scalar(columns)]
fn short(x: &I64s) -> I64s {
    I64s::from_values((1..x.rows()).map(|row| x.value(row)))
}

#[test]
fn the_column_form_gives_whole_columns() {
    let rows = (0..3000).map(|i| (i % 7 != 0).then(|| format!("é{i}x")));
    let expected: Vec<_> = rows.clone().map(|text| text.map(|t| t.to_uppercase())).collect();
    assert_eq!(call::<shout>().arg(rows).run().values::<String>(), expected);
    let mut bound = call::<short>().arg([1i64, 2]).bind().unwrap();
    let column = rowmill_sdk::Column { values: vec![0; 16], ..Default::default() };
    let error = bound.run(rowmill_sdk::Batch { rows: 2, columns: vec![column] }).unwrap_err();
    assert_eq!(error, "the function returned 1 rows for 2");
}

#[test]
fn the_attributes_leave_functions_callable() {
    assert_eq!(plus(1, 2, None), Some(3));
    assert_eq!(positive(None), None);
    assert!(first("!").is_err());
}
