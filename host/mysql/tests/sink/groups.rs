//! Targets of aggregates: groups with NULLs and collations, computed types, several tables at once.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, BinaryArray, Decimal256Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use rowmill_change::{KEY_HASH_BYTES, TableName, TargetOptions, TargetTable, Write, key_hash_field};
use rowmill_foreign::UTC;
use rowmill_mysql::Error;
use rowmill_mysql::sink::{Held, Sink, SinkOptions};
use rowmill_mysql::snapshot::{KeyScan, ScannedRows};
use rowmill_mysql::table::read_definition;

use crate::support::*;

/// Rows of groups, each an upsert; `keys` are those of the target's columns that are its key.
fn upserts(target: &TargetTable, index: usize, columns: Vec<ArrayRef>) -> Write {
    let events = columns[0].len();
    Write {
        target: index,
        keys: target.key.iter().map(|&i| columns[i].clone()).collect(),
        fresh: vec![false; events],
        offsets: (0..=events as u32).collect(),
        rows: RecordBatch::try_new(target.schema.clone(), columns).unwrap(),
    }
}

fn deletes(target: &TargetTable, index: usize, keys: Vec<ArrayRef>) -> Write {
    let events = keys[0].len();
    Write {
        target: index,
        keys,
        fresh: vec![false; events],
        offsets: vec![0; events + 1],
        rows: RecordBatch::new_empty(target.schema.clone()),
    }
}

/// A hash as a caller may compute it.
fn hash(name: Option<&str>) -> Vec<u8> {
    let text = name.map_or("null".to_owned(), |n| format!("is {}", n.to_lowercase()));
    text.bytes().cycle().take(KEY_HASH_BYTES).collect()
}

/// `name VARCHAR(20) NULL, n BIGINT, _key`, key `_key`.
fn by_name(database: &str) -> TargetTable {
    let schema = Arc::new(Schema::new(vec![
        facts(Field::new("name", DataType::Utf8, true), &[("max-chars", "20"), ("collation", "utf8mb4_0900_ai_ci")]),
        Field::new("n", DataType::Int64, false),
        key_hash_field(),
    ]));
    TargetTable {
        table: TableName::new(database, "by_name"),
        schema,
        key: vec![2],
        ordinality: None,
        options: TargetOptions::default(),
    }
}

fn named(target: &TargetTable, groups: &[(Option<&str>, i64)]) -> Write {
    let hashes: Vec<Vec<u8>> = groups.iter().map(|g| hash(g.0)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter(groups.iter().map(|g| g.0))),
        Arc::new(Int64Array::from_iter_values(groups.iter().map(|g| g.1))),
        Arc::new(BinaryArray::from_iter_values(&hashes)),
    ];
    upserts(target, 0, columns)
}

#[tokio::test]
async fn a_hash_that_the_caller_computes_is_the_key() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "given");
        let target = by_name("given");
        assert_eq!(Sink::check(&options, std::slice::from_ref(&target), Held::Nothing).await.unwrap(), []);
        let (mut sink, _) = claim(&options, &target).await;
        sink.commit(epoch(vec![named(&target, &[(None, 1), (Some("anna"), 2), (Some("bob"), 3)])], 5)).await.unwrap();
        // Another spelling of a group takes the row of the one before.
        sink.commit(epoch(vec![named(&target, &[(None, 7), (Some("Anna"), 8)])], 6)).await.unwrap();
        assert_eq!(rows(server, "SELECT * FROM given.by_name ORDER BY n"), ["bob\t3", "NULL\t7", "Anna\t8"]);
        let gone: Vec<Vec<u8>> = [None, Some("BOB")].map(hash).to_vec();
        let gone: Vec<ArrayRef> = vec![Arc::new(BinaryArray::from_iter_values(&gone))];
        assert_eq!(sink.commit(epoch(vec![deletes(&target, 0, gone)], 7)).await.unwrap().rows_deleted(), 2);
        assert_eq!(rows(server, "SELECT * FROM given.by_name"), ["Anna\t8"]);
        // In bulk, and found again as it was left.
        let names: Vec<String> = (0..300).map(|i| format!("g{i}")).collect();
        let many: Vec<_> = names.iter().enumerate().map(|(i, n)| (Some(n.as_str()), i as i64)).collect();
        assert!(sink.commit(epoch(vec![named(&target, &many)], 8)).await.unwrap().bulk);
        assert!(sink.commit(epoch(vec![named(&target, &many)], 9)).await.unwrap().bulk);
        assert_eq!(rows(server, "SELECT COUNT(*), MIN(LENGTH(_key)) FROM given.by_name"), ["301\t16"]);
        assert_eq!(Sink::check(&options, std::slice::from_ref(&target), Held::Anything).await.unwrap(), []);
        // A hash of another length would be padded.
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec!["x"])),
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(BinaryArray::from(vec![&b"short"[..]])),
        ];
        let error = sink.commit(epoch(vec![upserts(&target, 0, columns)], 10)).await.unwrap_err();
        assert!(matches!(&error, Error::Rejected { message, .. } if message.contains("_key")), "{error}");
    }
}

