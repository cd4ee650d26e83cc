//! Every fault at every request of every verb: replies are true, and life goes on.

use std::{cell::RefCell, pin::Pin, sync::Arc};

use smarterbase::{Result, prelude::*};
use smarterbase_core::{
    port::CasStore,
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::{
    Fault, TestClock,
    sweep::{Attack, Effect, Scenario, sweep},
};

use crate::user::{User, id};

type Step<R> = for<'a> fn(&'a Db) -> Pin<Box<dyn Future<Output = R> + 'a>>;

/// One verb on the user `ada`, who ends as `after`.
struct Verb {
    /// Whether the collection exists before.
    is_first: bool,
    /// Whether the store is a folder.
    on_disk: bool,
    before: fn() -> Option<User>,
    prepare: Step<()>,
    act: Step<Result<()>>,
    after: fn() -> Option<User>,
}

impl Scenario for Verb {
    type Document = User;

    async fn store(&self, clock: Arc<TestClock>) -> Arc<dyn CasStore> {
        if !self.on_disk {
            return Arc::new(MemoryStore::with_clock(clock));
        }
        let options = FileOptions {
            fsync: false,
            ..FileOptions::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path(), options).await.unwrap();
        FOLDERS.with_borrow_mut(|folders| folders.push(folder));
        Arc::new(store)
    }

    async fn prepare(&self, db: &Db) {
        if self.is_first {
            return;
        }
        User::create(db, User::new("bystander")).await.unwrap();
        (self.prepare)(db).await;
    }

    async fn act(&self, db: &Db) -> Result<()> {
        (self.act)(db).await
    }

    async fn effect(&self, db: &Db) -> Effect {
        let seen = User::get(db, &id("ada")).await.unwrap();
        let seen = seen.map(Stored::into_inner);
        if seen == (self.after)() {
            Effect::Done
        } else if seen == (self.before)() {
            Effect::Nothing
        } else {
            Effect::Torn(format!("{seen:?}"))
        }
    }

    async fn aftermath(&self, db: &Db) -> Result<()> {
        let again = User::new("ada").email("again@example.org").plan("again");
        User::upsert(db, again).await?;
        for (holder, email) in [("second", "ada@example.org"), ("third", "new@example.org")] {
            User::create(db, User::new(holder).email(email)).await?;
        }
        User::delete(db, &id("ada")).await?;
        User::create(db, User::new("fourth").email("AGAIN@example.org")).await?;
        User::create(db, User::new("ada"))
            .await
            .map(drop)
            .or_else(|error| match error.kind() {
                ErrorKind::Unique => Ok(()),
                _ => Err(error),
            })?;
        Ok(())
    }
}

thread_local! {
    /// The folders of this test, removed at its end.
    static FOLDERS: RefCell<Vec<tempfile::TempDir>> = const { RefCell::new(Vec::new()) };
}

/// What most verbs start from.
const VERB: Verb = Verb {
    is_first: false,
    on_disk: false,
    before: ada,
    prepare: |db| Box::pin(create_ada(db)),
    act: |_| Box::pin(async { unreachable!("every verb acts") }),
    after: ada,
};

fn ada() -> Option<User> {
    Some(User::new("ada"))
}

async fn create_ada(db: &Db) {
    User::create(db, User::new("ada")).await.unwrap();
}

async fn load(db: &Db) -> Result<Stored<User>> {
    User::get(db, &id("ada")).required().await
}

async fn attack(verb: Verb) {
    attack_with(verb, &Attack::all()).await;
}

