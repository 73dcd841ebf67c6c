//! C
use super::*;
use crate::error::Error;
pub(super) async fn claim(_: SinkOptions, _: Vec<Target>, _: impl FnOnce() -> Progress) -> Result<(Sink, Progress)> { Err(Error::internal("not written yet")) }
pub(super) async fn commit(_: &mut Sink, _: Epoch) -> Result<Committed> { Err(Error::internal("not written yet")) }
pub(super) async fn read_barrier(_: &mut Sink) -> Result<Option<Position>> { Err(Error::internal("not written yet")) }
pub(super) async fn record_stop(_: &mut Sink, _: &str) -> Result<()> { Err(Error::internal("not written yet")) }
