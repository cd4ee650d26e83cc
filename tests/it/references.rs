//! References between types: following them, and what goes along when a document is deleted.

use std::{sync::Arc, time::Duration};

use smarterbase::{Limits, Result, TransactionLimits, prelude::*, schema};
use smarterbase_core::maintenance::cascade::CascadePlan;
use smarterbase_testkit::{
    Fault, FaultStore, invariant,
    sweep::{Latencies, LatentStore, World},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "orgs")]
struct Org {
    #[key]
    id: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Member {
    #[key]
    id: String,
    #[references(Org, on_delete = cascade)]
    org_id: String,
    #[unique]
    email: String,
    #[references(Member, on_delete = nullify, name = boss)]
    boss: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "posts")]
struct Post {
    #[key]
    id: u64,
    #[references(Member, on_delete = cascade)]
    author_id: String,
    #[references(Org)]
    seen_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "invoices")]
struct Invoice {
    #[key]
    id: u64,
    #[references(Org, on_delete = restrict)]
    org_id: String,
}

/// A category under another one, for ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "categories")]
struct Category {
    #[key]
    id: u64,
    #[references(Category, on_delete = cascade)]
    parent_id: Option<u64>,
}

schema! { Shop { Org, Member, Post, Invoice, Category } }

fn org(id: &str) -> Org {
    Org {
        id: id.to_owned(),
        name: format!("Org {id}"),
    }
}

fn member(id: &str, org: &str) -> Member {
    Member {
        id: id.to_owned(),
        org_id: org.to_owned(),
        email: format!("{id}@example.org"),
        boss: None,
    }
}

fn post(id: u64, author: &str) -> Post {
    Post {
        id,
        author_id: author.to_owned(),
        seen_by: None,
    }
}

fn key(id: &str) -> String {
    id.to_owned()
}

async fn shop(world: &World, client: u64) -> Db {
    world.open(client).await.with_schema::<Shop>()
}

/// Org `a` with so many members, the first of which is everybody's boss and has two posts; and org `b`.
async fn filled(members: usize) -> (World, Db) {
    let world = World::new(1);
    let db = shop(&world, 0).await;
    for id in ["a", "b"] {
        Org::create(&db, org(id)).await.unwrap();
    }
    for number in 0..members {
        let mut member = member(&format!("m{number:03}"), "a");
        member.boss = (number > 0).then(|| key("m000"));
        Member::create(&db, member).await.unwrap();
    }
    for id in 0..2 {
        Post::create(&db, post(id, "m000")).await.unwrap();
    }
    (world, db)
}

