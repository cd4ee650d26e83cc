//! The documents, and the few accounts that the workers fight over.

use std::fmt;

use anyhow::bail;
use smarterbase::{Result, prelude::*};

use crate::{chance::Chance, orders::Kind};

/// An account that is open. Its slot may have been closed and opened before.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "accounts")]
pub(crate) struct Account {
    #[key]
    pub(crate) slot: String,
    #[unique]
    pub(crate) holder: String,
    #[index]
    pub(crate) branch: String,
    pub(crate) balance: i64,
    /// One entry per revision since the account was opened, oldest first: the account is its own history.
    pub(crate) trail: Vec<Entry>,
}

/// What one order did to one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
pub(crate) struct Entry {
    pub(crate) mark: String,
    pub(crate) amount: i64,
    /// What the order read of an account that it did not write.
    pub(crate) saw: Option<Sighting>,
}

/// That an account was at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
pub(crate) struct Sighting {
    pub(crate) slot: String,
    pub(crate) revision: u64,
}

/// What one order did to all its accounts, written together with them.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "transfers")]
pub(crate) struct Transfer {
    #[key]
    pub(crate) mark: String,
    pub(crate) kind: Kind,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Embedded)]
pub(crate) struct Part {
    pub(crate) slot: String,
    pub(crate) amount: i64,
}

/// The history of an account that was closed, written together with its removal.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "closings")]
pub(crate) struct Closing {
    #[key]
    pub(crate) mark: String,
    #[index]
    pub(crate) slot: String,
    /// The revision of the first entry. The last one is the removal's.
    pub(crate) born: u64,
    pub(crate) trail: Vec<Entry>,
}

/// An account that would owe money: the order is given up.
#[derive(Debug)]
pub(crate) struct Overdrawn;

impl fmt::Display for Overdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the account would be overdrawn")
    }
}
impl std::error::Error for Overdrawn {}

/// These are never closed, and a fifth of all choices falls on them alone.
const HOT_SLOTS: u64 = 8;
const SLOTS: u64 = 64;
const HOLDERS: u64 = 128;
const BRANCHES: u64 = 4;
const START: i64 = 200;

/// All the money there is, at any instant.
pub(crate) const TOTAL: i64 = SLOTS as i64 * START;

/// The mark of an account's first entry, which no worker wrote.
pub(crate) const STARTED: &str = "start.";
/// The mark of the checker's entries.
pub(crate) const AUDITED: &str = "audit.";

impl Account {
    /// The revision of its first entry.
    pub(crate) fn born(revision: u64, trail: &[Entry]) -> u64 {
        (revision + 1).saturating_sub(trail.len() as u64)
    }
}

pub(crate) fn slot(chance: &mut Chance) -> String {
    let slots = if chance.one_in(5) { HOT_SLOTS } else { SLOTS };
    name_of_slot(chance.below(slots))
}

/// One that may be closed and opened.
pub(crate) fn cold_slot(chance: &mut Chance) -> String {
    name_of_slot(HOT_SLOTS + chance.below(SLOTS - HOT_SLOTS))
}

fn name_of_slot(number: u64) -> String {
    format!("slot-{number:02}")
}

pub(crate) fn holder(chance: &mut Chance) -> String {
    name_of_holder(chance.below(HOLDERS))
}

fn name_of_holder(number: u64) -> String {
    format!("holder-{number:02}")
}

pub(crate) fn branch(chance: &mut Chance) -> String {
    format!("branch-{}", chance.below(BRANCHES))
}

pub(crate) fn branches() -> impl Iterator<Item = String> {
    (0..BRANCHES).map(|number| format!("branch-{number}"))
}

pub(crate) fn holders() -> impl Iterator<Item = String> {
    (0..HOLDERS).map(name_of_holder)
}

/// Opens every account, in a store that must hold none: the journal has to know every order there ever was.
pub(crate) async fn found_bank(db: &Db, shown_url: &str) -> anyhow::Result<()> {
    if !Account::list(db).await?.is_empty() || !Transfer::list(db).await?.is_empty() {
        bail!("there is a bank in `{shown_url}` already; found one in an empty store");
    }
    db.transaction(|tx| async move { found(&tx).await }).await?;
    Ok(())
}

async fn found(tx: &Tx) -> Result<()> {
    for number in 0..SLOTS {
        let slot = name_of_slot(number);
        let start = Entry {
            mark: format!("{STARTED}{slot}"),
            amount: START,
            saw: None,
        };
        let account = Account {
            slot,
            holder: name_of_holder(number),
            branch: format!("branch-{}", number % BRANCHES),
            balance: START,
            trail: vec![start],
        };
        Account::create(tx, account).await?;
    }
    Ok(())
}