#[tokio::test]
async fn a_found_table_without_the_hash_is_refused() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "nohash");
        server.sql("CREATE TABLE nohash.by_name (name VARCHAR(20) PRIMARY KEY, n BIGINT NOT NULL)").unwrap();
        let problems = Sink::check(&options, &[by_name("nohash")], Held::Nothing).await.unwrap();
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|p| p.contains("ADD COLUMN `_key` BINARY(16) NOT NULL")), "{all:#?}");
        assert!(all.iter().any(|p| p.contains("needed primary key (`_key`), a hash")), "{all:#?}");
        // One that has it is taken, shown or not.
        server
            .sql(
                "DROP TABLE nohash.by_name; \
                 CREATE TABLE nohash.by_name (name VARCHAR(20) CHARACTER SET utf8mb4, n BIGINT NOT NULL, _key BINARY(16) PRIMARY KEY)",
            )
            .unwrap();
        assert_eq!(Sink::check(&options, &[by_name("nohash")], Held::Nothing).await.unwrap(), []);
    }
}

/// `name` as the key, with this collation and MySQL type.
fn collated(database: &str, table: &str, collation: Option<&str>, mysql_type: Option<&str>) -> TargetTable {
    let mut known = vec![("max-chars", "20")];
    known.extend(collation.map(|c| ("collation", c)));
    known.extend(mysql_type.map(|t| ("mysql-type", t)));
    let schema = Arc::new(Schema::new(vec![
        facts(Field::new("name", DataType::Utf8, false), &known),
        Field::new("n", DataType::Int64, false),
    ]));
    TargetTable {
        table: TableName::new(database, table),
        schema,
        key: vec![0],
        ordinality: None,
        options: TargetOptions::default(),
    }
}

fn names(target: &TargetTable, names: &[&str]) -> Write {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..names.len() as i64));
    upserts(target, 0, vec![Arc::new(StringArray::from(names.to_vec())), numbers])
}

fn collation_of(server: &rowmill_devserver::Server, database: &str, table: &str) -> String {
    rows(
        server,
        &format!(
            "SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}' \
             AND TABLE_NAME = '{table}' AND COLUMN_NAME = 'name'"
        ),
    )
    .remove(0)
}

