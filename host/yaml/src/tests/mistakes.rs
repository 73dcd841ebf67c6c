//! What is said about wrong files.

use super::*;

#[test]
fn tables_whose_statements_are_ignored_have_a_database() {
    one(
        "  tables: [orders]",
        "  tables: [orders]\n  ignore_statements: [\"percona.*\", checksums]",
        "6:36: \"checksums\" names no database; needed db.table, also with * and ?; fix: write db.checksums",
    );
}

#[test]
fn misspelt_keys_name_the_nearest() {
    one(
        "  tables: [orders]",
        "  tabels: [orders]\n  tables: [orders]",
        "5:3: no such key in source: tabels; needed one of url, tls, tls_ca, tables, start, allow_unlogged_cascades, zero_dates, append_only, ignore_statements; fix: did you mean tables?",
    );
    one(
        "limits: { memory: 32MiB }",
        "limits: { mem: 32MiB }",
        "13:15: no such key in steps[1].limits: mem; needed one of memory, cpu_base, cpu_per_row, wall, output; fix: did you mean memory?",
    );
    one(
        "  mode: append",
        "  Mode: append",
        "26:3: no such key in sink: Mode; needed one of url, tls, tls_ca, table, tables, key, existing, meta, mode, create; fix: did you mean mode?",
    );
    one(
        "udf: ./fraud.wasm#not_fraud, args",
        "udf: ./fraud.wasm#not_fraud, arg",
        "10:44: no such key in steps[1].filter: arg; needed one of udf, args, config; fix: did you mean args?",
    );
    one(
        "on_error: fail",
        "xyzzy: fail",
        "28:1: no such key in the pipeline: xyzzy; needed one of pipeline, source, views, steps, sink, on_error, limits, state, schema_change, parallel, batch, epoch",
    );
}

