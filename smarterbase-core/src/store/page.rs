//! The pages of a LIST.

use crate::port::{ListPage, Listed, StoreError, StoreErrorKind};

/// The most objects that one LIST may ask for.
pub(crate) const MOST: usize = 1_000;

/// Refuses a limit outside 1 to [`MOST`].
pub(crate) fn check_limit(limit: usize) -> Result<(), StoreError> {
    if (1..=MOST).contains(&limit) {
        return Ok(());
    }
    let message = format!("list: the limit is {limit}, not 1 to {MOST}");
    Err(StoreError::new(StoreErrorKind::Invalid, message))
}

/// Makes a page of up to `limit + 1` objects: the one too many says that there is more.
pub(crate) fn cut(mut objects: Vec<Listed>, limit: usize) -> ListPage {
    let has_more = objects.len() > limit;
    objects.truncate(limit);
    ListPage { objects, has_more }
}
