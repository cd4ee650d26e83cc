//! What is stored, as one history per account, held against what the workers were told.

use std::collections::{BTreeMap, BTreeSet};

use smarterbase::{Result, prelude::*};

use crate::{
    journal::{Entered, Journal},
    model::{AUDITED, Account, Closing, Entry, Part, STARTED, TOTAL, Transfer},
};

/// Everything that is stored, read at one instant.
pub(crate) struct Books {
    pub(crate) accounts: Vec<Stored<Account>>,
    pub(crate) closings: Vec<Stored<Closing>>,
    pub(crate) transfers: BTreeMap<String, Stored<Transfer>>,
}

impl Books {
    pub(crate) async fn read(db: &Db) -> Result<Self> {
        db.snapshot(|tx| async move {
            let accounts = Account::list(&tx).await?;
            let closings = Closing::list(&tx).await?;
            let transfers = Transfer::list(&tx).await?;
            Ok(Self {
                accounts,
                closings,
                transfers: transfers
                    .into_iter()
                    .map(|transfer| (transfer.mark.clone(), transfer))
                    .collect(),
            })
        })
        .await
    }
}

/// Every revision of every account there ever was.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By slot, the entries in the order of their revisions, from 1 on.
    pub(crate) histories: BTreeMap<String, BTreeMap<u64, Entry>>,
    /// By mark, what the order did.
    pub(crate) parts: BTreeMap<String, Vec<Part>>,
    pub(crate) broken: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(books: &Books, journal: &Journal) -> Self {
        let mut ledger = Self::default();
        for closing in &books.closings {
            ledger.enter(&closing.slot, closing.born, &closing.trail, 0);
        }
        for account in &books.accounts {
            let born = Account::born(account.revision(), &account.trail);
            ledger.enter(&account.slot, born, &account.trail, account.balance);
        }
        ledger.check_total(books);
        ledger.check_gaps();
        ledger.check_parts();
        ledger.check_transfers(books, journal);
        ledger.check_answers(books, journal);
        ledger
    }

    /// Enters one life of an account.
    fn enter(&mut self, slot: &str, born: u64, trail: &[Entry], balance: i64) {
        let booked: i64 = trail.iter().map(|entry| entry.amount).sum();
        if booked != balance {
            self.breach(format!(
                "{slot}: holds {balance}, but its entries since revision {born} come to {booked}"
            ));
        }
        for (revision, entry) in (born..).zip(trail) {
            let history = self.histories.entry(slot.to_owned()).or_default();
            if let Some(other) = history.insert(revision, entry.clone()) {
                let (one, other) = (&entry.mark, &other.mark);
                self.breach(format!(
                    "{slot}: revision {revision} is {one}, and is {other} as well"
                ));
            }
            let part = Part {
                slot: slot.to_owned(),
                amount: entry.amount,
            };
            self.parts.entry(entry.mark.clone()).or_default().push(part);
        }
    }

    fn check_total(&mut self, books: &Books) {
        let total: i64 = books.accounts.iter().map(|account| account.balance).sum();
        if total != TOTAL {
            self.breach(format!("all accounts hold {total} instead of {TOTAL}"));
        }
    }

    /// No revision was made by nobody.
    fn check_gaps(&mut self) {
        let mut broken = Vec::new();
        for (slot, history) in &self.histories {
            let last = history.last_key_value().map_or(0, |(last, _)| *last);
            let known = history.len() as u64;
            if known != last {
                broken.push(format!(
                    "{slot}: is at revision {last}, but {known} are known"
                ));
            }
        }
        self.broken.extend(broken);
    }

    /// Each order is once in each account, and made no money.
    fn check_parts(&mut self) {
        let mut broken = Vec::new();
        for (mark, parts) in &mut self.parts {
            parts.sort();
            let slots: BTreeSet<&str> = parts.iter().map(|part| part.slot.as_str()).collect();
            if slots.len() != parts.len() {
                broken.push(format!("{mark} is several times in one account: {parts:?}"));
            }
            let sum: i64 = parts.iter().map(|part| part.amount).sum();
            if sum != 0 && !mark.starts_with(STARTED) {
                broken.push(format!("{mark} made {sum}: {parts:?}"));
            }
        }
        self.broken.extend(broken);
    }

    /// What a transfer tells is what its accounts tell, and somebody ordered it.
    fn check_transfers(&mut self, books: &Books, journal: &Journal) {
        for (mark, transfer) in &books.transfers {
            let mut told = transfer.parts.clone();
            told.sort();
            let booked = self.parts.get(mark).cloned().unwrap_or_default();
            if told != booked {
                self.breach(format!("{mark} tells {told:?}, but booked is {booked:?}"));
            }
            if !journal.orders.contains_key(mark) {
                self.breach(format!("the transfer {mark} was ordered by nobody"));
            }
        }
        let marks: Vec<String> = self.parts.keys().cloned().collect();
        for mark in marks {
            let is_ours = mark.starts_with(STARTED) || mark.starts_with(AUDITED);
            if !is_ours && !journal.orders.contains_key(&mark) {
                self.breach(format!("{mark} is booked, but was ordered by nobody"));
            }
        }
    }

    /// Acknowledged orders are there, refused ones are not, and those without an answer are there entirely or not at all.
    fn check_answers(&mut self, books: &Books, journal: &Journal) {
        for (mark, entered) in &journal.orders {
            let wanted =
                entered.order.kind.writes() + usize::from(entered.order.kind.leaves_transfer());
            let found = self.parts.get(mark).map_or(0, Vec::len)
                + usize::from(books.transfers.contains_key(mark));
            self.check_answer(entered, found, wanted);
            self.check_slots(entered);
        }
    }

    fn check_answer(&mut self, entered: &Entered, found: usize, wanted: usize) {
        let is_true = match entered {
            _ if entered.is_applied() => found == wanted,
            _ if entered.is_unknown() => found == wanted || found == 0,
            _ => found == 0,
        };
        if !is_true {
            let (order, outcome) = (&entered.order, entered.outcome());
            self.breach(format!(
                "{} ({:?}) was answered {outcome:?}, but {found} of its {wanted} documents are there",
                order.mark, order.kind
            ));
        }
    }

    fn check_slots(&mut self, entered: &Entered) {
        let order = &entered.order;
        let mut wanted: Vec<&String> = order.slots.iter().take(order.kind.writes()).collect();
        wanted.sort();
        let parts = self.parts.get(&order.mark).into_iter().flatten();
        let found: Vec<&String> = parts.map(|part| &part.slot).collect();
        if !found.is_empty() && found != wanted {
            let text = format!("{} is in {found:?} instead of {wanted:?}", order.mark);
            self.breach(text);
        }
    }

    fn breach(&mut self, what: String) {
        self.broken.push(what);
    }
}
