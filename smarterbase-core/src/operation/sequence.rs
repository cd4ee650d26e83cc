//! Sequences: numbers that only go up, reserved in blocks.

use std::ops::Range;

use bytes::Bytes;

use super::register::{Plan, Register};
use crate::{
    error::{Code, Error, Result},
    format::{
        Key,
        path::{self, EncodedId},
        sequence,
    },
};

/// The registers that are sequences.
#[derive(Debug)]
pub(crate) struct Sequence;

/// So many numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) numbers: u64,
    /// How many are reserved at least, when some are.
    pub(crate) block: u64,
}

impl Register for Sequence {
    type Content = sequence::Sequence;
    type Wish = Wanted;
    type Answer = Vec<u64>;
    /// What is reserved and not handed out.
    type Stock = Range<u64>;

    const PLACE: &'static str = "_sequence";

    fn key(name: &EncodedId) -> Key {
        path::sequence(name)
    }

    fn open(body: &[u8]) -> Result<Self::Content> {
        sequence::Sequence::open(body)
    }

    fn body(content: &Self::Content) -> Bytes {
        content.body()
    }

    fn plan<'a>(
        content: &Self::Content,
        stock: &Range<u64>,
        wishes: impl Iterator<Item = &'a Wanted>,
    ) -> Plan<Self> {
        let wishes: Vec<Wanted> = wishes.copied().collect();
        let wanted: u64 = wishes.iter().map(|wish| wish.numbers).sum();
        let block = wishes.iter().map(|wish| wish.block).max().unwrap_or(1);
        let missing = wanted.saturating_sub(stock.end - stock.start);
        let Some(reserved) = reserve(content.next, missing, block) else {
            return at_its_end(content, stock, wishes.len());
        };
        let mut numbers = stock.clone().chain(reserved.clone());
        let hand_out = |wish: &Wanted| Ok(numbers.by_ref().take(count(wish.numbers)).collect());
        let answers = wishes.iter().map(hand_out).collect();
        let left = match missing {
            0 => stock.start + wanted..stock.end,
            missing => reserved.start + missing..reserved.end,
        };
        Plan {
            answers,
            content: sequence::Sequence {
                next: reserved.end.max(content.next),
                ..content.clone()
            },
            stock: left,
            depends_on_content: false,
        }
    }

    /// Numbers that may have been reserved were handed out to nobody.
    fn unknown(_: &Error) -> Error {
        let text = "the store did not answer; no number was handed out, and a block of them may be skipped";
        Error::new(Code::UNAVAILABLE, text)
    }
}

/// Nothing, when nothing is missing.
fn reserve(next: u64, missing: u64, block: u64) -> Option<Range<u64>> {
    let reserved = match missing {
        0 => 0,
        missing => missing.max(block),
    };
    Some(next..next.checked_add(reserved)?)
}

fn at_its_end(content: &sequence::Sequence, stock: &Range<u64>, wishes: usize) -> Plan<Sequence> {
    let text = "the sequence has no numbers left; none was handed out";
    let refused = |_| Err(Error::new(Code::COUNTER_BOUNDS, text));
    Plan {
        answers: (0..wishes).map(refused).collect(),
        content: content.clone(),
        stock: stock.clone(),
        depends_on_content: true,
    }
}

fn count(numbers: u64) -> usize {
    usize::try_from(numbers).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next: u64) -> sequence::Sequence {
        sequence::Sequence { next, repair: None }
    }

    fn wanted(numbers: u64) -> Wanted {
        Wanted { numbers, block: 10 }
    }

    fn numbers(plan: &Plan<Sequence>) -> Vec<Vec<u64>> {
        let answers = plan.answers.iter();
        answers
            .map(|answer| answer.as_ref().unwrap().clone())
            .collect()
    }

    #[test]
    fn a_block_is_reserved_and_what_is_left_is_kept() {
        let plan = Sequence::plan(&at(1), &(0..0), [wanted(1), wanted(3)].iter());
        assert_eq!(numbers(&plan), [vec![1], vec![2, 3, 4]]);
        assert_eq!((plan.content.next, plan.stock), (11, 5..11));
    }

    #[test]
    fn the_stock_goes_first_and_reserves_nothing_as_long_as_it_suffices() {
        let plan = Sequence::plan(&at(50), &(5..8), [wanted(2)].iter());
        assert_eq!(numbers(&plan), [vec![5, 6]]);
        assert_eq!((plan.content.next, plan.stock), (50, 7..8));
        let plan = Sequence::plan(&at(50), &(5..8), [wanted(3)].iter());
        assert_eq!((plan.content.next, plan.stock), (50, 8..8));
    }

    #[test]
    fn the_rest_of_the_stock_and_the_new_block_are_handed_out_in_order() {
        let plan = Sequence::plan(&at(50), &(5..8), [wanted(2), wanted(2), wanted(1)].iter());
        assert_eq!(numbers(&plan), [vec![5, 6], vec![7, 50], vec![51]]);
        assert_eq!((plan.content.next, plan.stock), (60, 52..60));
    }

    #[test]
    fn more_than_a_block_is_reserved_at_once() {
        let plan = Sequence::plan(&at(1), &(0..0), [wanted(25)].iter());
        assert_eq!((plan.content.next, plan.stock), (26, 26..26));
    }

    #[test]
    fn no_number_comes_after_the_last_one() {
        let plan = Sequence::plan(&at(u64::MAX - 5), &(0..0), [wanted(1)].iter());
        assert_eq!(
            plan.answers[0].as_ref().unwrap_err().code(),
            "SB-COUNTER-BOUNDS"
        );
        assert_eq!(plan.content, at(u64::MAX - 5));
    }
}
