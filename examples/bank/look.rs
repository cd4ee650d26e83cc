//! Snapshots: what many accounts were at one instant.

use std::{error::Error as _, fmt};

use smarterbase::{Result, prelude::*};

use crate::{
    chance::Chance,
    model::{self, Account, Sighting, TOTAL},
};

/// How many accounts a snapshot of some looks at.
const SOME: usize = 4;

/// A snapshot in which money was missing, or too much.
#[derive(Debug)]
struct WrongSum(i64);

impl fmt::Display for WrongSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all accounts hold {} instead of {TOTAL}", self.0)
    }
}
impl std::error::Error for WrongSum {}

type Seen = (Vec<Sighting>, u32);

/// Sums up all accounts: as they are listed, or as the index finds them, branch by branch.
pub(crate) async fn at_everything(db: &Db, is_by_branch: bool) -> Result<Seen> {
    db.snapshot(|tx| async move {
        let accounts = match is_by_branch {
            true => by_branch(&tx).await?,
            false => Account::list(&tx).await?,
        };
        match accounts.iter().map(|account| account.balance).sum() {
            TOTAL => Ok((accounts.iter().map(sighting).collect(), tx.attempt())),
            sum => Err(Error::abort(WrongSum(sum))),
        }
    })
    .await
}

async fn by_branch(tx: &Tx) -> Result<Vec<Stored<Account>>> {
    let mut accounts = Vec::new();
    for branch in model::branches() {
        accounts.extend(Account::find_by_branch(tx, &branch).await?);
    }
    Ok(accounts)
}

/// Looks at a few accounts: how they fit together is checked in the end.
pub(crate) async fn at_some(db: &Db, chance: &mut Chance) -> Result<Seen> {
    let slots: Vec<String> = (0..SOME).map(|_| model::slot(chance)).collect();
    let slots = &slots;
    db.snapshot(|tx| async move {
        let accounts = Account::get_many(&tx, slots.clone()).await?;
        let accounts = accounts.into_iter().flatten();
        Ok((
            accounts.map(|account| sighting(&account)).collect(),
            tx.attempt(),
        ))
    })
    .await
}

fn sighting(account: &Stored<Account>) -> Sighting {
    Sighting {
        slot: account.slot.clone(),
        revision: account.revision(),
    }
}

/// An error with its cause.
pub(crate) fn why(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
