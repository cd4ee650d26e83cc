//! Where descending scans begin. A LIST goes upwards only, so the first page of a descent walks the whole range; what it passed
//! on the way spares the next pages the same walk.
//!
//! A mark is a place to begin at, and nothing more: entries that came or went since change how much is walked from there, never
//! what is found.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::{LIST_PAGE, precedes};
use crate::{
    format::{Prefix, index_key::EncodedValue, path::EncodedId},
    port::index::Scan,
};

/// How many marks one descent leaves at most. When there are more, every second one goes, and the next ones are twice as far apart.
const MOST: usize = 1_000;
/// How many descents are remembered.
const DESCENTS: usize = 8;

/// The place of an entry.
pub(super) type Place = (EncodedValue, EncodedId);

/// The marks of the last descents, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Marks {
    last: Mutex<VecDeque<Descent>>,
}

#[derive(Debug)]
struct Descent {
    prefix: Prefix,
    lower: Bytes,
    marks: Vec<Place>,
}

/// Marks in the making, `stride` entries apart.
#[derive(Debug)]
pub(super) struct Passed {
    entries: usize,
    stride: usize,
    marks: Vec<Place>,
}

impl Default for Passed {
    fn default() -> Self {
        Self {
            entries: 0,
            stride: LIST_PAGE,
            marks: Vec::new(),
        }
    }
}

impl Passed {
    pub(super) fn pass(&mut self, value: &EncodedValue, id: &EncodedId) {
        self.entries += 1;
        if !self.entries.is_multiple_of(self.stride) {
            return;
        }
        self.marks.push((value.clone(), id.clone()));
        if self.marks.len() == MOST {
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            self.stride *= 2;
        }
    }
}

impl Marks {
    /// A place so far before the last entry of the page before that more than a page of entries lay between.
    pub(super) fn before(&self, prefix: &Prefix, scan: &Scan) -> Option<Place> {
        let (value, id) = scan.after.as_ref()?;
        let last = self.last();
        let is_it = |descent: &&Descent| descent.is_of(prefix, scan);
        let marks = &last.iter().find(is_it)?.marks;
        let passed =
            marks.partition_point(|(mark, of)| precedes((mark, of.as_str()), (value, id.as_str())));
        Some(marks[passed.checked_sub(2 + scan.limit / LIST_PAGE)?].clone())
    }

    /// The marks led nowhere: too much has gone since.
    pub(super) fn forget(&self, prefix: &Prefix, scan: &Scan) {
        self.last().retain(|descent| !descent.is_of(prefix, scan));
    }

    /// Keeps what a walk through the whole range passed.
    pub(super) fn keep(&self, prefix: &Prefix, scan: &Scan, passed: Passed) {
        let mut last = self.last();
        // A walk that ended earlier, or over less, tells less.
        let reached = passed.marks.last();
        let goes_further = |known: &Descent| match (known.marks.last(), reached) {
            (Some(known), Some(new)) => {
                precedes((&new.0, new.1.as_str()), (&known.0, known.1.as_str()))
            }
            (known, _) => known.is_some(),
        };
        if last
            .iter()
            .any(|known| known.is_of(prefix, scan) && goes_further(known))
        {
            return;
        }
        last.retain(|descent| !descent.is_of(prefix, scan));
        if passed.marks.is_empty() {
            return;
        }
        if last.len() == DESCENTS {
            last.pop_front();
        }
        last.push_back(Descent {
            prefix: prefix.clone(),
            lower: scan.range.lower.clone(),
            marks: passed.marks,
        });
    }

    /// A panic under the lock cannot leave it half changed.
    fn last(&self) -> MutexGuard<'_, VecDeque<Descent>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Descent {
    fn is_of(&self, prefix: &Prefix, scan: &Scan) -> bool {
        self.prefix == *prefix && self.lower == scan.range.lower
    }
}
