//! What transactions leave behind in the store: nothing that is undecided, and nothing that a write does not clear.

use std::sync::Arc;

use smarterbase::{Result, port::CasStore, prelude::*};
use smarterbase_core::format::{
    envelope::{self, Opened},
    intent::Intent,
    path,
    record::{Decision, Record},
};
use smarterbase_testkit::invariant;

use crate::model::{self, AUDITED, Account, Closing, Entry, Transfer};

/// What was found in the store itself.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// Accounts whose intents were cleared by writing them.
    pub(crate) cleared: usize,
    /// Intents of aborted attempts on names that nobody used again.
    pub(crate) aborted: usize,
    pub(crate) broken: Vec<String>,
}

/// Finishes what dead processes left, writes every account that still bears an intent, and looks at every object.
pub(crate) async fn clear(db: &Db, store: &Arc<dyn CasStore>) -> Result<Remains> {
    settle_claims(db).await?;
    db.settle_transactions().await?;
    let mut remains = Remains::default();
    for (key, _) in bearers(store).await {
        let slot = key
            .strip_prefix("accounts/")
            .and_then(|name| name.strip_suffix(".json"));
        if let Some(slot) = slot {
            remains.cleared += usize::from(write_again(db, slot).await?);
        }
    }
    for (key, intent) in bearers(store).await {
        remains.judge(store, &key, &intent).await;
    }
    remains.check_invariants(db, store).await;
    Ok(remains)
}

/// Asks for every holder strictly, so that no claim is undecided.
async fn settle_claims(db: &Db) -> Result<()> {
    db.snapshot(|tx| async move {
        for holder in model::holders() {
            Account::find_by_holder(&tx, &holder).await?;
        }
        Ok(())
    })
    .await
}

/// Every object that bears an intent.
async fn bearers(store: &Arc<dyn CasStore>) -> Vec<(String, Intent)> {
    let objects = invariant::dump(&**store).await;
    let bearer = |(key, bytes)| {
        let Opened { envelope, .. } = envelope::open(&bytes).ok()?;
        Some((key, envelope.intent?))
    };
    objects.into_iter().filter_map(bearer).collect()
}

/// Gives whether the account is open.
async fn write_again(db: &Db, slot: &str) -> Result<bool> {
    let written = Account::update(db, &slot.to_owned(), |account| {
        let number = account.trail.len();
        account.trail.push(Entry {
            mark: format!("{AUDITED}{slot}.{number}"),
            amount: 0,
            saw: None,
        });
        Ok(())
    });
    match written.await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Remains {
    /// An intent may stay where its attempt was aborted, or where it changes no version.
    async fn judge(&mut self, store: &Arc<dyn CasStore>, key: &str, intent: &Intent) {
        let record = path::record(&intent.transaction);
        let object = store.get(&record).await.expect("the store answers");
        let decision =
            object.map(|object| Record::open(&object.bytes).map(|record| record.decision));
        match decision {
            Some(Ok(Decision::Aborted)) => self.aborted += 1,
            None if !intent.writes() => self.aborted += 1,
            None => self.breach(format!("{key} bears an intent that is undecided")),
            Some(Ok(Decision::Committed)) => {
                self.breach(format!("{key} still bears an intent that is committed"));
            }
            Some(Err(error)) => self.breach(format!("the record of {key}: {error}")),
        }
    }

    /// The testkit's invariants, which know nothing of the bank.
    async fn check_invariants(&mut self, db: &Db, store: &Arc<dyn CasStore>) {
        let store = &**store;
        self.broken
            .extend(invariant::damage::<Account>(store).await);
        self.broken
            .extend(invariant::damage::<Closing>(store).await);
        self.broken
            .extend(invariant::damage::<Transfer>(store).await);
        let wrong = [
            invariant::wrong_answers::<Account>(db, store).await,
            invariant::wrong_answers::<Closing>(db, store).await,
            invariant::wrong_answers::<Transfer>(db, store).await,
        ];
        self.broken.extend(wrong.into_iter().flatten());
    }

    fn breach(&mut self, what: String) {
        self.broken.push(what);
    }
}
