//! Checkpoints: what belongs to one, and which are kept.

use std::ops::Bound;

use rowmill_state::{Error, Writes};

use crate::{contents, get, key, open, put};

#[test]
fn a_commit_takes_along_what_was_written_since_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(store.checkpoint(), None);
    store.write(&[put("totals", &[("a", "1"), ("b", "2")]), put("counts", &[("a", "9")])]).unwrap();
    let first = store.commit(&[put("totals", &[("b", "3")])], b"{\"at\":1}").unwrap();
    assert_eq!((first.sequence, first.manifest.as_slice()), (1, b"{\"at\":1}".as_slice()));
    let held = contents(&store);
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.checkpoint(), Some(first));
    assert_eq!(store.previous(), None);
    assert_eq!(contents(&store), held);
    assert_eq!(get(&store, "totals", "b").as_deref(), Some("3"));
    assert_eq!(store.tables().unwrap(), ["counts", "totals"]);
}

#[test]
fn closing_the_store_forgets_what_came_after_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let checkpoint = store.commit(&[put("totals", &[("a", "1")])], b"1").unwrap();
    store.write(&[put("totals", &[("a", "2"), ("b", "2")]), put("other", &[("x", "y")])]).unwrap();
    assert_eq!(get(&store, "totals", "a").as_deref(), Some("2"));
    drop(store);

    for _ in 0..3 {
        let store = open(folder.path());
        assert_eq!(store.checkpoint().as_ref(), Some(&checkpoint));
        assert_eq!(get(&store, "totals", "a").as_deref(), Some("1"));
        assert_eq!(store.tables().unwrap(), ["totals"]);
        store.write(&[put("totals", &[("a", "3")])]).unwrap();
    }
}

#[test]
fn the_last_two_checkpoints_are_kept_and_one_step_back_is_possible() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    for at in 1..=5_u64 {
        store.write(&[put("totals", &[("a", "in between")])]).unwrap();
        let writes = [put("totals", &[("a", &at.to_string()), (&format!("only {at}"), "")])];
        assert_eq!(store.commit(&writes, at.to_string().as_bytes()).unwrap().sequence, at);
        if at == 3 {
            drop(store);
            store = open(folder.path());
        }
        let previous = store.previous().map(|checkpoint| checkpoint.sequence);
        assert_eq!(previous, (at > 1).then(|| at - 1));
    }
    store.write(&[put("totals", &[("a", "lost")])]).unwrap();

    let back = store.restore_previous().unwrap();
    assert_eq!((back.sequence, back.manifest.as_slice()), (4, b"4".as_slice()));
    assert_eq!(get(&store, "totals", "a").as_deref(), Some("4"));
    assert_eq!(get(&store, "totals", "only 5"), None);
    assert!(matches!(store.restore_previous(), Err(Error::NoPrevious { .. })));
    drop(store);

    let store = open(folder.path());
    assert_eq!((store.checkpoint(), store.previous()), (Some(back), None));
    assert_eq!(get(&store, "totals", "a").as_deref(), Some("4"));
    let next = store.commit(&[put("totals", &[("a", "another 5")])], b"5'").unwrap();
    assert_eq!(next.sequence, 5);
    assert_eq!(store.previous().unwrap().sequence, 4);
}

#[test]
fn the_later_of_two_writes_to_a_key_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write(&[put("t", &[("b", "1"), ("a", "1"), ("b", "2")]), put("t", &[("a", "3")])]).unwrap();
    assert_eq!((get(&store, "t", "a").as_deref(), get(&store, "t", "b").as_deref()), (Some("3"), Some("2")));
    let entries = vec![(key("b"), None), (key("a"), None), (key("a"), Some(key("4"))), (key("never there"), None)];
    store.write(&[Writes { table: "t".into(), entries }]).unwrap();
    assert_eq!((get(&store, "t", "a").as_deref(), get(&store, "t", "b")), (Some("4"), None));
}

#[test]
fn reads_answer_in_the_order_asked_and_scans_in_the_order_of_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write(&[put("t", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])]).unwrap();
    let found = store.read("t", &["d", "x", "a", "a"].map(key)).unwrap();
    assert_eq!(found, [Some(key("4")), None, Some(key("1")), Some(key("1"))]);
    assert_eq!(store.read("nowhere", &[key("a")]).unwrap(), [None]);

    let names = |from, to, limit| -> Vec<String> {
        let records = store.scan("t", from, to, limit).unwrap();
        records.into_iter().map(|(key, _)| String::from_utf8(key.into_vec()).unwrap()).collect()
    };
    assert_eq!(names(Bound::Excluded(b"a"), Bound::Included(b"c"), 9), ["b", "c"]);
    assert_eq!(names(Bound::Unbounded, Bound::Unbounded, 2), ["a", "b"]);
    assert_eq!(names(Bound::Included(b"d"), Bound::Excluded(b"b"), 9), [""; 0]);
    assert_eq!(names(Bound::Unbounded, Bound::Unbounded, 0), [""; 0]);
}

#[test]
fn a_range_is_removed_and_counted_and_comes_back_with_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.commit(&[put("t", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])], b"").unwrap();
    assert_eq!(store.remove_range("t", Bound::Included(b"b"), Bound::Excluded(b"d")).unwrap(), 2);
    assert_eq!(store.remove_range("t", Bound::Excluded(b"d"), Bound::Excluded(b"d")).unwrap(), 0);
    assert_eq!(store.remove_range("nowhere", Bound::Unbounded, Bound::Unbounded).unwrap(), 0);
    assert_eq!(store.count("t").unwrap(), 2);
    drop(store);
    assert_eq!(open(folder.path()).count("t").unwrap(), 4);
}

#[test]
fn clear_forgets_everything_and_gives_the_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let large = "x".repeat(1 << 20);
    for at in 0..8 {
        store.commit(&[put("t", &[(&at.to_string(), &large)])], b"").unwrap();
    }
    let before = store.bytes_on_disk().unwrap();
    store.clear().unwrap();
    assert!(store.bytes_on_disk().unwrap() * 10 < before);
    assert_eq!((store.checkpoint(), store.previous()), (None, None));
    assert!(contents(&store).is_empty());
    let first = store.commit(&[put("t", &[("a", "1")])], b"again").unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.checkpoint().unwrap(), first.sequence), (first, 1));
    assert_eq!(get(&store, "t", "a").as_deref(), Some("1"));
}

#[test]
fn reads_go_on_while_the_store_is_cleared_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..200 {
                // A record is whole, whenever it is read: the two values of a write agree.
                let pair = store.read("t", &[key("a"), key("b")]).unwrap();
                assert_eq!(pair[0], pair[1]);
            }
        });
        for at in 0..40 {
            let value = at.to_string();
            store.write(&[put("t", &[("a", &value), ("b", &value)])]).unwrap();
            match at % 10 {
                3 => drop(store.commit(&[], b"").unwrap()),
                9 => store.clear().unwrap(),
                _ => {}
            }
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_record_over_the_limit_is_refused_and_nothing_else_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write(&[put("t", &[("a", "1")])]).unwrap();
    let long = "k".repeat((1 << 20) + 1);
    let error = store.commit(&[put("t", &[("b", "2"), (&long, "")])], b"").unwrap_err();
    assert!(matches!(&error, Error::TooLarge { table, .. } if table == "t"), "{error}");
    assert!(!error.is_transient());
    assert_eq!((store.checkpoint(), get(&store, "t", "b")), (None, None));
    store.commit(&[], b"").unwrap();
    assert_eq!(get(&store, "t", "a").as_deref(), Some("1"));
}
