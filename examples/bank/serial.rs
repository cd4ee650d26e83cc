//! Whether there is one order of everything that happened.
//!
//! An order stands after the order that made the revision before its own, on every account that it wrote; whoever only read
//! a revision stands between the order that made it and the order that made the next one; and what began after something
//! had been answered stands after it. A circle among these would prove that there is no such order. The method is Elle's:
//! Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental observations", VLDB 2020.

use std::collections::BTreeMap;

use crate::{journal::Journal, ledger::Ledger, model::Sighting};

/// What stands before what.
#[derive(Debug, Default)]
pub(crate) struct Precedence {
    numbers: BTreeMap<String, usize>,
    names: Vec<String>,
    after: Vec<Vec<usize>>,
    pub(crate) arrows: usize,
    pub(crate) broken: Vec<String>,
}

impl Precedence {
    pub(crate) fn new(ledger: &Ledger, journal: &Journal) -> Self {
        let mut precedence = Self::default();
        precedence.add_histories(ledger);
        precedence.add_looks(ledger, journal);
        precedence.add_time(ledger, journal);
        precedence.look_for_circle();
        precedence
    }

    pub(crate) fn events(&self) -> usize {
        self.names.len()
    }

    fn add_histories(&mut self, ledger: &Ledger) {
        for history in ledger.histories.values() {
            for (one, next) in history.values().zip(history.values().skip(1)) {
                self.arrow(&one.mark, &next.mark);
            }
            for entry in history.values() {
                if let Some(saw) = &entry.saw {
                    self.add_sighting(ledger, &entry.mark, saw);
                }
            }
        }
    }

    fn add_looks(&mut self, ledger: &Ledger, journal: &Journal) {
        for (look, _) in &journal.looks {
            for saw in &look.seen {
                self.add_sighting(ledger, &look.mark, saw);
            }
        }
    }

    /// `reader` read `saw` and did not write it.
    fn add_sighting(&mut self, ledger: &Ledger, reader: &str, saw: &Sighting) {
        let history = ledger.histories.get(&saw.slot);
        let at = |revision| Some(history?.get(&revision)?.mark.as_str());
        match at(saw.revision) {
            Some(made) => self.arrow(made, reader),
            None => self.broken.push(format!(
                "{reader} saw {} at revision {}, which is lost",
                saw.slot, saw.revision
            )),
        }
        if let Some(next) = at(saw.revision + 1) {
            self.arrow(reader, next);
        }
    }

    /// What began after a tick had been heard stands after what had been answered before the tick was sent.
    fn add_time(&mut self, ledger: &Ledger, journal: &Journal) {
        for tick in 0..=journal.tick {
            self.arrow(&name(tick), &name(tick + 1));
        }
        for (mark, entered) in &journal.orders {
            if !ledger.parts.contains_key(mark) {
                continue;
            }
            self.arrow(&name(entered.began), mark);
            if let Some(answer) = entered.answer.as_ref().filter(|_| entered.is_applied()) {
                self.arrow(mark, &name(answer.ended + 1));
            }
        }
        for (look, ended) in &journal.looks {
            self.arrow(&name(look.tick), &look.mark);
            self.arrow(&look.mark, &name(ended + 1));
        }
    }

    fn arrow(&mut self, from: &str, to: &str) {
        let (from, to) = (self.number(from), self.number(to));
        self.after[from].push(to);
        self.arrows += 1;
    }

    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.numbers.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.after.push(Vec::new());
        self.names.len() - 1
    }

    /// Takes away what nothing stands before, again and again: only circles, and what comes after them, are left.
    fn look_for_circle(&mut self) {
        let mut before = vec![0; self.names.len()];
        for to in self.after.iter().flatten() {
            before[*to] += 1;
        }
        let mut free: Vec<usize> = (0..before.len()).filter(|at| before[*at] == 0).collect();
        while let Some(at) = free.pop() {
            for to in &self.after[at] {
                before[*to] -= 1;
                if before[*to] == 0 {
                    free.push(*to);
                }
            }
        }
        if before.iter().any(|count| *count > 0) {
            let circle = self.circle(&before);
            self.broken.push(format!(
                "there is no order of events: {}",
                circle.join(" → ")
            ));
        }
    }

    /// Goes backwards among what is left until it meets an event again.
    fn circle(&self, before: &[usize]) -> Vec<&str> {
        let is_left = |at: &usize| before[*at] > 0;
        let predecessor = |of: usize| {
            let mut left = (0..before.len()).filter(is_left);
            left.find(|at| self.after[*at].contains(&of))
        };
        let mut path: Vec<usize> = (0..before.len()).find(is_left).into_iter().collect();
        while let Some(at) = path.last().and_then(|last| predecessor(*last)) {
            if let Some(start) = path.iter().position(|passed| *passed == at) {
                path.drain(..start);
                path.push(at);
                break;
            }
            path.push(at);
        }
        path.iter()
            .rev()
            .map(|at| self.names[*at].as_str())
            .collect()
    }
}

fn name(tick: u64) -> String {
    format!("tick {tick}")
}
