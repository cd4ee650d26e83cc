//! Counters: a number that changes by what is added to it, within bounds.

use bytes::Bytes;

use super::register::{Plan, Register};
use crate::{
    error::{Code, Error, Result},
    format::{
        Key, counter,
        path::{self, EncodedId},
    },
};

/// The registers that are counters.
#[derive(Debug)]
pub(crate) struct Counter;

/// What a change must not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) least: Option<i64>,
    pub(crate) most: Option<i64>,
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) step: Step,
    pub(crate) bounds: Bounds,
}

/// How the value changes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Add(i64),
    Set(i64),
}

/// The value around one change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed {
    pub(crate) before: i64,
    pub(crate) after: i64,
}

impl Register for Counter {
    type Content = counter::Counter;
    type Wish = Change;
    type Answer = Changed;
    type Stock = ();

    const PLACE: &'static str = "_counter";

    fn key(name: &EncodedId) -> Key {
        path::counter(name)
    }

    fn open(body: &[u8]) -> Result<Self::Content> {
        counter::Counter::open(body)
    }

    fn body(content: &Self::Content) -> Bytes {
        content.body()
    }

    fn plan<'a>(
        content: &Self::Content,
        (): &(),
        wishes: impl Iterator<Item = &'a Change>,
    ) -> Plan<Self> {
        let mut content = content.clone();
        let answers = wishes.map(|change| change.apply(&mut content)).collect();
        Plan {
            answers,
            content,
            stock: (),
            depends_on_content: true,
        }
    }
}

impl Change {
    fn apply(&self, counter: &mut counter::Counter) -> Result<Changed> {
        let before = counter.value;
        let after = match self.step {
            Step::Add(by) => before.checked_add(by).ok_or_else(overflow)?,
            Step::Set(value) => value,
        };
        self.check(before, after)?;
        counter.value = after;
        counter.least = self.bounds.least.or(counter.least);
        counter.most = self.bounds.most.or(counter.most);
        Ok(Changed { before, after })
    }

    /// What is out of bounds already may come nearer.
    fn check(&self, before: i64, after: i64) -> Result<()> {
        let is_set = matches!(self.step, Step::Set(_));
        let falls = after < before || is_set;
        let rises = after > before || is_set;
        if falls && self.bounds.least.is_some_and(|least| after < least) {
            return Err(refused(
                "the change would move the counter below its lower bound",
            ));
        }
        if rises && self.bounds.most.is_some_and(|most| after > most) {
            return Err(refused(
                "the change would move the counter above its upper bound",
            ));
        }
        Ok(())
    }
}

fn overflow() -> Error {
    refused("the change would move the counter out of 64 bits")
}

fn refused(text: &str) -> Error {
    let text = format!("{text}; nothing was changed");
    Error::new(Code::COUNTER_BOUNDS, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: i64) -> counter::Counter {
        counter::Counter {
            value,
            ..Default::default()
        }
    }

    fn change(step: Step, least: i64, most: i64) -> Change {
        let bounds = Bounds {
            least: Some(least),
            most: Some(most),
        };
        Change { step, bounds }
    }

    #[test]
    fn changes_are_carried_out_one_after_the_other_and_each_gets_its_own_value() {
        let changes = [Step::Add(2), Step::Add(-1), Step::Set(9)].map(|step| change(step, 0, 9));
        let plan = Counter::plan(&value(1), &(), changes.iter());
        let answers: Vec<_> = plan.answers.into_iter().map(Result::unwrap).collect();
        let values: Vec<_> = answers.iter().map(|one| (one.before, one.after)).collect();
        assert_eq!(values, [(1, 3), (3, 2), (2, 9)]);
        assert_eq!(plan.content.value, 9);
    }

    #[test]
    fn one_that_is_refused_changes_nothing_for_the_others() {
        let changes = [Step::Add(-2), Step::Add(5), Step::Add(-2)].map(|step| change(step, 0, 9));
        let plan = Counter::plan(&value(1), &(), changes.iter());
        let refused: Vec<bool> = plan.answers.iter().map(Result::is_err).collect();
        assert_eq!(refused, [true, false, false]);
        assert_eq!(plan.content.value, 4);
    }

    #[test]
    fn what_is_out_of_bounds_may_come_nearer_and_not_go_further() {
        let down = change(Step::Add(-1), 0, 9);
        let up = change(Step::Add(1), 0, 9);
        assert_eq!(down.apply(&mut value(20)).unwrap().after, 19);
        assert!(up.apply(&mut value(20)).is_err());
        assert_eq!(up.apply(&mut value(-20)).unwrap().after, -19);
        assert!(down.apply(&mut value(-20)).is_err());
    }

    #[test]
    fn what_is_set_must_be_within_both_bounds() {
        assert!(change(Step::Set(-1), 0, 9).apply(&mut value(-5)).is_err());
        assert!(change(Step::Set(10), 0, 9).apply(&mut value(15)).is_err());
    }

    #[test]
    fn the_value_never_wraps() {
        let free = |step| Change {
            step,
            bounds: Bounds::default(),
        };
        assert!(free(Step::Add(1)).apply(&mut value(i64::MAX)).is_err());
        assert!(free(Step::Add(-1)).apply(&mut value(i64::MIN)).is_err());
    }
}
