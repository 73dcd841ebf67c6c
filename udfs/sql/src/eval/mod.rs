//! Evaluation over Arrow arrays: what operators and conditions do once everything is typed.

pub(crate) mod arithmetic;
pub(crate) mod choose;
pub(crate) mod compare;
pub(crate) mod decimal;
pub(crate) mod like;
pub(crate) mod logic;
