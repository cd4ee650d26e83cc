//! Reading and writing JSON beside a program that has the type.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use smarterbase::{Error, Result, prelude::*};
use smarterbase_testkit::{invariant, sweep::World};

use super::{Member, Plan, TEAM, Visit, ids, member, members, open, refusal, tool};
use crate::world::{assert_sound, swap, text};

/// The keys are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "tickets", schema_dir = "tests/migrations/schema/members")]
struct Ticket {
    #[key(auto)]
    id: Id<Ticket>,
    #[index]
    subject: String,
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_creates_is_found_by_every_index_of_the_type() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    assert_eq!(tool.read_only_reason(), None);
    let changes = json!({"badge": 7, "plan": "Pro", "joined": "2027-01-01T00:00:00Z", "score": 0.7,
        "tags": ["b", "c", "b"], "team": TEAM, "level": 300, "address": {"city": "Ulm"}});
    let eve = tool.create(&members("eve", changes)).await.unwrap();
    assert_eq!((eve.id(), eve.revision()), ("eve".to_owned(), 1));

    let typed = Member::get(&db, &"eve".to_owned())
        .required()
        .await
        .unwrap();
    assert_eq!(
        (typed.badge, typed.plan.clone(), typed.score),
        (Some(7), Plan::Pro, 0.7_f32)
    );
    let by_email = Member::find_by_email(&db, "EVE@example.ORG").await.unwrap();
    assert_eq!(by_email.as_deref(), Some(&*typed));
    let by_badge = Member::find_by_badge(&db, 7_u32).await.unwrap();
    assert_eq!(by_badge.as_deref(), Some(&*typed));
    assert_eq!(
        ids(&Member::find_by_plan(&db, Plan::Pro).await.unwrap()),
        ["eve"]
    );
    assert_eq!(
        ids(&Member::find_by_score(&db, 0.7_f32).await.unwrap()),
        ["eve"]
    );
    assert_eq!(
        ids(&Member::find_by_tags(&db, "b").await.unwrap()),
        ["ada", "eve"]
    );
    let since = "2026-12-01T00:00:00Z".parse::<Timestamp>().unwrap();
    assert_eq!(
        ids(&Member::find_by_joined_in(&db, since..).await.unwrap()),
        ["eve"]
    );
    let team = Member::find_by_team_level_in(&db, TEAM, 0_i16..)
        .await
        .unwrap();
    assert_eq!(ids(&team), ["eve"]);
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn typed_and_untyped_programs_write_one_collection_and_see_each_others_conflicts() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    let taken = tool
        .create(&members("ada", json!({"email": "x@y.z"})))
        .await;
    assert_eq!(refusal(taken), (ErrorKind::Conflict, "SB-EXISTS"));
    let taken = tool
        .create(&members("eve", json!({"email": "ADA@example.org"})))
        .await;
    assert_eq!(refusal(taken), (ErrorKind::Unique, "SB-UNIQUE"));

    let seen = tool.get("ada").await.unwrap().unwrap();
    let mut typed = Member::get(&db, &"ada".to_owned())
        .required()
        .await
        .unwrap();
    typed.plan = Plan::Pro;
    typed.save(&db).await.unwrap();
    let late = tool.save(&seen, &members("ada", json!({"level": 1}))).await;
    assert_eq!(refusal(late), (ErrorKind::Conflict, "SB-REVISION"));
    assert_eq!(
        refusal(tool.remove(&seen).await),
        (ErrorKind::Conflict, "SB-REVISION")
    );
    let late = tool
        .save_at("ada", 1, &members("ada", json!({"level": 1})))
        .await;
    assert_eq!(refusal(late), (ErrorKind::Conflict, "SB-REVISION"));

    let changes = json!({"level": 1, "email": "countess@example.org", "tags": []});
    let saved = tool
        .save_at("ada", 2, &members("ada", changes))
        .await
        .unwrap();
    assert_eq!(saved.revision(), 3);
    typed.level = 5;
    assert_eq!(
        refusal(typed.save(&db).await),
        (ErrorKind::Conflict, "SB-REVISION")
    );
    // The old address is free, and the new one taken.
    Member::create(
        &db,
        Member {
            id: "bob".to_owned(),
            ..member("ada")
        },
    )
    .await
    .unwrap();
    let taken = Member {
        email: "Countess@example.org".to_owned(),
        ..member("zoe")
    };
    assert_eq!(
        refusal(Member::create(&db, taken).await),
        (ErrorKind::Unique, "SB-UNIQUE")
    );
    assert_eq!(ids(&Member::find_by_tags(&db, "a").await.unwrap()), ["bob"]);

