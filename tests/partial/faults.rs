//! Every fault at every request of a document that enters or leaves, alone and in transactions.

use std::pin::Pin;

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::sweep::{Attack, Effect, Scenario, sweep};

use crate::member::{Member, id};

type Step<R> = for<'a> fn(&'a Db) -> Pin<Box<dyn Future<Output = R> + 'a>>;

/// Ada and Bob want one handle. Each begins as `before` says and ends as `after` says: whether they are active.
struct Move {
    before: [bool; 2],
    act: Step<Result<()>>,
    after: [bool; 2],
}

const KEYS: [&str; 2] = ["ada", "bob"];

fn member(key: &str, active: bool) -> Member {
    Member {
        handle: "@ada".to_owned(),
        active,
        ..Member::new(key)
    }
}

impl Scenario for Move {
    type Document = Member;

    async fn prepare(&self, db: &Db) {
        for (key, active) in KEYS.into_iter().zip(self.before) {
            Member::create(db, member(key, active)).await.unwrap();
        }
    }

    async fn act(&self, db: &Db) -> Result<()> {
        (self.act)(db).await
    }

    async fn effect(&self, db: &Db) -> Effect {
        let mut seen = Vec::new();
        for key in KEYS {
            let member = Member::get(db, &id(key)).required().await.unwrap();
            seen.push(member.active);
        }
        if seen == self.after {
            Effect::Done
        } else if seen == self.before {
            Effect::Nothing
        } else {
            Effect::Torn(format!("{seen:?}"))
        }
    }

    async fn aftermath(&self, db: &Db) -> Result<()> {
        db.settle_transactions().await?;
        for key in KEYS {
            Member::upsert(db, member(key, false)).await?;
        }
        for key in KEYS {
            // The handle is free for each of them in turn, and the index knows who is in.
            Member::upsert(db, member(key, true)).await?;
            let found = Member::find_by_active_team(db, "red", 30_u32).await?;
            assert_eq!(
                found.iter().map(|member| &*member.id).collect::<Vec<_>>(),
                [key]
            );
            Member::upsert(db, member(key, false)).await?;
        }
        Ok(())
    }
}

async fn attack(scenario: Move, attacks: &[Attack]) {
    let report = sweep(&scenario, attacks).await;
    println!("{report}");
    report.assert_clean();
}

async fn set_active(session: impl Into<Session<'_>>, key: &str, active: bool) -> Result<()> {
    let session = session.into();
    let mut member = Member::get(session.clone(), &id(key)).required().await?;
    member.active = active;
    member.save(session).await
}

fn enter() -> Move {
    Move {
        before: [false, false],
        act: |db| Box::pin(async move { set_active(db, "ada", true).await }),
        after: [true, false],
    }
}

fn leave() -> Move {
    Move {
        before: [true, false],
        act: |db| Box::pin(async move { set_active(db, "ada", false).await }),
        after: [false, false],
    }
}

/// The handle changes places.
fn change_places() -> Move {
    Move {
        before: [true, false],
        act: |db| {
            Box::pin(async move {
                db.transaction(|tx| async move {
                    set_active(&tx, "ada", false).await?;
                    set_active(&tx, "bob", true).await
                })
                .await
            })
        },
        after: [false, true],
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_enters_a_partial_index_and_takes_a_partial_value() {
    attack(enter(), &Attack::all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_leaves_a_partial_index_and_gives_back_a_partial_value() {
    attack(leave(), &Attack::all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_partial_value_changes_places_in_a_transaction() {
    attack(change_places(), &Attack::all()).await;
}
