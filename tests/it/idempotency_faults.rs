//! Every fault at every request of an idempotent transaction, which is then asked for again by another program: it happens
//! once, and both get the same answer.

use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{
    Fault,
    sweep::{Attack, Effect, Scenario, sweep},
};

use crate::user::{User, id};

type Working<'a> = Pin<Box<dyn Future<Output = Result<usize>> + 'a>>;

/// A transaction that does something else when it happens twice. It gives how often it has happened.
struct Shape {
    work: for<'a> fn(&'a Db) -> Working<'a>,
    users: &'static [&'static str],
    answered: AtomicUsize,
}

const USERS: [&str; 2] = ["a", "b"];

async fn push(tx: &Tx, user: &str) -> Result<usize> {
    let mut found = User::get(tx, &id(user)).required().await?;
    found.marks.push(1);
    found.plan = format!("plan-{}", found.marks.len());
    let marks = found.marks.len();
    found.save(tx).await?;
    Ok(marks)
}

impl Scenario for Shape {
    type Document = User;

    async fn prepare(&self, db: &Db) {
        self.answered.store(0, Ordering::Relaxed);
        for user in USERS {
            User::create(db, User::new(user)).await.unwrap();
        }
    }

    async fn act(&self, db: &Db) -> Result<()> {
        let happened = (self.work)(db).await?;
        self.answered.store(happened, Ordering::Relaxed);
        Ok(())
    }

    async fn effect(&self, db: &Db) -> Effect {
        let mut seen = Vec::new();
        for user in self.users {
            let found = User::get(db, &id(user)).required().await.unwrap();
            seen.push(found.marks.len());
        }
        match seen.as_slice() {
            marks if marks.iter().all(|marks| *marks == 0) => Effect::Nothing,
            marks if marks.iter().all(|marks| *marks == 1) => Effect::Done,
            _ => Effect::Torn(format!("{seen:?}")),
        }
    }

    async fn aftermath(&self, db: &Db) -> Result<()> {
        for _ in 0..2 {
            let happened = (self.work)(db).await?;
            let answered = self.answered.load(Ordering::Relaxed);
            if happened != 1 || answered > 1 {
                let text = format!("{happened} after {answered}");
                return Err(Error::abort(text));
            }
        }
        match self.effect(db).await {
            Effect::Done => {}
            other => {
                return Err(Error::abort(format!(
                    "{other:?} after it was asked for again"
                )));
            }
        }
        for user in USERS {
            User::delete(db, &id(user)).await?;
        }
        Ok(())
    }
}

async fn attack(shape: Shape, attacks: &[Attack]) {
    let report = sweep(&shape, attacks).await;
    println!("{report}");
    report.assert_clean();
}

fn one() -> Shape {
    Shape {
        work: |db| {
            Box::pin(async move {
                let pushing = db.transaction(|tx| async move { push(&tx, "a").await });
                pushing.idempotent("k").await
            })
        },
        users: &["a"],
        answered: AtomicUsize::new(0),
    }
}

fn two() -> Shape {
    Shape {
        work: |db| {
            Box::pin(async move {
                let pushing = db.transaction(|tx| async move {
                    push(&tx, "a").await?;
                    push(&tx, "b").await
                });
                pushing.idempotent("k").await
            })
        },
        users: &USERS,
        answered: AtomicUsize::new(0),
    }
}

/// What decides the outcome: every other fault is one of these for the store.
fn deciding() -> Vec<Attack> {
    let once = [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::LoseReply,
        Fault::ApplyLater,
    ];
    let mut attacks: Vec<Attack> = once.into_iter().map(Attack::Once).collect();
    attacks.push(Attack::FromHereOn(Fault::FailBefore));
    attacks
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_transaction_of_one_document() {
    attack(one(), &Attack::all()).await;
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_transaction_of_two_documents() {
    attack(two(), &deciding()).await;
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_an_idempotent_transaction() {
    attack(one(), &Attack::pairs()).await;
}
