//! Values that a column does not hold are known before a statement is made of them, and the encoder
//! refuses the same.

use std::sync::Arc;

use arrow_array::*;
use arrow_schema::{Field, Schema};
use rowmill_change::{Holds, TableName, TargetOptions, TargetTable, Write};
use rowmill_devserver::Kind;
use rowmill_foreign::UTC;
use rowmill_mysql::Error;
use rowmill_mysql::sink::{Held, Sink, TargetHolds};

use crate::support::*;

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// A column's type, values that it holds, and values that it does not.
fn columns(kind: Kind) -> Vec<(&'static str, ArrayRef, ArrayRef)> {
    fn of<A: Array + 'static>(held: A, refused: A) -> (ArrayRef, ArrayRef) {
        (Arc::new(held), Arc::new(refused))
    }
    let text =
        |held: &[&str], refused: &[&str]| of(StringArray::from(held.to_vec()), StringArray::from(refused.to_vec()));
    let bytes =
        |held: &[&[u8]], refused: &[&[u8]]| of(BinaryArray::from(held.to_vec()), BinaryArray::from(refused.to_vec()));
    let decimals = |values: &[i128]| Decimal128Array::from(values.to_vec()).with_precision_and_scale(20, 2).unwrap();
    let utc = |values: &[i64]| TimestampMicrosecondArray::from(values.to_vec()).with_timezone(UTC);
    let nested = |levels: usize| format!("{}\"[\"{}", "[".repeat(levels), "]".repeat(levels));
    let flat = format!("[{}1]", "[],".repeat(300));
    let deepest = if kind == Kind::MySql { 100 } else { 31 };
    let first = if kind == Kind::MySql { SECOND } else { 1 };
    let all = vec![
        ("mediumint", of(Int32Array::from(vec![-8_388_608, 8_388_607]), Int32Array::from(vec![-8_388_609, 8_388_608]))),
        ("tinyint unsigned", of(Int64Array::from(vec![0, 255]), Int64Array::from(vec![-1, 256, i64::MIN]))),
        ("bit(3)", of(UInt64Array::from(vec![0, 7]), UInt64Array::from(vec![8, u64::MAX]))),
        ("decimal(5,2)", of(Int64Array::from(vec![-999, 999]), Int64Array::from(vec![-1_000, 1_000]))),
        ("year", of(UInt16Array::from(vec![0, 1901, 2155]), UInt16Array::from(vec![1, 1900, 2156]))),
        (
            "double",
            of(
                Float64Array::from(vec![f64::MAX, -0.5]),
                Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
            ),
        ),
        (
            "float unsigned",
            of(Float32Array::from(vec![0.0, 1.5]), Float32Array::from(vec![-0.5, f32::NAN, f32::INFINITY])),
        ),
        ("decimal(7,3)", of(decimals(&[999_999, -999_999]), decimals(&[1_000_000, -1_000_000]))),
        ("decimal(7,3) unsigned", of(decimals(&[0, 5]), decimals(&[-1]))),
        ("varchar(3) character set utf8mb4", text(&["ä😀b", ""], &["abcd", "ab  "])),
        ("varchar(3) character set utf8mb3", text(&["äöü"], &["😀"])),
        ("varchar(9) character set latin1", text(&["ÿ€é"], &["ł", "\u{80}"])),
        ("varchar(9) character set ascii", text(&["abc"], &["é"])),
        ("char(3) character set utf8mb4", text(&["abc"], &["ab "])),
        ("tinytext character set utf8mb4", text(&[&"x".repeat(255)], &[&"x".repeat(256), &"é".repeat(128)])),
        ("enum('a','B')", text(&["a", "B"], &["A", "1", "", "c"])),
        ("set('a','b')", text(&["", "a", "a,b"], &["b,a", "a,a", "A", "3", "a,"])),
        ("json", text(&[&nested(deepest), &flat], &[&nested(deepest + 1)])),
        ("varbinary(3)", bytes(&[b"abc", b""], &[b"abcd"])),
        ("binary(3)", bytes(&[b"abc"], &[b"ab", b"abcd"])),
        ("date", of(Date32Array::from(vec![-719_528, 2_932_896]), Date32Array::from(vec![-719_529, 2_932_897]))),
        (
            "datetime(6)",
            of(
                TimestampMicrosecondArray::from(vec![-719_162 * DAY, 2_932_897 * DAY - 1]),
                TimestampMicrosecondArray::from(vec![-719_528 * DAY - 1, 2_932_897 * DAY, i64::MIN, i64::MAX]),
            ),
        ),
        (
            "datetime(3)",
            of(
                TimestampMicrosecondArray::from(vec![1_000, -1_000]),
                TimestampMicrosecondArray::from(vec![1, -1, 1_001]),
            ),
        ),
        (
            "timestamp(6) null",
            of(
                utc(&[first, (1 << 31) * SECOND - 1]),
                utc(&[0, first - 1, -1, (1 << 31) * SECOND, 4_102_444_800 * SECOND]),
            ),
        ),
        (
            "time(3)",
            of(
                DurationMicrosecondArray::from(vec![3_020_399 * SECOND, -3_020_399 * SECOND, -1_000]),
                DurationMicrosecondArray::from(vec![3_020_400 * SECOND, -3_020_400 * SECOND, 1, i64::MAX, i64::MIN]),
            ),
        ),
        ("int not null", of(Int32Array::from(vec![Some(1)]), Int32Array::from(vec![None::<i32>]))),
    ];
    all.into_iter().map(|(definition, (held, refused))| (definition, held, refused)).collect()
}

