//! Why the shop says no. It travels as the error of a transaction, and comes back with its type.

use std::fmt;

use smarterbase::prelude::*;

use crate::model::OrderState;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    SoldOut,
    NotAllowed { from: OrderState, to: OrderState },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoldOut => f.write_str("there are not enough items"),
            Self::NotAllowed { from, to } => {
                write!(f, "an order that is {from:?} cannot become {to:?}")
            }
        }
    }
}
impl std::error::Error for Refusal {}

/// Tells a refusal from everything else that can go wrong.
pub(crate) fn or_refused<T>(result: smarterbase::Result<T>) -> anyhow::Result<Result<T, Refusal>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.kind() == ErrorKind::Aborted => Ok(Err(error.downcast::<Refusal>()?)),
        Err(error) => Err(error.into()),
    }
}
