//! Documents that do not last: how often a process deletes those that are past their time, and what came of it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Engine,
    background::{Background, Running},
    limits::LONGEST_INTERVAL,
};
use crate::format::path::EncodedId;

/// What became of the documents that were past their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpiryReport {
    /// How many were deleted; what went along with them is not counted.
    pub deleted: u64,
    /// How many stay because a document that refers to them forbids that they go (`on_delete = restrict`).
    pub restricted: u64,
}

impl ExpiryReport {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            deleted: self.deleted + other.deleted,
            restricted: self.restricted + other.restricted,
        }
    }
}

/// Documents of one type that could not go, and when each is tried again: they must neither cost much nor keep others back.
#[derive(Debug, Default)]
pub(crate) struct Held {
    of: Mutex<HashMap<EncodedId, Pause>>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Duration,
    length: Duration,
}

impl Held {
    /// How many are remembered; others are tried each time.
    const MOST: usize = 10_000;
    /// More than one look, so that the next one meets others.
    const SHORTEST: Duration = Duration::from_secs(5 * 60);
    const LONGEST: Duration = Duration::from_secs(60 * 60);

    fn of(&self) -> MutexGuard<'_, HashMap<EncodedId, Pause>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is too early to try the document again.
    pub(crate) fn holds(&self, id: &EncodedId, now: Duration) -> bool {
        self.of().get(id).is_some_and(|pause| now < pause.until)
    }

    /// It could not go: the next pause is twice as long.
    pub(crate) fn hold(&self, id: &EncodedId, now: Duration) {
        let mut held = self.of();
        let before = held.get(id).map(|pause| pause.length * 2);
        if before.is_none() && held.len() >= Self::MOST {
            return;
        }
        let length = before.map_or(Self::SHORTEST, |length| length.min(Self::LONGEST));
        let until = now + length;
        held.insert(id.clone(), Pause { until, length });
    }

    /// It went, or is not past its time any more.
    pub(crate) fn release(&self, id: &EncodedId) {
        self.of().remove(id);
    }

    /// Forgets those that nobody met since their pause ended: they went otherwise.
    pub(crate) fn forget_old(&self, now: Duration) {
        self.of()
            .retain(|_, pause| now < pause.until + Self::LONGEST);
    }
}

/// Runs the task of an engine that deletes what is past its time; it stands above this module.
pub(crate) type BeginExpiring = fn(&Arc<Engine>, Duration, Running);

/// Whether a process deletes what is past its time.
pub(crate) struct Expiry {
    /// How often; `None`: only when it is asked to.
    every: Option<Duration>,
    begin: BeginExpiring,
    task: Background,
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

impl Expiry {
    pub(crate) fn new(every: Option<Duration>, begin: BeginExpiring) -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        Self {
            every: every.map(|every| every.clamp(SHORTEST, LONGEST_INTERVAL)),
            begin,
            task: Background::default(),
        }
    }

    /// Nothing is deleted by itself: for tools, which do what they were asked to and no more.
    pub(crate) fn turn_off(&self) {
        self.task.turn_off();
    }
}

impl Engine {
    /// The task begins with the first collection that is used, once the program has told a type with a TTL index.
    pub(crate) fn watch_expiry(self: &Arc<Self>) {
        let Some(every) = self.expiry.every.filter(|_| self.may_watch()) else {
            return;
        };
        let mut types = self.relations.types().iter();
        if !types.any(|kin| kin.expire.is_some()) {
            return;
        }
        if let Some(running) = self.expiry.task.begin() {
            (self.expiry.begin)(self, every, running);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, EncodedId, Held};

    fn id(number: usize) -> EncodedId {
        EncodedId::parse(&number.to_string()).unwrap()
    }

    #[test]
    fn the_pauses_of_a_document_grow_up_to_an_hour_and_end_when_it_goes() {
        let (held, one) = (Held::default(), id(1));
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            held.hold(&one, now);
            let begun = now;
            while held.holds(&one, now) {
                now += Duration::from_secs(60);
            }
            pauses.push((now - begun).as_secs() / 60);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60]);
        held.release(&one);
        held.hold(&one, now);
        assert!(!held.holds(&one, now + Held::SHORTEST));
    }

    #[test]
    fn no_more_are_remembered_than_fit_and_those_that_nobody_meets_are_forgotten() {
        let held = Held::default();
        for number in 0..Held::MOST + 5 {
            held.hold(&id(number), Duration::ZERO);
        }
        assert_eq!(held.of().len(), Held::MOST);
        assert!(
            !held.holds(&id(Held::MOST), Duration::ZERO),
            "tried each time"
        );
        held.forget_old(Held::LONGEST);
        assert_eq!(held.of().len(), Held::MOST);
        held.forget_old(Held::LONGEST + Held::SHORTEST);
        assert_eq!(held.of().len(), 0);
    }
}
