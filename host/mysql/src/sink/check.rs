//! C
use super::{SinkOptions, Target};
use crate::error::{Problem, Result, Error};
pub(super) async fn check(_: &SinkOptions, _: &[Target], _: bool) -> Result<Vec<Problem>> { Err(Error::internal("not written yet")) }
