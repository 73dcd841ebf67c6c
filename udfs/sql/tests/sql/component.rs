//! The functions as the host calls them: buffers in, buffers out, mistakes with their place.

use arrow_schema::{DataType as ArrowType, Field as ArrowField};
use rowmill_sdk::serde_json::json;
use rowmill_sdk::{Argument, Batch, Column, DataType, Field, Place, RowFunction};
use rowmill_udf_sql::{Filter, Map, Program};

fn columns() -> Vec<Argument> {
    let price = Field::new("price", DataType::Int32);
    let name = Field::new("name", DataType::Utf8).with("collation", "utf8mb4_0900_ai_ci").with("max-chars", "10");
    let mut qty = Field::new("qty", DataType::Int64);
    qty.nullable = false;
    [price, name, qty].map(|field| Argument { field, literal: None }).to_vec()
}

#[test]
fn a_filter_reads_only_the_columns_it_names() {
    let mut bound = Filter.bind(&columns(), json!({"where": "qty > 1 AND price IS NOT NULL"})).unwrap();
    assert_eq!(bound.signature().reads, [2, 0]);
    let qty = Column { values: [1i64, 2, 3].iter().flat_map(|n| n.to_le_bytes()).collect(), ..Column::default() };
    let price = Column {
        validity: Some(vec![0b101]),
        values: [5i32, 0, 7].iter().flat_map(|n| n.to_le_bytes()).collect(),
        ..Column::default()
    };
    let output = bound.run(Batch { rows: 3, columns: vec![qty, price] }).unwrap();
    assert_eq!(output.columns, [Column { values: vec![0b100], ..Column::default() }]);
}

#[test]
fn a_map_gives_its_results_in_order_with_their_facts() {
    let config = json!({"z": "UPPER(name)", "a": "name", "total": "price * qty", "one": "1"});
    let mut bound = Map.bind(&columns(), config).unwrap();
    let results = bound.signature().results;
    assert_eq!(results.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["z", "a", "total", "one"]);
    assert_eq!(results[0].attribute("max-chars"), Some("10"));
    assert_eq!(results[0].attribute("collation"), Some("utf8mb4_0900_ai_ci"));
    assert_eq!(results[2].data_type, DataType::Int64);
    assert!(!results[3].nullable);
    let name = Column {
        offsets: Some([0i32, 2].iter().flat_map(|n| n.to_le_bytes()).collect()),
        values: b"ab".to_vec(),
        ..Column::default()
    };
    let price = Column { values: i32::MAX.to_le_bytes().to_vec(), ..Column::default() };
    let qty = Column { values: i64::MAX.to_le_bytes().to_vec(), ..Column::default() };
    let output = bound.run(Batch { rows: 1, columns: vec![name, price, qty] }).unwrap();
    assert_eq!(output.columns[0].values, b"AB");
    assert_eq!((output.errors[0].row, output.errors[0].code.as_str()), (0, "22003"));
}

#[test]
fn what_differs_on_mariadb_is_an_attribute_of_the_result() {
    let bound = Map.bind(&columns(), json!({"a": "1 + CAST(name AS DATE)", "b": "name", "c": "qty + 1"})).unwrap();
    let results = bound.signature().results;
    let said = |at: usize| results[at].attribute("mariadb-differs").map(str::to_owned);
    let found = said(0).unwrap();
    assert!(found.starts_with("4 22 a text as a date or time"), "{found}");
    assert_eq!((said(1), said(2)), (None, None));
}

#[test]
fn mistakes_point_into_the_text() {
    for (text, piece, part) in [
        ("pric > 1", "pric", "did you mean price?"),
        ("UPER(name) = 'A'", "UPER", "did you mean UPPER?"),
        ("price > NOW()", "NOW", "the clock"),
        ("SUM(price) > 1", "SUM", "aggregate"),
        ("LEFT(name) = 'a'", "LEFT", "needs 2"),
        ("qty = x'4'", "x'4'", "odd number"),
        ("qty = b'12'", "b'12'", "the digits 0 and 1"),
        ("CAST(name AS DATE) = 'soon'", "'soon'", "beside a DATE; needed a date such as"),
        ("qty >", "", "ends here"),
    ] {
        let error = Filter.bind(&columns(), json!({"where": text})).err().unwrap();
        let Place::Text(span) = &error.place else { panic!("{error:?}") };
        assert_eq!(&text[span.start as usize..span.end as usize], piece, "{text}");
        assert!(error.message.contains(part), "{text}: {}", error.message);
    }
    assert!(matches!(Filter.bind(&columns(), json!({})).err().unwrap().place, Place::Config(key) if key == "where"));
}

/// What MySQL takes now for one thing and now for another is refused, with what to write.
#[test]
fn what_has_several_meanings_is_refused() {
    let with = |field: ArrowField, facts: &[(&str, &str)]| {
        let facts = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        field.with_metadata(facts.collect::<std::collections::HashMap<_, _>>())
    };
    let fields = [
        with(ArrowField::new("y", ArrowType::UInt16, true), &[("mysql-type", "year")]),
        with(ArrowField::new("small", ArrowType::UInt16, true), &[("mysql-type", "smallint unsigned")]),
        ArrowField::new("dt", ArrowType::Date32, true),
        with(ArrowField::new("l", ArrowType::Utf8, true), &[("collation", "latin1_swedish_ci")]),
        with(ArrowField::new("c", ArrowType::Utf8, true), &[("collation", "ucs2_general_ci")]),
    ];
    for (text, refused) in [
        ("y = 24", Some("four digits")),
        ("y > '1999'", Some("four digits")),
        ("y = dt", Some("YEAR(")),
        ("y IN (2024, 25)", Some("four digits")),
        ("y BETWEEN DATE '2023-01-01' AND DATE '2024-01-01'", Some("YEAR(")),
        ("y >= 2024 AND y = YEAR(dt)", None),
        ("small = 24", None),
        ("dt = 20240131.5", Some("odd fraction")),
        ("dt BETWEEN 20240101 AND '2024-12-31'", Some("two dates or two numbers")),
        ("dt BETWEEN 20240101 AND 20241231", None),
        ("l = 0xFC", Some("latin1")),
        ("l = 0x41", None),
        ("c = 0x0041", Some("ucs2")),
    ] {
        let bound = Program::bind(&fields, &[("x", text)]);
        match (refused, bound) {
            (None, bound) => assert!(bound.is_ok(), "{text}: {bound:?}"),
            (Some(part), Err((_, error))) => assert!(error.message.contains(part), "{text}: {}", error.message),
            (Some(_), Ok(_)) => panic!("{text} is not refused"),
        }
    }
}
