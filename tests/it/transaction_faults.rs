//! Every fault at every request of transactions of every shape: all or nothing, replies are true, and life goes on.

use std::pin::Pin;

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{
    Fault,
    sweep::{Attack, Effect, Scenario, sweep},
};

use crate::user::{User, id};

type Step<R> = for<'a> fn(&'a Db) -> Pin<Box<dyn Future<Output = R> + 'a>>;

/// A transaction over users `a` to `d` who begin as [`User::new`], and what must be there afterwards.
struct Shape {
    act: Step<Result<()>>,
    after: fn() -> Vec<Option<User>>,
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

fn before() -> Vec<Option<User>> {
    // `d` is not there yet.
    KEYS.iter()
        .map(|key| (*key != "d").then(|| User::new(key)))
        .collect()
}

impl Scenario for Shape {
    type Document = User;

    async fn prepare(&self, db: &Db) {
        for user in before().into_iter().flatten() {
            User::create(db, user).await.unwrap();
        }
    }

    async fn act(&self, db: &Db) -> Result<()> {
        (self.act)(db).await
    }

    async fn effect(&self, db: &Db) -> Effect {
        let mut seen = Vec::new();
        for key in KEYS {
            let user = User::get(db, &id(key)).await.unwrap();
            seen.push(user.map(Stored::into_inner));
        }
        if seen == (self.after)() {
            Effect::Done
        } else if seen == before() {
            Effect::Nothing
        } else {
            Effect::Torn(format!("{seen:?}"))
        }
    }

    async fn aftermath(&self, db: &Db) -> Result<()> {
        db.settle_transactions().await?;
        for key in KEYS {
            let again = format!("again-{key}@example.org");
            User::upsert(db, User::new(key).email(&again).plan("again")).await?;
        }
        for key in KEYS {
            let email = format!("{key}@example.org");
            User::create(db, User::new(&format!("next-{key}")).email(&email)).await?;
            User::create(
                db,
                User::new(&format!("new-{key}")).email(&format!("new-{key}@e.org")),
            )
            .await?;
            User::delete(db, &id(key)).await?;
        }
        Ok(())
    }
}

async fn attack(shape: Shape, attacks: &[Attack]) {
    let report = sweep(&shape, attacks).await;
    println!("{report}");
    report.assert_clean();
}

fn changed(key: &str) -> User {
    User::new(key)
        .plan("pro")
        .email(&format!("new-{key}@e.org"))
}

async fn change(tx: &Tx, key: &str) -> Result<()> {
    let mut user = User::get(tx, &id(key)).required().await?;
    user.plan = "pro".into();
    user.email = format!("new-{key}@e.org");
    user.save(tx).await
}

/// Path A: one document, nothing else read.
fn one() -> Shape {
    Shape {
        act: |db| {
            Box::pin(async move {
                db.transaction(|tx| async move { change(&tx, "a").await })
                    .await
            })
        },
        after: || {
            vec![
                Some(changed("a")),
                Some(User::new("b")),
                Some(User::new("c")),
                None,
            ]
        },
    }
}

/// Path B: one document, decided by itself, and another one that was read.
fn self_homed() -> Shape {
    Shape {
        act: |db| {
            Box::pin(async move {
                db.transaction(|tx| async move {
                    let b = User::get(&tx, &id("b")).required().await?;
                    let mut a = User::get(&tx, &id("a")).required().await?;
                    a.plan.clone_from(&b.id);
                    a.save(&tx).await
                })
                .await
            })
        },
        after: || {
            let a = User::new("a").plan("b");
            vec![Some(a), Some(User::new("b")), Some(User::new("c")), None]
        },
    }
}

/// Path C: two documents with changed indexes and unique values.
fn two() -> Shape {
    Shape {
        act: |db| {
            Box::pin(async move {
                db.transaction(|tx| async move {
                    change(&tx, "a").await?;
                    change(&tx, "b").await
                })
                .await
            })
        },
        after: || {
            vec![
                Some(changed("a")),
                Some(changed("b")),
                Some(User::new("c")),
                None,
            ]
        },
    }
}

/// A change, a removal and a creation that takes the removed one's unique value.
fn three() -> Shape {
    Shape {
        act: |db| {
            Box::pin(async move {
                db.transaction(|tx| async move {
                    change(&tx, "a").await?;
                    User::delete(&tx, &id("b")).await?;
                    User::create(&tx, User::new("d").email("b@example.org")).await?;
                    Ok(())
                })
                .await
            })
        },
        after: || {
            let d = User::new("d").email("b@example.org");
            vec![Some(changed("a")), None, Some(User::new("c")), Some(d)]
        },
    }
}

/// Four documents, a range, and a unique value that changes places.
fn four() -> Shape {
    Shape {
        act: |db| {
            Box::pin(async move {
                db.transaction(|tx| async move {
                    let free = User::find_by_plan(&tx, "free").await?;
                    let mut b = User::get(&tx, &id("b")).required().await?;
                    let mut c = User::get(&tx, &id("c")).required().await?;
                    std::mem::swap(&mut b.email, &mut c.email);
                    b.save(&tx).await?;
                    c.save(&tx).await?;
                    change(&tx, "a").await?;
                    let marks = vec![free.len() as u64];
                    User::create(
                        &tx,
                        User {
                            marks,
                            ..User::new("d")
                        },
                    )
                    .await?;
                    Ok(())
                })
                .await
            })
        },
        after: || {
            let marks = vec![3];
            vec![
                Some(changed("a")),
                Some(User::new("b").email("c@example.org")),
                Some(User::new("c").email("b@example.org")),
                Some(User {
                    marks,
                    ..User::new("d")
                }),
            ]
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_one_document() {
    attack(one(), &Attack::all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_its_one_document_decides() {
    attack(self_homed(), &Attack::all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_two_documents() {
    attack(two(), &Attack::all()).await;
}

/// What decides the outcome: every other fault is one of these for the store. Larger transactions make many calls.
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
async fn a_transaction_of_three_documents() {
    attack(three(), &deciding()).await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_four_documents() {
    attack(four(), &deciding()).await;
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_a_transaction_of_two_documents() {
    attack(two(), &Attack::pairs()).await;
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_a_transaction_that_its_one_document_decides() {
    attack(self_homed(), &Attack::pairs()).await;
}