async fn assert_whole(world: &World) {
    let violations = [
        invariant::damage::<Member>(&*world.store).await,
        invariant::damage::<Post>(&*world.store).await,
    ];
    assert!(violations.iter().all(Vec::is_empty), "{violations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_followed_in_both_directions() {
    let (_, db) = filled(2).await;
    let member = Member::get(&db, &key("m001")).required().await.unwrap();
    let org = member.fetch_org(&db).required().await.unwrap();
    assert_eq!(org.name, "Org a");
    let boss = member.fetch_boss(&db).await.unwrap().unwrap();
    assert_eq!(boss.id, "m000");
    assert!(boss.fetch_boss(&db).await.unwrap().is_none());
    let missing = boss.fetch_boss(&db).required().await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let members = Member::find_by_org_id(&db, &org.id).await.unwrap();
    assert_eq!(members.len(), 2);
    let posts = Post::query(&db).filter(|post| post.author_id.eq("m000"));
    assert_eq!(posts.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_many_documents_refer_to_is_read_once_each() {
    let (world, db) = filled(10).await;
    for number in 10..20 {
        let id = format!("m{number:03}");
        Member::create(&db, member(&id, "b")).await.unwrap();
    }
    let latent = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let db = world.builder(1, Arc::new(latent)).open().await.unwrap();
    let members = Member::list(&db).await.unwrap();
    // The catalog and the published schema of the other type are read once per process.
    Org::exists(&db, &key("a")).await.unwrap();
    let before = db.request_counts().snapshot();
    let orgs = Member::REFERENCES
        .org
        .load_many(&db, &members)
        .await
        .unwrap();
    let gets = (db.request_counts().snapshot() - before).gets;
    assert_eq!((gets, orgs.len()), (2, 2), "20 members of 2 organizations");
    assert!(
        members
            .iter()
            .all(|member| orgs.of(member).unwrap().id == member.org_id)
    );

    let query = || Member::query(&db).filter(|member| member.boss.eq("m000"));
    query().exists().await.unwrap();
    let before = db.request_counts().snapshot();
    let pairs = query().with(Member::REFERENCES.org).await.unwrap();
    let counted = db.request_counts().snapshot() - before;
    assert_eq!((pairs.len(), counted.gets, counted.lists), (9, 10, 1));
    assert!(pairs.iter().all(|(_, org)| org.as_ref().unwrap().id == "a"));
    let bosses = Member::REFERENCES
        .boss
        .load_many(&db, &members)
        .await
        .unwrap();
    assert_eq!(bosses.len(), 1);
    assert!(bosses.of(&members[15]).is_none(), "no boss");
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_document_goes_with_it_and_what_moved_away_stays() {
    let (world, db) = filled(100).await;
    let plan = Org::delete(&db, &key("a")).dry_run().await.unwrap();
    let mut expected = CascadePlan::default();
    expected.deleted = [("orgs", 1), ("members", 100), ("posts", 2)].into();
    expected.is_complete = true;
    assert_eq!(plan, expected, "bosses are deleted themselves");
    Member::update(&db, &key("m042"), |member| {
        member.org_id = key("b");
        Ok(())
    })
    .await
    .unwrap();
    assert!(Org::delete(&db, &key("a")).await.unwrap());
    assert!(!Org::delete(&db, &key("a")).await.unwrap(), "it is gone");
    let left = Member::list(&db).await.unwrap();
    let left: Vec<_> = left
        .iter()
        .map(|member| (&*member.id, &*member.org_id, member.boss.clone()))
        .collect();
    assert_eq!(left, [("m042", "b", None)], "its boss is gone");
    assert_eq!(Post::list(&db).await.unwrap().len(), 0);
    // Claims and entries went along.
    let again = Member {
        email: "m007@example.org".into(),
        ..member("new", "b")
    };
    Member::create(&db, again).await.unwrap();
    assert!(Member::find_by_org_id(&db, "a").await.unwrap().is_empty());
    db.close().await;
    assert_whole(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_moves_while_its_parent_is_deleted_stays() {
    for moved_after in 0..40 {
        let (world, db) = filled(4).await;
        let latency = Latencies {
            get: Duration::from_millis(7),
            ..Latencies::CONTRACT
        };
        let store = Arc::new(LatentStore::exact(world.store.clone(), latency));
        let slow = world
            .builder(1, store)
            .open()
            .await
            .unwrap()
            .with_schema::<Shop>();
        let deleting = tokio::spawn(async move {
            let deleted = Org::delete(&slow, &key("a")).await;
            slow.close().await;
            deleted
        });
        tokio::time::sleep(Duration::from_millis(moved_after * 10)).await;
        let moved = Member::update(&db, &key("m003"), |member| {
            member.org_id = key("b");
            Ok(())
        })
        .await;
        assert!(deleting.await.unwrap().unwrap());
        let left = Member::get(&db, &key("m003")).await.unwrap();
        match moved {
            Ok(_) => assert_eq!(left.unwrap().org_id, "b", "after {moved_after}0 ms"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(left.is_none());
            }
        }
        assert!(Member::find_by_org_id(&db, "a").await.unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reference_can_forbid_that_a_document_is_deleted() {
    let (_, db) = filled(2).await;
    Invoice::create(
        &db,
        Invoice {
            id: 7,
            org_id: key("a"),
        },
    )
    .await
    .unwrap();
    let refused = Org::delete(&db, &key("a")).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-RESTRICTED")
    );
    assert!(refused.to_string().contains("invoices"), "{refused}");
    assert_eq!(
        Member::list(&db).await.unwrap().len(),
        2,
        "nothing was changed"
    );
    let plan = Org::delete(&db, &key("a")).dry_run().await.unwrap();
    assert_eq!(plan.restricted_by, ["invoices"]);
    Invoice::delete(&db, &7).await.unwrap();
    let org = Org::get(&db, &key("a")).required().await.unwrap();
    org.remove(&db).await.unwrap();
    assert!(
        Member::list(&db).await.unwrap().is_empty(),
        "removing a loaded document is the same"
    );
}

#[tokio::test(start_paused = true)]
async fn documents_that_refer_to_each_other_in_a_circle_go_together() {
    let world = World::new(1);
    let db = shop(&world, 0).await;
    for (id, parent_id) in [
        (1, Some(3)),
        (2, Some(1)),
        (3, Some(2)),
        (4, Some(3)),
        (5, None),
    ] {
        Category::create(&db, Category { id, parent_id })
            .await
            .unwrap();
    }
    assert!(Category::delete(&db, &2).await.unwrap());
    let left = Category::list(&db).await.unwrap();
    assert_eq!(
        left.iter().map(|category| category.id).collect::<Vec<_>>(),
        [5]
    );
}

#[tokio::test(start_paused = true)]
async fn a_document_without_dependants_is_deleted_and_nothing_else_is_read() {
    let (world, db) = filled(3).await;
    db.close().await;
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world
        .builder(1, store.clone())
        .open()
        .await
        .unwrap()
        .with_schema::<Shop>();
    Post::exists(&db, &0).await.unwrap();
    let before = db.request_counts().snapshot();
    assert!(Post::delete(&db, &0).await.unwrap());
    let counted = db.request_counts().snapshot() - before;
    // Nobody refers to posts: the catalog and the schemas of no other type are read, and no index is asked.
    assert_eq!(
        (counted.gets, counted.lists, counted.swaps),
        (2, 0, 1),
        "{counted:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cascade_in_a_transaction_happens_with_it_or_not_at_all() {
    let (_, db) = filled(3).await;
    let stopped = db
        .transaction(|tx| async move {
            assert!(Org::delete(&tx, &key("a")).await?);
            assert!(Member::get(&tx, &key("m001")).await?.is_none());
            Err::<(), _>(Error::abort(std::io::Error::other("no")))
        })
        .await;
    assert!(stopped.is_err());
    assert_eq!(Member::list(&db).await.unwrap().len(), 3);
    let deleted = db.transaction(|tx| async move { Org::delete(&tx, &key("a")).await });
    assert!(deleted.await.unwrap());
    assert!(Member::list(&db).await.unwrap().is_empty());
    assert!(Post::list(&db).await.unwrap().is_empty());
}

/// A database whose transactions take few documents, so that cascades go in pieces.
async fn small(world: &World, store: Arc<dyn smarterbase_core::port::CasStore>, client: u64) -> Db {
    let limits = Limits {
        transactions: TransactionLimits {
            writes: 210,
            ..TransactionLimits::default()
        },
        ..Limits::default()
    };
    let opened = world.builder(client, store).limits(limits).open().await;
    opened.unwrap().with_schema::<Shop>()
}

#[tokio::test(start_paused = true)]
async fn a_large_cascade_goes_in_pieces_and_is_gone_on_with_after_a_crash() {
    let mut all_resumed = 0;
    for killed_at in (0..2_000).step_by(173) {
        let (world, db) = filled(230).await;
        db.close().await;
        let dying = Arc::new(FaultStore::at(
            world.store.clone(),
            killed_at + 1,
            Fault::CrashAfter,
        ));
        let db = small(&world, dying.clone(), 1).await;
        let died = tokio::select! {
            biased;
            () = dying.crash() => true,
            deleted = Org::delete(&db, &key("a")) => !deleted.unwrap(),
        };
        let other = small(&world, world.store.clone(), 2).await;
        let resumed = other.resume_cascades().await.unwrap();
        assert!(resumed <= 1);
        all_resumed += resumed;
        if Org::get(&other, &key("a")).await.unwrap().is_some() {
            assert!(died && resumed == 0, "before the journal was written");
            assert_eq!(
                Member::find_by_org_id(&other, "a").count().await.unwrap(),
                230
            );
            assert!(Org::delete(&other, &key("a")).await.unwrap());
        }
        assert_eq!(Member::list(&other).await.unwrap().len(), 0);
        assert_eq!(Post::list(&other).await.unwrap().len(), 0);
        assert_eq!(other.resume_cascades().await.unwrap(), 0);
        other.close().await;
    }
    assert!(all_resumed > 2, "only {all_resumed} were interrupted");
}

/// Members with posts of their own, so that what depends on them goes in pieces as well.
async fn large(world: &World) -> Db {
    let db = small(world, world.store.clone(), 0).await;
    for id in ["a", "b"] {
        Org::create(&db, org(id)).await.unwrap();
    }
    for number in 0..120 {
        let id = format!("m{number:03}");
        Member::create(&db, member(&id, "a")).await.unwrap();
        Post::create(&db, post(number, &id)).await.unwrap();
    }
    db
}

#[tokio::test(start_paused = true)]
async fn a_child_that_moves_during_a_large_cascade_keeps_what_depends_on_it() {
    let world = World::new(1);
    let db = large(&world).await;
    let latency = Latencies {
        get: Duration::from_millis(2),
        put: Duration::from_millis(2),
        list: Duration::from_millis(2),
    };
    let latent = Arc::new(LatentStore::exact(world.store.clone(), latency));
    let slow = small(&world, latent, 1).await;
    let deleting = tokio::spawn(async move {
        let deleted = Org::delete(&slow, &key("a")).await;
        slow.close().await;
        deleted
    });
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(
        Org::exists(&db, &key("a")).await.unwrap(),
        "it is under way"
    );
    assert!(Member::list(&db).await.unwrap().len() < 120, "some went");
    let moved = Member::update(&db, &key("m119"), |member| {
        member.org_id = key("b");
        Ok(())
    });
    moved.await.unwrap();
    assert!(deleting.await.unwrap().unwrap());
    let left = Member::list(&db).await.unwrap();
    assert_eq!(
        left.iter().map(|member| &*member.id).collect::<Vec<_>>(),
        ["m119"]
    );
    let posts = Post::list(&db).await.unwrap();
    assert_eq!(posts.iter().map(|post| post.id).collect::<Vec<_>>(), [119]);
}

#[tokio::test(start_paused = true)]
async fn the_journal_of_a_document_says_nothing_of_a_later_one_with_its_id() {
    let world = World::new(1);
    let db = large(&world).await;
    db.close().await;
    // It dies in the middle; the deletion is done again by hand, and the id has another life.
    let dying = Arc::new(FaultStore::at(world.store.clone(), 700, Fault::CrashAfter));
    let db = small(&world, dying.clone(), 1).await;
    tokio::select! {
        biased;
        () = dying.crash() => {}
        deleted = Org::delete(&db, &key("a")) => panic!("it was to die: {deleted:?}"),
    }
    let db = small(&world, world.store.clone(), 2).await;
    assert!(Org::delete(&db, &key("a")).await.unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    Org::create(&db, org("a")).await.unwrap();
    Member::create(&db, member("new", "a")).await.unwrap();
    assert_eq!(db.resume_cascades().await.unwrap(), 0);
    assert!(Org::exists(&db, &key("a")).await.unwrap());
    assert!(Member::exists(&db, &key("new")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_large_circle_goes_as_a_small_one_does() {
    let world = World::new(1);
    let db = small(&world, world.store.clone(), 0).await;
    Category::create(
        &db,
        Category {
            id: 0,
            parent_id: Some(200),
        },
    )
    .await
    .unwrap();
    for id in 1..=200 {
        Category::create(
            &db,
            Category {
                id,
                parent_id: Some(0),
            },
        )
        .await
        .unwrap();
    }
    assert!(Category::delete(&db, &0).await.unwrap());
    assert!(Category::list(&db).await.unwrap().is_empty());
    assert_eq!(db.resume_cascades().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cascade_survives_every_fault_at_every_call() {
    struct DeleteOrg;

    impl smarterbase_testkit::sweep::Scenario for DeleteOrg {
        type Document = Member;

        async fn prepare(&self, db: &Db) {
            let db = db.clone().with_schema::<Shop>();
            Org::create(&db, org("a")).await.unwrap();
            Org::create(&db, org("b")).await.unwrap();
            Member::create(&db, member("m000", "a")).await.unwrap();
            Member::create(
                &db,
                Member {
                    boss: Some(key("m000")),
                    ..member("m001", "b")
                },
            )
            .await
            .unwrap();
        }

        async fn act(&self, db: &Db) -> Result<()> {
            Org::delete(&db.clone().with_schema::<Shop>(), &key("a"))
                .await
                .map(drop)
        }

        async fn effect(&self, db: &Db) -> smarterbase_testkit::sweep::Effect {
            use smarterbase_testkit::sweep::Effect;
            let org = Org::exists(db, &key("a")).await.unwrap();
            let member = Member::exists(db, &key("m000")).await.unwrap();
            let other = Member::get(db, &key("m001")).required().await.unwrap();
            match (org, member, other.boss.is_some()) {
                (true, true, true) => Effect::Nothing,
                (false, false, false) => Effect::Done,
                torn => Effect::Torn(format!("{torn:?}")),
            }
        }

        async fn aftermath(&self, db: &Db) -> Result<()> {
            let db = db.clone().with_schema::<Shop>();
            Org::upsert(&db, org("a")).await?;
            Org::delete(&db, &key("a")).await?;
            let taken = Member {
                email: "m000@example.org".into(),
                ..member("m009", "b")
            };
            Member::create(&db, taken).await.map(drop)
        }
    }

    let report =
        smarterbase_testkit::sweep::sweep(&DeleteOrg, &smarterbase_testkit::sweep::Attack::all())
            .await;
    report.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_program_that_has_not_listed_its_types_writes_no_dependants() {
    let world = World::new(1);
    let db = world.open(0).await;
    Org::create(&db, org("a")).await.unwrap();
    let refused = Member::create(&db, member("m", "a")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misconfigured);
    assert!(refused.to_string().contains("with_schema"), "{refused}");
}
