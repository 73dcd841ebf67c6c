//! What to do about an error, decided in one place.
//!
//! - **Retry**: the same attempt may succeed later without anybody doing anything: a server that restarts, a cut
//!   connection, a lock. Who made the attempt tries again, with pauses.
//! - **Ask**: nothing is broken, but which of several ways is right only the user knows: progress or state that does not
//!   go with the plan, a table that was changed. The choices are in the error.
//! - **Stop**: somebody has to act first: who, says the fault.

use rowmill_mysql::Error as MySql;
use rowmill_plan::problem::Fault;

use crate::error::Error;

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Try again.
    Retry,
    /// Stop, and let somebody act.
    Stop(Fault),
    /// Stop, and ask which of these to do.
    Ask(String),
}

/// What to do about an error.
pub fn policy(error: &Error) -> Policy {
    match error {
        Error::SnapshotInterrupted(_) => Policy::Retry,
        Error::Plan(problems) if !problems.is_empty() && problems.iter().all(|problem| problem.passes) => Policy::Retry,
        Error::MySql(cause) => of_server(cause).unwrap_or_else(|| asked(error)),
        Error::State(cause) | Error::Operator(rowmill_operators::Error::State(cause)) if cause.is_transient() => {
            Policy::Retry
        }
        Error::State(rowmill_state::Error::Damaged { .. } | rowmill_state::Error::Version { .. }) => asked(error),
        Error::StateMismatch { .. } | Error::StateUnreadable { .. } | Error::Progress { .. } => asked(error),
        Error::Plan(_)
        | Error::Operator(_)
        | Error::State(_)
        | Error::Verify { .. }
        | Error::Rebuild { .. }
        | Error::Columns(_)
        | Error::Internal(_) => Policy::Stop(error.fault()),
    }
}

/// What to do about an error of a server; `None`: its choices are asked.
fn of_server(error: &MySql) -> Option<Policy> {
    match error {
        _ if error.is_transient() => Some(Policy::Retry),
        MySql::IdentityChanged { .. }
        | MySql::PositionGone { .. }
        | MySql::HistoryChanged { .. }
        | MySql::SchemaChanged { .. }
        | MySql::UnclearStatement { .. }
        | MySql::RowImage { .. }
        | MySql::Incident { .. } => None,
        other => Some(Policy::Stop(crate::error::fault(other.fault()))),
    }
}

/// Whether a source or a target that gave this error may work again later.
pub(crate) fn may_pass(error: &MySql) -> bool {
    of_server(error) == Some(Policy::Retry)
}

fn asked(error: &Error) -> Policy {
    match error.parts().fix {
        Some(choices) => Policy::Ask(choices),
        None => Policy::Stop(error.fault()),
    }
}

#[cfg(test)]
mod tests {
    use rowmill_change::{Position, TableName};

    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_only_the_user_knows_is_asked() {
        let gone = || MySql::Unreachable { server: "h:1".to_owned(), reason: "refused".to_owned() };
        assert_eq!(policy(&Error::SnapshotInterrupted(gone())), Policy::Retry);
        assert_eq!(policy(&gone().into()), Policy::Retry);
        assert!(may_pass(&gone()));
        let denied = MySql::AccessDenied { server: "h:1".to_owned(), user: "u".to_owned(), reason: "no".to_owned() };
        assert!(!may_pass(&denied));
        assert_eq!(policy(&denied.into()), Policy::Stop(Fault::Configuration));
        let (table, position) = (TableName::new("shop", "t"), Position::new("b.000001", 4));
        let changed = MySql::SchemaChanged { table, statement: "ALTER".to_owned(), position };
        assert_eq!(policy(&changed.into()), Policy::Ask(rowmill_mysql::ANEW.to_owned()));
        let unreadable = Error::StateUnreadable { found: "format 9".to_owned(), needed: None };
        assert!(matches!(policy(&unreadable), Policy::Ask(choices) if choices.contains("--rebuild")));
        let down = crate::prepare::server_problem(&gone(), "/sink/url");
        let wrong = rowmill_plan::problem::Problem::configuration("x");
        assert_eq!(policy(&Error::Plan(vec![down.clone()])), Policy::Retry);
        assert_eq!(policy(&Error::Plan(vec![wrong, down])), Policy::Stop(Fault::Configuration));
        assert_eq!(policy(&Error::internal("x")), Policy::Stop(Fault::Internal));
        let flagged = rowmill_operators::Error::Interrupted;
        assert_eq!(policy(&flagged.into()), Policy::Stop(Fault::Internal));
    }
}