fn write(target: &TargetTable, values: &ArrayRef) -> Write {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
    Write {
        target: 0,
        keys: vec![ids.clone()],
        fresh: vec![true; values.len()],
        offsets: (0..=values.len() as u32).collect(),
        rows: RecordBatch::try_new(target.schema.clone(), vec![ids, values.clone()]).unwrap(),
    }
}

#[tokio::test]
async fn what_a_column_does_not_hold_is_known_before_and_refused() {
    for kind in BOTH {
        let server = server(kind);
        for (definition, held, refused) in columns(kind) {
            let options = options(server, "hold");
            let null = if definition.contains("null") { "" } else { "NULL" };
            server.sql(&format!("CREATE TABLE hold.t (id BIGINT PRIMARY KEY, c {definition} {null})")).unwrap();
            let schema = Arc::new(Schema::new(vec![
                Field::new("id", arrow_schema::DataType::Int64, false),
                Field::new("c", held.data_type().clone(), true),
            ]));
            let target = TargetTable {
                table: TableName::new("hold", "t"),
                schema,
                key: vec![0],
                ordinality: None,
                options: TargetOptions::default(),
            };
            let mut conn = options.endpoint.connect().await.unwrap();
            let read = TargetHolds::read(&mut conn, &target).await.unwrap();
            let (mut sink, _) = claim(&options, &target).await;
            for holds in [read, sink.holds(0).unwrap()] {
                assert_eq!(holds.unholdable(1, &held).unwrap(), [], "{definition} on {kind:?}");
                let found: Vec<usize> = holds.unholdable(1, &refused).unwrap().iter().map(|u| u.row).collect();
                assert_eq!(found, (0..refused.len()).collect::<Vec<_>>(), "{definition} on {kind:?}");
            }
            assert_eq!(
                Sink::check(&options, std::slice::from_ref(&target), Held::Anything).await.map(|_| ()).ok(),
                Some(())
            );
            let done = sink.commit(epoch(vec![write(&target, &held)], 5)).await;
            assert_eq!(
                done.map(|d| d.rows_written()).map_err(|e| e.to_string()),
                Ok(held.len() as u64),
                "{definition}"
            );
            for row in 0..refused.len() {
                let error = sink.commit(epoch(vec![write(&target, &refused.slice(row, 1))], 6)).await.unwrap_err();
                assert!(
                    matches!(&error, Error::Rejected { key: Some(_), message, .. } if message.contains("column c ")),
                    "{definition} on {kind:?}: {error}"
                );
            }
        }
    }
}
