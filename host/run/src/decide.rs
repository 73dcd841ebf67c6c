//! What a pipeline that moves rows does next: one decision, made by plain facts.
//!
//! The order of the rules is part of them. Event time goes on before the epoch is looked at, since the end of a window
//! is committed with it. An epoch that may close is committed before the end is considered, so that a stop and
//! `--until-caught-up` leave nothing behind. What the state needs comes before the next row: a checkpoint gets a piece
//! between any two events, and no row comes in where no group would find room.

use std::time::Duration;

use crate::epoch::Close;

/// Positions without rows of this pipeline are stored at most this often: with source and target on
/// one server each is itself a binlog event. A restart reads at most this much of the binlog again.
pub(crate) const POSITION_INTERVAL: Duration = Duration::from_secs(10);

/// How long a stop waits for the end of the source transaction that is being read; then what was
/// not committed is dropped, to be read again.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// Between two pieces of a checkpoint when there is nothing else to do.
pub(crate) const CAPTURE_PAUSE: Duration = Duration::from_millis(1);

/// After the end of a drain, so that its end is seen.
const DRAIN_OVER: Duration = Duration::from_millis(10);

/// What is known at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// No commit is under way.
    pub(crate) can_commit: bool,
    /// What the epoch's own rule says.
    pub(crate) close: Close,
    /// It holds rows.
    pub(crate) has_rows: bool,
    /// It should hold no more.
    pub(crate) full: bool,
    /// It ends where a source transaction does.
    pub(crate) at_boundary: bool,
    /// The stream had nothing more.
    pub(crate) dry: bool,
    /// Its position is to be stored whether it has rows or not: the target has converged, the goal is reached, or
    /// the stored position is old.
    pub(crate) position_due: bool,
    /// All that was asked for is committed.
    pub(crate) caught_up: bool,
    /// The pipeline was told to stop.
    pub(crate) draining: Option<Draining>,
    /// Of a pipeline with aggregates.
    pub(crate) state: Option<StateFacts>,
}

/// A stop that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    /// For how long.
    pub(crate) since: Duration,
    /// A batch was given up: nothing can be read after it.
    pub(crate) interrupted: bool,
}

/// What aggregates need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct StateFacts {
    /// A checkpoint is under way.
    pub(crate) checkpointing: bool,
    /// It has pieces left to capture.
    pub(crate) pieces_left: bool,
    /// It got its turn since the last wait.
    pub(crate) captured: bool,
    /// There is no room for another group.
    pub(crate) no_room: bool,
    /// Room was made since the last wait.
    pub(crate) made_room: bool,
    /// Time has passed: nothing is read until a checkpoint holds that.
    pub(crate) time_passed: bool,
    /// Event time goes on after so long without changes.
    pub(crate) idle: Option<Duration>,
    /// For how long there were none.
    pub(crate) quiet: Duration,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Commit the epoch, so cut.
    Commit(Close),
    /// Go on with the checkpoint.
    Capture,
    /// Let groups leave the memory.
    MakeRoom,
    /// Event time goes on by this much.
    LetTimePass(Duration),
    /// Wait for the next event and for everything else, at most so long.
    Read(Duration),
    /// Wait for everything but events, at most so long.
    Hold(Duration),
    /// Nothing is left to do.
    End,
}

/// What to do next.
pub(crate) fn decide(facts: &Facts) -> Action {
    let state = facts.state.unwrap_or_default();
    if let Some(idle) = state.idle
        && facts.can_commit
        && facts.at_boundary
        && facts.dry
        && facts.draining.is_none()
        && !state.time_passed
        && state.quiet >= idle
    {
        return Action::LetTimePass(state.quiet);
    }
    if facts.can_commit {
        if matches!(facts.close, Close::Whole | Close::Split) {
            return Action::Commit(facts.close);
        }
        let stops_here = facts.draining.is_some() && facts.has_rows;
        if facts.at_boundary && (facts.position_due || stops_here) {
            return Action::Commit(Close::Whole);
        }
        if facts.caught_up {
            return Action::End;
        }
    }
    let drained = facts.draining.is_some_and(|draining| facts.at_boundary || draining.interrupted);
    if let Some(draining) = facts.draining
        && (drained && facts.can_commit || draining.since > DRAIN)
    {
        return Action::End;
    }
    if state.checkpointing && !state.captured {
        return Action::Capture;
    }
    if state.no_room && !state.checkpointing && !state.made_room {
        return Action::MakeRoom;
    }
    // What a checkpoint has yet to write must not be overtaken by groups that leave the memory.
    let held = state.time_passed || state.no_room && state.checkpointing;
    let room = !facts.full || facts.close == Close::No;
    match room && !drained && !held {
        true => Action::Read(pause(facts, &state)),
        false => Action::Hold(pause(facts, &state)),
    }
}