    tool.remove(&saved).await.unwrap();
    assert!(!Member::exists(&db, &"ada".to_owned()).await.unwrap());
    assert!(tool.delete("bob").await.unwrap());
    assert!(!tool.delete("bob").await.unwrap());
    // Over the tombstones, by both.
    tool.create(&members("bob", json!({}))).await.unwrap();
    Member::create(&db, member("ada")).await.unwrap();
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_tool_and_a_program_race_for_one_value_and_one_wins() {
    for seed in 0..6 {
        let world = World::new(seed);
        let db = world.open(0).await;
        Member::create(&db, member("ada")).await.unwrap();
        let tool = tool(&world, "members").await;
        let badge = |id: &str| Member {
            badge: Some(9),
            ..member(id)
        };
        let json = members("eve", json!({"badge": 9}));
        let (typed, untyped) = tokio::join!(
            async { Member::create(&db, badge("bob")).await.map(drop) },
            async { tool.create(&json).await.map(drop) },
        );
        let results = [typed, untyped];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let lost = results.into_iter().find_map(Result::err);
        assert_eq!(lost.map(|error| error.kind()), Some(ErrorKind::Unique));
        db.close().await;
        assert_sound::<Member>(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn json_that_is_not_what_the_type_says_is_refused_by_name_and_without_its_value() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    let before = invariant::dump(&*world.store).await;
    for (changes, named) in [
        (json!({"level": 40_000}), "`level`"),
        (json!({"plan": "s3cr3t"}), "`plan`"),
        (json!({"joined": "s3cr3t"}), "`joined`"),
        (json!({"tags": ["a", 17]}), "`tags[1]`"),
        (
            json!({"address": {"city": "Ulm", "zip": "s3cr3t"}}),
            "`address.zip`",
        ),
        (
            json!({"address": {"city": "Ulm", "s3cr3t": 1}}),
            "`address`",
        ),
        (json!({"email": null}), "`email`"),
        (json!({"id": 3}), "`id`"),
        (json!({"_sb": {}}), "`_sb`"),
    ] {
        let error = tool.create(&members("eve", changes)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{named}: {error}");
        let text = format!("{error} {error:?}");
        assert!(
            text.contains(named) && !text.contains("s3cr3t"),
            "{named}: {text}"
        );
    }
    let mut without = members("eve", json!({}));
    without.as_object_mut().unwrap().remove("level");
    let error = tool.create(&without).await.unwrap_err();
    assert!(error.to_string().contains("`level` is missing"), "{error}");
    assert_eq!(refusal(tool.create(&json!([1])).await).1, "SB-INVALID");
    let ada = tool.get("ada").await.unwrap().unwrap();
    let moved = tool.save(&ada, &members("eve", json!({}))).await;
    assert_eq!(refusal(moved), (ErrorKind::Invalid, "SB-INVALID-ID"));
    assert_eq!(invariant::dump(&*world.store).await, before);
    let shown = format!("{ada:?}");
    assert!(!shown.contains("Example.org"), "{shown}");
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_save_keeps_what_it_does_not_change_to_the_last_digit() {
    let (world, db) = open().await;
    let stored = text(&world, "members/ada.json").await;
    // A member of a newer program, with a number that no double holds, and members in an order of their own.
    let number = "3.14159265358979323846264338327950288";
    let newer = stored.replace(r#""level":-3"#, &format!(r#""pi":{number},"level":-3"#));
    swap(&world, "members/ada.json", &newer).await;
    let tool = tool(&world, "members").await;
    let ada = tool.get("ada").await.unwrap().unwrap();
    let unchanged: Value = ada.decode().unwrap();
    let same = tool.save(&ada, &unchanged).await.unwrap();
    assert_eq!(same.revision(), 1);
    assert_eq!(text(&world, "members/ada.json").await, newer);

    let mut changed = unchanged.clone();
    changed["plan"] = "Pro".into();
    changed["nick"] = "Countess".into();
    let saved = tool.save(&same, &changed).await.unwrap();
    let body = saved.json();
    assert!(
        body.contains(&format!(r#""pi":{number},"level":-3"#)),
        "{body}"
    );
    assert!(body.ends_with(r#","nick":"Countess"}"#), "{body}");
    // What the type leaves out when it is empty may stay out; what it has may not be taken away.
    assert!(!body.contains("notes"), "{body}");
    changed.as_object_mut().unwrap().remove("level");
    assert_eq!(refusal(tool.save(&saved, &changed).await).1, "SB-INVALID");
    let typed = Member::get(&db, &"ada".to_owned())
        .required()
        .await
        .unwrap();
    assert_eq!((typed.plan.clone(), typed.level), (Plan::Pro, -3));
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn inside_a_transaction_untyped_and_typed_verbs_see_each_other() {
    let (world, db) = open().await;
    let tool = db.collection("members").await.unwrap();
    let aborted = db
        .transaction(|tx| {
            let tool = tool.within(&tx);
            async move {
                tool.create(&members("eve", json!({"badge": 1}))).await?;
                let eve = Member::get(&tx, &"eve".to_owned()).required().await?;
                assert_eq!(eve.badge, Some(1));
                assert_eq!(tool.list().all().await?.len(), 2);
                assert_eq!(Member::list(&tx).await?.len(), 2);
                Err::<(), _>(Error::abort("no"))
            }
        })
        .await;
    assert_eq!(refusal(aborted).0, ErrorKind::Aborted);
    assert!(!tool.exists("eve").await.unwrap());

    db.transaction(|tx| {
        let tool = tool.within(&tx);
        async move {
            let ada = tool.get("ada").await?.expect("it is there");
            let ada = tool
                .save(&ada, &members("ada", json!({"badge": 1, "plan": "Pro"})))
                .await?;
            tool.save(&ada, &members("ada", json!({"badge": 2, "plan": "Pro"})))
                .await?;
            let mut bob = member("bob");
            bob.badge = Some(1);
            Member::create(&tx, bob).await?;
            tool.create(&members("eve", json!({"badge": 3}))).await?;
            Ok(())
        }
    })
    .await
    .unwrap();
    let badges = Member::list(&db).await.unwrap();
    let badges: BTreeMap<&str, Option<u32>> = badges
        .iter()
        .map(|member| (&*member.id, member.badge))
        .collect();
    assert_eq!(
        badges,
        [("ada", Some(2)), ("bob", Some(1)), ("eve", Some(3))].into()
    );
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn keys_of_every_kind_are_made_read_and_kept() {
    let world = World::new(5);
    let db = world.open(0).await;
    let first = Ticket {
        id: Id::auto(),
        subject: "one".to_owned(),
    };
    Ticket::create(&db, first).await.unwrap();
    let tickets = tool(&world, "tickets").await;
    let made = tickets.create(&json!({"subject": "two"})).await.unwrap();
    let id: Id<Ticket> = made.id().parse().unwrap();
    let typed = Ticket::get(&db, &id).required().await.unwrap();
    assert_eq!((typed.id, &*typed.subject), (id, "two"));
    assert_eq!(Ticket::find_by_subject(&db, "two").await.unwrap().len(), 1);
    assert_eq!(refusal(tickets.get("two").await).0, ErrorKind::Invalid);

    Visit::create(
        &db,
        Visit {
            number: 3,
            page: "/".to_owned(),
        },
    )
    .await
    .unwrap();
    let visits = tool(&world, "visits").await;
    visits
        .create(&json!({"number": 12, "page": "/a"}))
        .await
        .unwrap();
    assert_eq!(Visit::get(&db, &12).required().await.unwrap().page, "/a");
    let three = visits.get("3").await.unwrap().unwrap();
    assert_eq!(three.id(), "00000000000000000003");
    visits.save(&three, &json!({"page": "/b"})).await.unwrap();
    let three = Visit::get(&db, &3).required().await.unwrap();
    assert_eq!((three.number, &*three.page), (3, "/b"));
    assert_eq!(
        refusal(visits.create(&json!({"page": "/c"})).await).0,
        ErrorKind::Invalid
    );
    db.close().await;
    assert_sound::<Ticket>(&world).await;
    assert_sound::<Visit>(&world).await;
}
