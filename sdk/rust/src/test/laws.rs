//! What the host relies on, a function each: `Err` says what differs.

use super::outcome::Outcome;
use super::rows::{Event, Item, Numbers, States, Subject, events};
use crate::contract::State;
use std::fmt::Debug;

/// A law: its sentence, and how it is checked.
pub(super) struct Law {
    pub(super) sentence: &'static str,
    pub(super) check: fn(&Subject<'_>, &[Item], u32) -> Result<(), String>,
}

/// All laws; those of an ability hold for functions that have it.
pub(super) const LAWS: [Law; 8] = [
    Law { sentence: "batches may be cut anywhere", check: cuts },
    Law { sentence: "group numbers mean nothing", check: numbers },
    Law { sentence: "a refused row leaves no trace, and is refused because of itself alone", check: refusals },
    Law { sentence: "taking rows out undoes taking them in", check: retractions },
    Law { sentence: "`evaluate` and `snapshot` change nothing", check: readings },
    Law { sentence: "restoring a snapshot is the identity", check: restores },
    Law { sentence: "an evicted group is empty", check: evictions },
    Law { sentence: "merging is associative and commutative, and adds as `update` does", check: merges },
];

/// Results and states after all events, in one instance.
struct Whole {
    results: Vec<Outcome>,
    states: States,
    refused: Vec<(usize, String)>,
}

fn whole(subject: &Subject<'_>, events: &[Event], numbers: &Numbers) -> Result<Whole, String> {
    let mut bound = subject.fresh();
    let refused = subject.feed(&mut *bound, events, numbers)?;
    let results = subject.results(&mut *bound, numbers)?;
    let states = subject.states(&mut *bound, numbers)?;
    Ok(Whole { results, states, refused })
}

fn same<T: PartialEq + Debug>(what: &str, expected: &[T], found: &[T]) -> Result<(), String> {
    if expected.len() != found.len() {
        return Err(format!("{what}: expected {expected:?}, found {found:?}"));
    }
    match expected.iter().zip(found).enumerate().find(|(_, (expected, found))| expected != found) {
        Some((group, (expected, found))) => {
            Err(format!("{what} of group {group}: expected {expected:?}, found {found:?}"))
        }
        None => Ok(()),
    }
}

fn same_whole(expected: &Whole, found: &Whole) -> Result<(), String> {
    same("result", &expected.results, &found.results)?;
    same("state", &expected.states, &found.states)
}

/// The same events without cuts.
fn uncut(events: &[Event]) -> Vec<Event> {
    events.iter().map(|event| Event { cut: false, ..*event }).collect()
}

fn cuts(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    let (events, numbers) = (events(items), Numbers::plain(groups));
    let expected = whole(subject, &uncut(&events), &numbers)?;
    let single: Vec<Event> = events.iter().map(|event| Event { cut: true, ..*event }).collect();
    for cut in [events, single] {
        let found = whole(subject, &cut, &numbers)?;
        same_whole(&expected, &found)?;
        if expected.refused != found.refused {
            return Err(format!("refused rows: expected {:?}, found {:?}", expected.refused, found.refused));
        }
    }
    Ok(())
}

fn numbers(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    let events = events(items);
    let expected = whole(subject, &events, &Numbers::plain(groups))?;
    same_whole(&expected, &whole(subject, &events, &Numbers::scattered(groups))?)
}

fn refusals(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    let (events, numbers) = (events(items), Numbers::plain(groups));
    let all = whole(subject, &events, &numbers)?;
    let refused = |event: usize| all.refused.iter().any(|(position, _)| *position == event);
    let rows: Vec<usize> = all.refused.iter().map(|(position, _)| events[*position].row).collect();
    for (position, event) in events.iter().enumerate() {
        if rows.contains(&event.row) && !refused(position) {
            let how = if event.out { "out" } else { "in" };
            return Err(format!(
                "the row {} is refused once, and at another time goes {how}: what depends on state errs in `evaluate`",
                subject.show(event.row)
            ));
        }
    }
    let kept: Vec<Event> =
        events.iter().enumerate().filter(|(position, _)| !refused(*position)).map(|(_, event)| *event).collect();
    same_whole(&whole(subject, &kept, &numbers)?, &all)
}

fn retractions(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    if !subject.signature.retract {
        return Ok(());
    }
    let numbers = Numbers::plain(groups);
    let stay: Vec<Item> = items.iter().filter(|item| item.left.is_none()).cloned().collect();
    let expected = whole(subject, &events(&stay), &numbers)?;
    same_whole(&expected, &whole(subject, &events(items), &numbers)?)
}

fn readings(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    let (events, numbers) = (events(items), Numbers::plain(groups));
    let expected = whole(subject, &events, &numbers)?;
    let mut bound = subject.fresh();
    for event in &events {
        subject.feed(&mut *bound, &[*event], &numbers)?;
        let before = subject.results(&mut *bound, &numbers)?;
        subject.states(&mut *bound, &numbers)?;
        same("result after a snapshot", &before, &subject.results(&mut *bound, &numbers)?)?;
        // One group alone says what it says among the others.
        let one = numbers.of(event.group);
        let output = bound.evaluate(&[one])?;
        let alone = super::outcome::outcomes(&output, &subject.signature.call.results, 1)?;
        same("result alone", &before[event.group as usize..][..1], &alone)?;
    }
    same("result", &expected.results, &subject.results(&mut *bound, &numbers)?)?;
    same("state", &expected.states, &subject.states(&mut *bound, &numbers)?)
}

fn restores(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    let (events, numbers) = (events(items), Numbers::plain(groups));
    let expected = whole(subject, &events, &numbers)?;
    let mut bound = subject.fresh();
    for event in &events {
        if event.cut {
            let all = numbers.all();
            let state = bound.snapshot(&all)?;
            let before = subject.read(&state, all.len())?;
            bound = subject.fresh();
            bound.merge(numbers.count(), &all, state)?;
            same("restored state", &before, &subject.states(&mut *bound, &numbers)?)?;
        } else {
            // Only this group leaves, and comes back.
            let one = [numbers.of(event.group)];
            let state = bound.snapshot(&one)?;
            bound.evict(&one);
            bound.merge(numbers.count(), &one, state)?;
        }
        subject.feed(&mut *bound, &[*event], &numbers)?;
    }
    same("result", &expected.results, &subject.results(&mut *bound, &numbers)?)?;
    same("state", &expected.states, &subject.states(&mut *bound, &numbers)?)
}

fn evictions(subject: &Subject<'_>, items: &[Item], groups: u32) -> Result<(), String> {
    let (events, numbers) = (events(items), Numbers::plain(groups));
    let empty = whole(subject, &[], &numbers)?;
    let expected = whole(subject, &events, &numbers)?;
    let mut bound = subject.fresh();
    subject.feed(&mut *bound, &events, &numbers)?;
    bound.evict(&[numbers.count() + 7]);
    bound.evict(&numbers.all());
    same("result when empty", &empty.results, &subject.results(&mut *bound, &numbers)?)?;
    same("state when empty", &empty.states, &subject.states(&mut *bound, &numbers)?)?;
    subject.feed(&mut *bound, &events, &numbers)?;
    same("result", &expected.results, &subject.results(&mut *bound, &numbers)?)?;
    same("state", &expected.states, &subject.states(&mut *bound, &numbers)?)
}

fn merges(subject: &Subject<'_>, items: &[Item], _: u32) -> Result<(), String> {
    if !subject.signature.merge {
        return Ok(());
    }
    // Three parts by group, and all of them in one group, part after part.
    let part = |number: u32| -> Vec<Event> {
        let own: Vec<Item> = items.iter().filter(|item| item.group % 3 == number).cloned().collect();
        events(&own).into_iter().map(|event| Event { group: number, ..event }).collect()
    };
    let parts = [part(0), part(1), part(2)];
    let one = Numbers::plain(1);
    let joined: Vec<Event> = parts.iter().flatten().map(|event| Event { group: 0, ..*event }).collect();
    let expected = whole(subject, &joined, &one)?;
    let state = |number: usize| -> Result<State, String> {
        let mut bound = subject.fresh();
        subject.feed(&mut *bound, &parts[number], &Numbers::plain(3))?;
        bound.snapshot(&[number as u32])
    };
    let none = || subject.fresh().snapshot(&[0]);
    // The states merged one after another into one group.
    let merged = |states: Vec<State>| -> Result<State, String> {
        let mut bound = subject.fresh();
        for state in states {
            bound.merge(1, &[0], state)?;
        }
        bound.snapshot(&[0])
    };
    let (a, b, c) = (|| state(0), || state(1), || state(2));
    let ways: [(&str, State); 6] = [
        ("a, b, c", merged(vec![a()?, b()?, c()?])?),
        ("c, b, a", merged(vec![c()?, b()?, a()?])?),
        ("b, a, c", merged(vec![b()?, a()?, c()?])?),
        ("a with (b, c)", merged(vec![a()?, merged(vec![b()?, c()?])?])?),
        ("nothing, (a, b), c", merged(vec![none()?, merged(vec![a()?, b()?])?, c()?])?),
        ("c, nothing, (a, b)", merged(vec![c()?, none()?, merged(vec![a()?, b()?])?])?),
    ];
    for (way, state) in ways {
        let mut found = subject.read(&state, 1)?;
        let mut bound = subject.fresh();
        bound.merge(1, &[0], state)?;
        let results = subject.results(&mut *bound, &one)?;
        same(&format!("result of merging {way}"), &expected.results, &results)?;
        // The rows of a state are a set here: their order can show the order of merging.
        let mut needed = expected.states.clone();
        needed.iter_mut().chain(&mut found).for_each(|rows| rows.sort());
        same(&format!("state of merging {way}"), &needed, &found)?;
    }
    // A group that occurs several times in one call.
    let mut source = subject.fresh();
    let all: Vec<Event> = parts.iter().flatten().copied().collect();
    subject.feed(&mut *source, &all, &Numbers::plain(3))?;
    let mut bound = subject.fresh();
    bound.merge(1, &[0, 0, 0], source.snapshot(&[0, 1, 2])?)?;
    same("result of merging at once", &expected.results, &subject.results(&mut *bound, &one)?)
}