/// How long nothing needs to be looked at if nothing happens.
fn pause(facts: &Facts, state: &StateFacts) -> Duration {
    let idle = state.idle.map(|idle| idle.saturating_sub(state.quiet).max(CAPTURE_PAUSE));
    let drained = facts.draining.map(|draining| DRAIN.saturating_sub(draining.since) + DRAIN_OVER);
    let piece = state.pieces_left.then_some(CAPTURE_PAUSE);
    let company = match facts.close {
        Close::Later(left) if facts.can_commit => Some(left),
        _ => None,
    };
    let waits = [idle, drained, piece, company];
    waits.into_iter().flatten().fold(POSITION_INTERVAL, Duration::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A stream that is dry at the end of a transaction, with everything committed.
    const AT_REST: Facts = Facts {
        can_commit: true,
        close: Close::No,
        has_rows: false,
        full: false,
        at_boundary: true,
        dry: true,
        position_due: false,
        caught_up: false,
        draining: None,
        state: None,
    };

    /// Aggregates that need nothing.
    const CONTENT: StateFacts = StateFacts {
        checkpointing: false,
        pieces_left: false,
        captured: false,
        no_room: false,
        made_room: false,
        time_passed: false,
        idle: None,
        quiet: SECOND,
    };

    fn with(state: StateFacts) -> Facts {
        Facts { state: Some(state), ..AT_REST }
    }

    fn draining(since: Duration, interrupted: bool) -> Facts {
        Facts { draining: Some(Draining { since, interrupted }), ..AT_REST }
    }

    #[test]
    fn an_epoch_is_committed_when_it_may_close_and_the_target_is_idle() {
        let whole = Facts { close: Close::Whole, has_rows: true, ..AT_REST };
        assert_eq!(decide(&whole), Action::Commit(Close::Whole));
        assert_eq!(decide(&Facts { close: Close::Split, at_boundary: false, ..whole }), Action::Commit(Close::Split));
        assert_eq!(decide(&Facts { can_commit: false, ..whole }), Action::Read(POSITION_INTERVAL));
        assert_eq!(decide(&Facts { can_commit: false, full: true, ..whole }), Action::Hold(POSITION_INTERVAL));
        // A full epoch that ends within a transaction takes the rest of it in.
        let open = Facts { close: Close::No, full: true, at_boundary: false, ..whole };
        assert_eq!(decide(&open), Action::Read(POSITION_INTERVAL));
    }

    #[test]
    fn an_epoch_that_may_close_later_is_waited_for_with_open_ears() {
        let later = Facts { close: Close::Later(Duration::from_millis(3)), has_rows: true, ..AT_REST };
        assert_eq!(decide(&later), Action::Read(Duration::from_millis(3)));
        assert_eq!(decide(&Facts { can_commit: false, ..later }), Action::Read(POSITION_INTERVAL));
    }

    #[test]
    fn a_position_is_stored_only_where_a_transaction_ends() {
        let due = Facts { position_due: true, ..AT_REST };
        assert_eq!(decide(&due), Action::Commit(Close::Whole));
        assert_eq!(decide(&Facts { at_boundary: false, ..due }), Action::Read(POSITION_INTERVAL));
        assert_eq!(decide(&Facts { can_commit: false, ..due }), Action::Read(POSITION_INTERVAL));
    }

    #[test]
    fn the_end_comes_after_the_last_commit() {
        let caught_up = Facts { caught_up: true, ..AT_REST };
        assert_eq!(decide(&caught_up), Action::End);
        assert_eq!(decide(&Facts { can_commit: false, ..caught_up }), Action::Read(POSITION_INTERVAL));
        let rows = Facts { close: Close::Whole, has_rows: true, ..caught_up };
        assert_eq!(decide(&rows), Action::Commit(Close::Whole));
    }

    #[test]
    fn a_stop_commits_what_is_whole_and_waits_for_what_is_not() {
        assert_eq!(decide(&draining(SECOND, false)), Action::End);
        let rows = Facts { has_rows: true, close: Close::Later(SECOND), ..draining(SECOND, false) };
        assert_eq!(decide(&rows), Action::Commit(Close::Whole), "a stop doesn't wait for company");
        let rest = DRAIN - SECOND + DRAIN_OVER;
        assert_eq!(decide(&Facts { can_commit: false, ..rows }), Action::Hold(rest), "nothing is read at a boundary");
        let within = Facts { at_boundary: false, ..draining(SECOND, false) };
        assert_eq!(decide(&within), Action::Read(rest), "the end of the transaction is read");
        assert_eq!(decide(&Facts { at_boundary: false, ..draining(SECOND, true) }), Action::End, "nothing can be read");
        let over = Facts { at_boundary: false, can_commit: false, ..draining(DRAIN + DRAIN_OVER, false) };
        assert_eq!(decide(&over), Action::End, "its time is over");
    }

    #[test]
    fn a_checkpoint_gets_one_piece_between_two_events() {
        let capturing = StateFacts { checkpointing: true, pieces_left: true, ..CONTENT };
        assert_eq!(decide(&with(capturing)), Action::Capture);
        assert_eq!(decide(&with(StateFacts { captured: true, ..capturing })), Action::Read(CAPTURE_PAUSE));
        let written = StateFacts { captured: true, pieces_left: false, ..capturing };
        assert_eq!(decide(&with(written)), Action::Read(POSITION_INTERVAL));
        // The target comes first.
        let due = Facts { close: Close::Whole, has_rows: true, ..with(capturing) };
        assert_eq!(decide(&due), Action::Commit(Close::Whole));
    }

    #[test]
    fn where_there_is_no_room_nothing_is_read_until_there_is() {
        let no_room = StateFacts { no_room: true, ..CONTENT };
        assert_eq!(decide(&with(no_room)), Action::MakeRoom);
        // What could leave has left: the changes that come must be taken in.
        assert_eq!(decide(&with(StateFacts { made_room: true, ..no_room })), Action::Read(POSITION_INTERVAL));
        let busy = StateFacts { checkpointing: true, captured: true, ..no_room };
        assert_eq!(decide(&with(busy)), Action::Hold(POSITION_INTERVAL), "groups must not overtake the checkpoint");
    }

    #[test]
    fn event_time_goes_on_where_everything_rests_for_long_enough() {
        let quiet = StateFacts { idle: Some(SECOND), quiet: 2 * SECOND, ..CONTENT };
        assert_eq!(decide(&with(quiet)), Action::LetTimePass(2 * SECOND));
        for facts in [
            Facts { can_commit: false, ..with(quiet) },
            Facts { at_boundary: false, ..with(quiet) },
            Facts { dry: false, ..with(quiet) },
        ] {
            assert_eq!(decide(&facts), Action::Read(CAPTURE_PAUSE), "{facts:?}");
        }
        let stopping = Facts { draining: draining(SECOND, false).draining, ..with(quiet) };
        assert_eq!(decide(&stopping), Action::End);
        let soon = StateFacts { quiet: SECOND / 4, ..quiet };
        assert_eq!(decide(&with(soon)), Action::Read(SECOND - SECOND / 4));
        // What closes with it goes into the same epoch as the rows before it.
        for close in [Close::Later(SECOND), Close::Whole] {
            let rows = Facts { close, has_rows: true, ..with(quiet) };
            assert_eq!(decide(&rows), Action::LetTimePass(2 * SECOND), "{close:?}");
        }
    }

    #[test]
    fn nothing_is_read_until_a_checkpoint_holds_that_time_has_passed() {
        let passed = StateFacts { time_passed: true, idle: Some(SECOND), quiet: 2 * SECOND, ..CONTENT };
        assert_eq!(decide(&with(passed)), Action::Hold(CAPTURE_PAUSE), "and it doesn't pass again");
        let capturing = StateFacts { checkpointing: true, pieces_left: true, ..passed };
        assert_eq!(decide(&with(capturing)), Action::Capture);
    }
}