#[test]
fn wrong_types_say_what_was_found_and_give_an_example() {
    one(
        "tables: [orders]",
        "tables: orders",
        "5:11: source.tables must be a list of table names; found the text \"orders\"; fix: for example tables: [orders]",
    );
    one(
        "tables: [orders]",
        "tables: [orders, 7]",
        "5:20: source.tables[1] must be a table name; found the number 7; fix: put it in quotes: \"7\"",
    );
    one(
        "create: false",
        "create: yes",
        "27:11: sink.create must be true or false; found the text \"yes\"; fix: for example create: false",
    );
    one(
        "memory: 32MiB",
        "memory: 32M",
        "13:23: steps[1].limits.memory must be a size from 64KiB to 4GiB; found the text \"32M\"; fix: for example memory: 64MiB",
    );
    one(
        "wall: 5s",
        "wall: 5",
        "29:68: limits.wall must be a duration in us, ms, s or m; found the number 5; fix: for example 100ms",
    );
    one(
        "rows: 100,",
        "rows: 0,",
        "32:16: batch.rows must be a number of rows from 1 to 10000000; found the number 0; fix: for example rows: 8192",
    );
    one(
        "rows: 1000 }",
        "pace: 11s }",
        "33:16: epoch.pace must be a duration up to 10s, or 0; found the text \"11s\"; fix: for example pace: 10ms",
    );
    one(
        "pipeline: clean-orders",
        "pipeline: Clean Orders",
        "2:11: pipeline must be a name of 1 to 63 of a-z, 0-9 and -; found the text \"Clean Orders\"; fix: for example pipeline: clean-orders",
    );
    one(
        "mode: append",
        "mode: upsrt",
        "26:9: sink.mode must be upsert or append; found the text \"upsrt\"; fix: did you mean upsert?",
    );
    one(
        "  - drop: [internal_note]",
        "  - drop: internal_note",
        "18:11: steps[4].drop must be a list of columns; found the text \"internal_note\"; fix: for example [id, name]",
    );
    one(
        "start: { file: binlog.000012, position: 4 }",
        "start: yesterday",
        "6:10: source.start must be snapshot, latest, earliest, { file: …, position: … } or { gtid: … }; found the text \"yesterday\"; fix: for example start: { file: binlog.000012, position: 4 }",
    );
    one(
        "as: float64",
        "as: float",
        "16:64: no such type: float; needed one of boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, decimal(p,s), utf8, binary, date, time, datetime, timestamp; fix: did you mean float32?",
    );
    one(
        "{ value: 3 }",
        "3",
        "16:75: an argument that is a literal; found the number 3; needed a column name, or a literal in a mapping; fix: write { value: 3 }, or \"3\" for a column of that name",
    );
    one(
        "transform: { udf: std/text#split, args: [tags] }",
        "transform: \"split(tags)\"",
        "17:16: steps[3].transform must be a mapping with udf; found the text \"split(tags)\"; fix: for example { udf: ./tags.wasm#explode, args: [tags] }",
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = changed("tables: [orders]", "tables: []")
        .replace("on_error: skip", "on_error: retry")
        .replace("key: [id]", "key: [id, ID]")
        .replace("existing: keep", "exists: keep");
    let lines: Vec<String> =
        problems(&text).iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    assert_eq!(
        lines,
        [
            "5:11: source.tables is empty; needed at least one table; fix",
            "12:15: steps[1].on_error must be fail or skip; found the text \"retry\"",
            "24:13: column ID is listed twice; fix",
            "25:3: no such key in sink"
        ]
    );
}

#[test]
fn duplicate_keys_are_refused() {
    one(
        "  tables: [orders]",
        "  tables: [orders]\n  tables: [items]",
        "6:3: source.tables is given twice; fix: leave one of them out",
    );
    one(
        "      name:  \"trim(name)\"",
        "      name:  \"trim(name)\"\n      Name:  \"upper(name)\"",
        "16:14: column Name is listed twice; fix: leave one of them out (case makes no difference)",
    );
}

#[test]
fn missing_keys_are_named() {
    let found = problems("pipeline: a\nsource:\n  tables: [t]\n");
    assert_eq!(
        found,
        [
            "1:1: sink is missing; needed a mapping with url; fix: for example sink: { url: mysql://… }",
            "2:1: source.url is missing; needed a URL such as mysql://user:password@host:3306/database; fix: for example url: mysql://reader:${PASSWORD}@127.0.0.1:3306/shop",
        ]
    );
    assert_eq!(
        problems("# nothing\n"),
        ["the pipeline file is empty; needed the keys pipeline, source and sink; fix: start from a file in examples/"]
    );
    assert!(problems("- a\n- b\n")[0].starts_with("1:1: the pipeline must be a mapping"));
}

#[test]
fn urls_are_checked_without_being_shown() {
    for (url, found) in [
        ("postgres://u:hunter2@h/d", "the scheme postgres://"),
        ("hunter2", "a text that is no URL"),
        ("mysql://u:hunter2@/d", "a URL without a host"),
        ("mysql://", "a URL without a host"),
    ] {
        let text = changed("url: mysql://writer@127.0.0.1:3307/mart", &format!("url: {url}"));
        let lines = problems(&text);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("22:8: sink.url is not a mysql:// URL; found "), "{lines:?}");
        assert!(lines[0].contains(found), "{lines:?}");
        assert!(!lines[0].contains("hunter2"), "{lines:?}");
    }
    one(
        "127.0.0.1:3307/mart",
        "127.0.0.1:3307",
        "22:8: sink.url names no database; needed the database of the target table at its end; fix: for example url: mysql://writer@127.0.0.1:3307/mart",
    );
    one(
        "127.0.0.1:3306/shop",
        "127.0.0.1:3306",
        "5:12: no database is named for table orders; needed a database in source.url, or db.table; fix: write tables: [shop.orders] or url: mysql://…/shop",
    );
    let whole = problems("pipeline: a\nsource: mysql://u:hunter2@h/d\nsink: {url: mysql://h/d}\n");
    assert!(whole[0].contains("u:***@h/d") && !whole[0].contains("hunter2"), "{whole:?}");
}

#[test]
fn references_that_lead_nowhere_are_named_at_their_place() {
    one(
        "${SHOP_PASSWORD}",
        "${SHOP_PASS}",
        "4:23: the environment variable SHOP_PASS is not set; fix: set it before starting rowmill: export SHOP_PASS=…",
    );
    one(
        "\"trim(name)\"",
        "\"concat(name, '${1X}')\"",
        "15:29: ${1X} is not a reference; needed ${NAME} with letters, digits and _, or ${file:/path}; fix: write $${ for the characters themselves",
    );
    one(
        "\"trim(name)\"",
        "\"concat(name, '${')\"",
        "15:29: a ${ without its }; needed ${NAME} or ${file:/path}; fix: close it, or write $${ for the characters themselves",
    );
    let lines = problems(&changed("${SHOP_PASSWORD}", "${file:/does/not/exist}"));
    assert!(lines[0].starts_with("4:23: the file /does/not/exist can't be read; found No such file"), "{lines:?}");
}

