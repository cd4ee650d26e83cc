//! Changes histories after the fact, as a broken database or a broken test would have written them.

use smarterbase_testkit::history::{Operation, Transaction};

use crate::small_world::{Dice, END};

/// Changes what was seen, or when something happened. The last transaction stays the last one.
pub(crate) fn change(dice: &Dice, history: &mut [Transaction]) {
    let last = history.len() - 1;
    match dice.below(5) {
        0 => {
            if let Some(one) = dice.pick(&mut history[..last]) {
                move_in_time(dice, one);
            }
        }
        1 => swap_reads(dice, history),
        2 => {
            let value = 1 + dice.below(6);
            reads(history).for_each(|values| values.retain(|other| *other != value));
        }
        _ => {
            let mut reads: Vec<_> = reads(history).collect();
            if let Some(values) = dice.pick(&mut reads) {
                change_read(dice, values);
            }
        }
    }
}

fn move_in_time(dice: &Dice, transaction: &mut Transaction) {
    let (first, second) = (dice.below(END), dice.below(END));
    transaction.invoked = first.min(second);
    let end = transaction.completed.as_mut();
    end.into_iter().for_each(|end| *end = first.max(second));
}

fn swap_reads(dice: &Dice, history: &mut [Transaction]) {
    let mut reads: Vec<_> = reads(history).collect();
    let one = dice.index(reads.len());
    let other = dice.index(reads.len());
    let values = reads[one].clone();
    *reads[one] = std::mem::replace(reads[other], values);
}

fn change_read(dice: &Dice, values: &mut Vec<u64>) {
    match dice.below(4) {
        0 => values.push(1 + dice.below(8)),
        1 => values.reverse(),
        2 => {
            values.pop();
        }
        _ => {
            if let Some(value) = dice.pick(values) {
                *value = 1 + dice.below(8);
            }
        }
    }
}

fn reads(history: &mut [Transaction]) -> impl Iterator<Item = &mut Vec<u64>> {
    let operations = history.iter_mut().flat_map(|one| &mut one.operations);
    operations.filter_map(|operation| match operation {
        Operation::Read(_, values) => Some(values),
        Operation::Append(..) => None,
    })
}