async fn attack_with(verb: Verb, attacks: &[Attack]) {
    let report = sweep(&verb, attacks).await;
    println!("{report}");
    report.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn create() {
    attack(Verb {
        before: || None,
        prepare: |_| Box::pin(async {}),
        act: |db| Box::pin(async move { User::create(db, User::new("ada")).await.map(drop) }),
        after: ada,
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn create_over_a_tombstone() {
    attack(Verb {
        before: || None,
        prepare: |db| {
            Box::pin(async move {
                create_ada(db).await;
                User::delete(db, &id("ada")).await.unwrap();
            })
        },
        act: |db| {
            Box::pin(async move {
                User::create(db, User::new("ada").plan("new"))
                    .await
                    .map(drop)
            })
        },
        after: || Some(User::new("ada").plan("new")),
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn create_over_an_orphaned_claim() {
    // The value was held by somebody who is gone, and the claim was not given back.
    attack(Verb {
        before: || None,
        prepare: |db| {
            Box::pin(async move {
                let mut holder = User::create(db, User::new("holder").email("ada@example.org"))
                    .await
                    .unwrap();
                holder.email = "other@example.org".into();
                holder.save(db).await.unwrap();
            })
        },
        act: |db| Box::pin(async move { User::create(db, User::new("ada")).await.map(drop) }),
        after: ada,
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn save_without_a_changed_index() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                let mut ada = load(db).await?;
                ada.marks = vec![1];
                ada.save(db).await
            })
        },
        after: || {
            let marks = vec![1];
            Some(User {
                marks,
                ..User::new("ada")
            })
        },
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn save_with_a_changed_index() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                let mut ada = load(db).await?;
                ada.plan = "pro".into();
                ada.save(db).await
            })
        },
        after: || Some(User::new("ada").plan("pro")),
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn save_with_a_changed_list() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                let mut ada = load(db).await?;
                ada.tags = vec!["b".into(), "c".into(), "d".into()];
                ada.save(db).await
            })
        },
        after: || Some(User::new("ada").tags(&["b", "c", "d"])),
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn save_with_a_changed_unique_value() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                let mut ada = load(db).await?;
                ada.email = "new@example.org".into();
                ada.save(db).await
            })
        },
        after: || Some(User::new("ada").email("new@example.org")),
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn update() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                let updated = User::update(db, &id("ada"), |ada| {
                    ada.plan = "pro".into();
                    ada.marks.push(1);
                    Ok(())
                });
                updated.await.map(drop)
            })
        },
        after: || {
            let marks = vec![1];
            Some(User {
                marks,
                ..User::new("ada").plan("pro")
            })
        },
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn upsert_of_a_new_document() {
    attack(Verb {
        before: || None,
        prepare: |_| Box::pin(async {}),
        act: |db| Box::pin(async move { User::upsert(db, User::new("ada")).await.map(drop) }),
        after: ada,
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn upsert_of_an_existing_document() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                let changed = User::new("ada").plan("pro").email("new@example.org");
                User::upsert(db, changed).await.map(drop)
            })
        },
        after: || Some(User::new("ada").plan("pro").email("new@example.org")),
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn overwrite() {
    attack(Verb {
        act: |db| {
            Box::pin(async move {
                User::overwrite(db, User::new("ada").tags(&["z"]))
                    .await
                    .map(drop)
            })
        },
        after: || Some(User::new("ada").tags(&["z"])),
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn delete() {
    attack(Verb {
        act: |db| Box::pin(async move { User::delete(db, &id("ada")).await.map(drop) }),
        after: || None,
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn remove() {
    attack(Verb {
        act: |db| Box::pin(async move { load(db).await?.remove(db).await }),
        after: || None,
        ..VERB
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_first_write_of_a_collection() {
    attack(Verb {
        is_first: true,
        before: || None,
        prepare: |_| Box::pin(async {}),
        act: |db| Box::pin(async move { User::create(db, User::new("ada")).await.map(drop) }),
        ..VERB
    })
    .await;
}

const CHANGE: Verb = Verb {
    act: |db| {
        Box::pin(async move {
            let updated = User::update(db, &id("ada"), |ada| {
                ada.plan = "pro".into();
                ada.email = "new@example.org".into();
                Ok(())
            });
            updated.await.map(drop)
        })
    },
    after: || Some(User::new("ada").plan("pro").email("new@example.org")),
    ..VERB
};

#[tokio::test(start_paused = true)]
async fn two_faults_in_a_create() {
    let create = Verb {
        before: || None,
        prepare: |_| Box::pin(async {}),
        act: |db| Box::pin(async move { User::create(db, User::new("ada")).await.map(drop) }),
        ..VERB
    };
    attack_with(create, &Attack::pairs()).await;
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_an_update() {
    attack_with(CHANGE, &Attack::pairs()).await;
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_a_delete() {
    let delete = Verb {
        act: |db| Box::pin(async move { User::delete(db, &id("ada")).await.map(drop) }),
        after: || None,
        ..VERB
    };
    attack_with(delete, &Attack::pairs()).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_in_a_folder() {
    let faults = [
        Fault::CrashAfter,
        Fault::LoseReply,
        Fault::ApplyLater,
        Fault::Reject,
    ];
    let attacks = faults.map(Attack::Once);
    attack_with(
        Verb {
            on_disk: true,
            ..CHANGE
        },
        &attacks,
    )
    .await;
}