#[test]
fn references_read_files_beside_the_pipeline() {
    let folder = std::env::temp_dir().join(format!("rowmill-secret-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("pw"), "s3cret\n").expect("a file");
    let text = changed("${SHOP_PASSWORD}", "${file:pw}");
    let loaded = parse(&folder.join("p.yaml"), &text, &environment).expect("right");
    assert_eq!(loaded.pipeline.source.url.expose(), "mysql://reader:s3cret@127.0.0.1:3306/shop");
    assert!(!format!("{:?}", loaded.pipeline).contains("s3cret"));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn later_features_are_refused_by_name() {
    one(
        "on_error: skip",
        "on_error: dead_letter",
        "12:15: steps[1].on_error: dead_letter is not supported in this version; needed fail or skip",
    );
    one(
        "schema_change: fail",
        "schema_change: evolve",
        "30:16: schema_change: evolve is not supported in this version; needed fail",
    );
    one(
        "parallel: 1",
        "parallel: 4",
        "31:1: parallel above 1 is not supported in this version; fix: leave the key out, or write 1",
    );
    one(
        "udf: std/text#split",
        "udf: acme/tags@1.2#split",
        "17:23: a udf by registry name is not supported in this version; found acme/tags@1.2; needed a path such as ./price.wasm#total, or std/text#trim; fix: download the component and write ./acme/tags@1.2.wasm",
    );
}

#[test]
fn steps_have_one_kind_and_names_of_their_own() {
    one(
        "  - drop: [internal_note]",
        "  - drop: [internal_note]\n    select: [id]",
        "19:5: a step with more than one kind; found drop and select; needed one kind per step; fix: write each as an item of its own: - select: …",
    );
    one(
        "  - drop: [internal_note]",
        "  - id: nothing",
        "18:5: a step without a kind; needed one of filter, map, transform, aggregate, select, drop, rename; fix: for example - filter: \"amount > 0\"",
    );
    one(
        "    id: fraud",
        "    id: filter-1",
        "11:9: two steps have the id filter-1; needed a different id for each step (without one it is <kind>-<n>)",
    );
    one(
        "  - drop: [internal_note]",
        "  - filtr: \"a > 0\"",
        "18:5: no such key in steps[4]: filtr; needed one of filter, map, transform, aggregate, select, drop, rename, id, on_error, limits; fix: did you mean filter?",
    );
    one(
        "select: [id, customer_id, name, total]",
        "select: []",
        "20:13: steps[6].select is empty; needed at least one column; fix: for example [id, name]",
    );
    one(
        "select: [id, customer_id, name, total]",
        "select: [id, name, id]",
        "20:24: column id is listed twice; fix: leave one of them out (case makes no difference)",
    );
    one(
        "  - rename: { customer: customer_id }",
        "  - rename: { customer: x, owner: X }",
        "19:35: column X is listed twice; fix: leave one of them out (case makes no difference)",
    );
}

#[test]
fn several_tables_need_several_targets() {
    let text = changed("tables: [orders]", "tables: [orders, items]").replace("\"${table}_clean\"", "clean");
    assert_eq!(
        problems(&text),
        [
            "23:10: several source tables would be written into one target table; found the text \"clean\"; needed a target for each, since rows of two tables can have the same key; fix: write table: \"${table}_clean\", or one pipeline per table"
        ]
    );
    for (pattern, found) in [
        ("a.b.c", "more than one dot"),
        ("a.", "nothing before or after the dot"),
        ("`a`", "a backtick"),
        ("'a[0-9]'", "a bracket"),
    ] {
        let lines = problems(&changed(
            "tables: [orders]",
            &format!(
                "tables: [{}]",
                if pattern.starts_with('\'') { pattern.to_owned() } else { format!("\"{pattern}\"") }
            ),
        ));
        assert!(lines[0].contains(found), "{lines:?}");
    }
}

#[test]
fn broken_yaml_points_at_the_place() {
    let tab = problems("pipeline: a\nsource:\n\turl: mysql://h/d\n");
    assert!(tab[0].starts_with("3:1: the file is not valid YAML"), "{tab:?}");
    assert!(
        tab[0].ends_with("found a tab in the indentation; needed spaces; fix: replace the tab by spaces"),
        "{tab:?}"
    );
    let open = problems("pipeline: a\nsource: { url: x\nsink: 1\n");
    assert!(open[0].contains("the file is not valid YAML"), "{open:?}");
    let colon = problems("pipeline: a: b\n");
    assert!(colon[0].contains("in double quotes"), "{colon:?}");
    let two = problems("pipeline: a\n---\npipeline: b\n");
    assert!(two[0].starts_with("2:1: the file holds more than one document"), "{two:?}");
    let anchor = problems("pipeline: &x a\nsource: *x\n");
    assert!(anchor[0].contains("anchors"), "{anchor:?}");
    let tag = problems("pipeline: !!str a\n");
    assert!(tag[0].contains("tags"), "{tag:?}");
    let deep = problems(&"[".repeat(5000));
    assert!(deep[0].contains("nested too deeply") || deep[0].contains("not valid YAML"), "{deep:?}");
}