#[tokio::test]
async fn created_keys_keep_groups_apart_that_are_groups() {
    for kind in BOTH {
        let server = server(kind);
        let bytewise = if kind == rowmill_devserver::Kind::MySql { "utf8mb4_0900_bin" } else { "utf8mb4_nopad_bin" };
        let own = |name: &'static str| Some(name);
        let varchar = Some("varchar(20)");
        let on_mysql = |name: &'static str| if kind == rowmill_devserver::Kind::MySql { Some(name) } else { None };
        for (i, (collation, mysql_type, expected, groups)) in [
            (Some("binary"), varchar, None, &["a", "A", "a ", "ä"][..]),
            (None, None, None, &["a", "A", "a ", "ä"]),
            (Some("utf8mb4_general_ci"), varchar, own("utf8mb4_general_ci"), &["a", "b"]),
            (Some("utf8mb4_bin"), varchar, own("utf8mb4_bin"), &["a", "A", "ä"]),
            (Some("latin1_swedish_ci"), varchar, own("latin1_swedish_ci"), &["a", "å", "ö"]),
            // A result that a function made of such a column: utf8mb4 has no Swedish of this kind.
            (Some("latin1_swedish_ci"), None, None, &["a", "å", "ö"]),
            (Some("utf8mb3_general_ci"), None, own("utf8mb4_general_ci"), &["a", "b"]),
            (
                Some("utf8mb4_0900_ai_ci"),
                varchar,
                on_mysql("utf8mb4_0900_ai_ci"),
                &["a", "a ", "b", "\u{10d0}", "\u{1c90}"],
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let options = options(server, "apart");
            let target = collated("apart", "t", collation, mysql_type);
            let (mut sink, _) = claim(&options, &target).await;
            assert_eq!(collation_of(server, "apart", "t"), expected.unwrap_or(bytewise), "{kind:?} case {i}");
            let done = sink.commit(epoch(vec![names(&target, groups)], 5)).await.unwrap();
            assert_eq!(done.rows_written(), groups.len() as u64);
            let count = groups.len().to_string();
            assert_eq!(rows(server, "SELECT COUNT(*) FROM apart.t"), [count], "{kind:?} case {i}");
            // What it created it accepts.
            assert_eq!(Sink::check(&options, &[target], Held::Anything).await.unwrap(), [], "{kind:?} case {i}");
        }
    }
}

#[tokio::test]
async fn a_found_key_that_merges_groups_is_refused_with_what_to_type() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "merged");
        for (table, found, keys) in [
            ("by_case", "utf8mb4_general_ci", None),
            ("by_space", "utf8mb4_bin", Some("binary")),
            ("by_accent", "utf8mb4_general_ci", Some("latin1_swedish_ci")),
        ] {
            server
                .sql(&format!(
                    "CREATE TABLE merged.{table} (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE {found} PRIMARY KEY, \
                     n BIGINT NOT NULL)"
                ))
                .unwrap();
            let target = collated("merged", table, keys, None);
            let problems = Sink::check(&options, std::slice::from_ref(&target), Held::Nothing).await.unwrap();
            let rule = keys.unwrap_or("binary");
            let expected = format!("collation {found}, under which keys can be the same that differ under {rule}");
            assert_eq!(problems.iter().map(|p| p.found.clone()).collect::<Vec<_>>(), [expected], "{kind:?}");
            server.sql(&problems[0].fix).unwrap();
            assert_eq!(Sink::check(&options, &[target], Held::Nothing).await.unwrap(), [], "{kind:?}");
        }
        // Outside of a key, and in a key that is a hash, collations merge nothing.
        server
            .sql(
                "CREATE TABLE merged.by_name (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, \
                 n BIGINT NOT NULL, _key BINARY(16) PRIMARY KEY)",
            )
            .unwrap();
        assert_eq!(Sink::check(&options, &[by_name("merged")], Held::Nothing).await.unwrap(), []);
    }
}

#[tokio::test]
async fn computed_columns_are_created_as_their_facts_say() {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let schema = Arc::new(Schema::new(vec![
        facts(Field::new("window_start", micros(None), false), &[("fsp", "0")]),
        facts(Field::new("window_end", micros(Some(UTC)), false), &[("fsp", "3")]),
        // Attributes that a function left as its argument had them.
        facts(Field::new("total", DataType::Int64, true), &[("mysql-type", "int")]),
        facts(Field::new("revenue", DataType::Decimal128(32, 2), true), &[("mysql-type", "decimal(10,2)")]),
        facts(Field::new("price", DataType::Decimal128(10, 2), true), &[("mysql-type", "decimal(10,2) unsigned")]),
        Field::new("largest", DataType::Decimal256(65, 30), true),
        Field::new("orders", DataType::UInt64, false),
        facts(Field::new("all", DataType::Utf8, true), &[("type", "json")]),
        Field::new("any", DataType::Boolean, true),
    ]));
    let target = TargetTable {
        table: TableName::new("computed", "t"),
        schema,
        key: vec![0, 1],
        ordinality: None,
        options: TargetOptions::default(),
    };
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "computed");
        let (mut sink, _) = claim(&options, &target).await;
        let types = rows(
            server,
            "SELECT CONCAT(COLUMN_NAME, ' ', COLUMN_TYPE, ' ', IS_NULLABLE) FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = 'computed' ORDER BY ORDINAL_POSITION",
        );
        // MariaDB shows display widths, and its JSON is text with a check.
        let types: Vec<String> =
            types.iter().map(|t| t.replace("bigint(20)", "bigint").replace("longtext", "json")).collect();
        assert_eq!(
            types,
            [
                "window_start datetime NO",
                "window_end timestamp(3) NO",
                "total bigint YES",
                "revenue decimal(32,2) YES",
                "price decimal(10,2) unsigned YES",
                "largest decimal(65,30) YES",
                "orders bigint unsigned NO",
                "all json YES",
                "any tinyint(1) YES",
            ]
        );
        let largest = i256::from_string(&"9".repeat(65)).unwrap();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(vec![1_700_000_000_000_000])),
            Arc::new(TimestampMicrosecondArray::from(vec![1_700_003_600_500_000]).with_timezone(UTC)),
            Arc::new(Int64Array::from(vec![i64::MIN])),
            Arc::new(
                arrow_array::Decimal128Array::from(vec![10_i128.pow(32) - 1])
                    .with_data_type(DataType::Decimal128(32, 2)),
            ),
            Arc::new(arrow_array::Decimal128Array::from(vec![5]).with_data_type(DataType::Decimal128(10, 2))),
            Arc::new(Decimal256Array::from(vec![largest]).with_data_type(DataType::Decimal256(65, 30))),
            Arc::new(arrow_array::UInt64Array::from(vec![u64::MAX])),
            Arc::new(StringArray::from(vec![r#"{"a": [1, 2]}"#])),
            Arc::new(arrow_array::BooleanArray::from(vec![true])),
        ];
        let keys: Vec<ArrayRef> = columns[..2].to_vec();
        sink.commit(epoch(vec![upserts(&target, 0, columns)], 5)).await.unwrap();
        let got =
            rows(server, "SELECT window_start, window_end, total, revenue, largest, orders, `any` FROM computed.t");
        let nines = format!("{}.{}", "9".repeat(35), "9".repeat(30));
        let revenue = format!("{}.99", "9".repeat(30));
        assert_eq!(
            got,
            [format!(
                "2023-11-14 22:13:20\t2023-11-14 23:13:20.500\t{}\t{revenue}\t{nines}\t{}\t1",
                i64::MIN,
                u64::MAX
            )]
        );
        assert_eq!(sink.commit(epoch(vec![deletes(&target, 0, keys)], 6)).await.unwrap().rows_deleted(), 1);
    }
}

async fn stored(options: &SinkOptions, target: &TargetTable, columns: &[usize], batch: usize) -> Vec<RecordBatch> {
    let mut conn = options.endpoint.connect().await.unwrap();
    let def = read_definition(&mut conn, &target.table).await.unwrap().unwrap();
    let mut scan = KeyScan::new(&def, columns).unwrap();
    let mut batches = Vec::new();
    while let Some(ScannedRows { rows, keys }) = scan.next(&mut conn, batch).await.unwrap() {
        assert_eq!(rows.num_rows(), keys.len());
        assert_eq!(rows.schema(), scan.definition().schema());
        batches.push(rows);
    }
    batches
}

#[tokio::test]
async fn a_commit_carries_several_targets_and_their_keys_are_scanned() {
    for kind in BOTH {
        let server = server(kind);
        let options = options(server, "several");
        let hashed = by_name("several");
        let plain = collated("several", "plain", Some("utf8mb4_general_ci"), None);
        let (mut sink, _) = claim_all(&options, vec![hashed.clone(), plain.clone()]).await;
        let texts: Vec<String> = (0..100).map(|i| format!("n{i:03}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let both: Vec<_> = texts.iter().map(|n| (Some(*n), n.len() as i64)).collect();
        let second = Write { target: 1, ..names(&plain, &texts) };
        sink.commit(epoch(vec![named(&hashed, &both), second], 5)).await.unwrap();
        // Both or none: the second write cannot be made.
        let bad = Write { target: 1, ..names(&plain, &["a text that is longer than twenty characters"]) };
        sink.commit(epoch(vec![named(&hashed, &[(Some("new"), 1)]), bad], 6)).await.unwrap_err();
        let counts = "SELECT (SELECT COUNT(*) FROM several.by_name), (SELECT COUNT(*) FROM several.plain)";
        assert_eq!(rows(server, counts), ["100\t100"]);

        // Keys in their order, a batch at a time, also those that `SELECT *` does not show.
        let found = stored(&options, &plain, &[1, 0], 30).await;
        assert_eq!(found.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [30, 30, 30, 10]);
        let keys: Vec<&str> = found.iter().flat_map(|b| b.column(1).as_string::<i32>().iter().flatten()).collect();
        assert_eq!(keys, texts);
        let numbers = found.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec());
        assert_eq!(numbers.collect::<Vec<_>>(), (0..100).collect::<Vec<i64>>());
        let found = stored(&options, &hashed, &[2], 50).await;
        assert_eq!(found.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [50, 50]);
        let mut keys: Vec<Vec<u8>> =
            found.iter().flat_map(|b| b.column(0).as_binary::<i32>().iter()).map(|k| k.unwrap().to_vec()).collect();
        assert!(keys.is_sorted());
        keys.dedup();
        assert_eq!(keys.len(), 100);
        // An event's key has exactly the type of its column.
        let wrong: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1]))];
        assert!(sink.commit(epoch(vec![deletes(&plain, 1, wrong)], 6)).await.is_err());
    }
}
