//! Conditions on JSON: what they find, what they cost, and what they say of it.

use std::sync::Arc;

use serde_json::{Value, json};
use smarterbase::prelude::*;
use smarterbase_core::{
    db::{JsonDocument, JsonQuery},
    operation::{outage::Fallback, profile::Access},
};
use smarterbase_testkit::{MemoryIndex, sweep::World};

use super::{Member, Plan, TEAM, member, members, open, refusal, tool};
use crate::tasks::{OldTask, old, sealed};

#[tokio::test(start_paused = true)]
async fn conditions_on_json_select_what_a_plain_evaluation_does() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    for (position, id) in ["b", "c", "d", "e", "f"].into_iter().enumerate() {
        let changes = json!({"level": position, "plan": if position % 2 == 0 { "Pro" } else { "Free" },
            "tags": [format!("t{position}")], "address": {"city": format!("c{position}")},
            "joined": format!("202{position}-01-01T00:00:00.000Z")});
        tool.create(&members(id, changes)).await.unwrap();
    }
    tool.delete("f").await.unwrap();
    let found = async |query: JsonQuery<'_>| {
        let found = query.all().await.unwrap();
        found
            .iter()
            .map(|document| document.id())
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(found(tool.list()).await, "adabcde");
    assert_eq!(found(tool.list().eq("plan", &"Pro")).await, "bd");
    assert_eq!(
        found(tool.list().eq("plan", &"Pro").at_least("level", &1)).await,
        "d"
    );
    assert_eq!(
        found(tool.list().above("level", &1).at_most("level", &2.5)).await,
        "d"
    );
    assert_eq!(found(tool.list().below("level", &0)).await, "ada");
    assert_eq!(found(tool.list().has("tags", &"t1")).await, "c");
    assert_eq!(found(tool.list().eq("address.city", &"c3")).await, "e");
    assert_eq!(
        found(tool.list().eq("address.city", &Value::Null)).await,
        "ada"
    );
    // A time is a time, however it is written; a number in text is no number.
    assert_eq!(
        found(tool.list().eq("joined", &"2021-01-01T01:00:00+01:00")).await,
        "c"
    );
    assert_eq!(found(tool.list().at_least("unknown", &0)).await, "");
    assert_eq!(
        refusal(tool.list().at_least("email", &0).all().await).1,
        "SB-INVALID-VALUE"
    );
    assert_eq!(
        refusal(tool.list().eq("joined", &"soon").all().await).1,
        "SB-INVALID-VALUE"
    );

    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let query = tool.list().above("level", &-1);
        let query = match after.take() {
            Some(cursor) => query.after(cursor),
            None => query,
        };
        let page = query.page(2).await.unwrap();
        pages.push(
            page.items
                .iter()
                .map(|document| document.id())
                .collect::<String>(),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, ["bc", "de"]);
    // The cursor of a typed listing is one of this collection too.
    let page = Member::list(&db).page(3).await.unwrap();
    let rest = tool.list().after(page.next.unwrap()).page(9).await.unwrap();
    assert_eq!(rest.items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn conditions_read_no_more_than_the_budget() {
    let (world, db) = open().await;
    for number in 0..40 {
        Member::create(&db, member(&format!("m{number}")))
            .await
            .unwrap();
    }
    let limits = smarterbase::Limits {
        scan_documents: 10,
        ..smarterbase::Limits::default()
    };
    let small = world
        .builder(1, world.store.clone())
        .limits(limits)
        .open()
        .await
        .unwrap();
    let tool = small.collection("members").await.unwrap();
    let refused = tool.list().eq("level", &77).page(1).await;
    assert_eq!(refusal(refused), (ErrorKind::Refused, "SB-BUDGET"));
    assert_eq!(tool.list().all().await.unwrap().len(), 41);
}

#[tokio::test(start_paused = true)]
async fn a_condition_on_json_reads_what_an_index_names_and_nothing_else() {
    let (world, db) = open().await;
    for number in 0..40 {
        let plan = if number % 10 == 0 {
            Plan::Pro
        } else {
            Plan::Free
        };
        let level = number;
        let team = Some(TEAM);
        let one = Member {
            plan,
            level,
            team,
            ..member(&format!("m{number}"))
        };
        Member::create(&db, one).await.unwrap();
    }
    let tool_db = world.open(1).await;
    let tool = tool_db.collection("members").await.unwrap();
    // The catalog is read once per 5 s, not per query.
    assert!(tool.list().eq("plan", &"None").all().await.is_ok());
    let cost = async |query: JsonQuery<'_>| {
        let before = tool_db.request_counts().snapshot();
        let found = query.all().await.unwrap().len();
        let requests = tool_db.request_counts().snapshot() - before;
        (found, requests.gets, requests.lists)
    };
    assert_eq!(cost(tool.list().eq("plan", &"Pro")).await, (4, 4, 1));
    assert_eq!(
        cost(tool.list().eq("email", &"m7@Example.org")).await,
        (1, 2, 0)
    );
    // The index over both fields.
    let both = || {
        tool.list()
            .eq("team", &TEAM)
            .at_least("level", &35)
            .below("level", &38)
    };
    assert_eq!(cost(both()).await, (3, 3, 1));
    // Text that an index folds has another order there, and `null` may be a default.
    assert_eq!(cost(tool.list().at_least("email", &"m8")).await, (2, 41, 1));
    assert_eq!(cost(tool.list().eq("team", &Value::Null)).await, (1, 41, 1));
    // Inside of a transaction its own documents are among them.
    let counted = tool_db
        .transaction(|tx| {
            let tool = tool.within(&tx);
            async move {
                tool.create(&members("new", json!({"plan": "Pro"}))).await?;
                tool.delete("m10").await?;
                let found = tool.list().eq("plan", &"Pro").all().await?;
                Ok(found.iter().map(|one| one.id()).collect::<Vec<_>>())
            }
        })
        .await;
    assert_eq!(counted.unwrap(), ["m0", "m20", "m30", "new"]);
}

#[tokio::test(start_paused = true)]
async fn conditions_on_json_tell_their_plan_and_scan_only_where_they_may() {
    let (world, db) = open().await;
    for number in 0..20 {
        let plan = if number < 2 { Plan::Pro } else { Plan::Free };
        let one = member(&format!("m{number:02}"));
        Member::create(&db, Member { plan, ..one }).await.unwrap();
    }
    let tool_db = world.open(1).await;
    let tool = tool_db.collection("members").await.unwrap();
    let by_index = tool
        .list()
        .eq("plan", &"Pro")
        .all()
        .explain()
        .await
        .unwrap();
    let profile = by_index.profile;
    assert_eq!(by_index.result.len(), 2);
    assert_eq!((profile.operation, profile.collection), ("list", "members"));
    assert_eq!(profile.access, Access::IndexCandidates);
    assert!(
        profile.plan.contains("plan (one value)"),
        "{}",
        profile.plan
    );
    assert_eq!(profile.condition, "(plan =), by id");
    assert_eq!((profile.candidates, profile.fell_back), (2, false));
    let unique = tool.list().eq("email", &"m07@example.org");
    let unique = unique.page(5).explain().await.unwrap().profile;
    assert_eq!(unique.access, Access::UniqueValue);
    let listed = tool.list().page(5).explain().await.unwrap().profile;
    assert_eq!((listed.access, listed.fell_back), (Access::Keys, false));
    let residual = || {
        tool.list()
            .at_least("email", &"m")
            .fallback(Fallback::Never)
    };
    let residual = residual().page(5).explain().await.unwrap().profile;
    assert_eq!((residual.access, residual.fell_back), (Access::Scan, false));

    // Without the backend of its indexes a program that only reads has to scan.
    let world = World::new(6);
    let builder = world.builder(0, world.store.clone());
    let elsewhere = builder.index(Arc::new(MemoryIndex::new())).open().await;
    let elsewhere = elsewhere.unwrap();
    for id in ["a", "b", "c"] {
        let plan = if id == "c" { Plan::Free } else { Plan::Pro };
        let one = member(id);
        let created = Member::create(&elsewhere, Member { plan, ..one });
        created.await.unwrap();
    }
    let blind = world.builder(2, world.store.clone()).read_only(true);
    let blind_db = blind.open().await.unwrap();
    let blind = blind_db.collection("members").await.unwrap();
    let scan = blind
        .list()
        .eq("plan", &"Pro")
        .all()
        .explain()
        .await
        .unwrap();
    assert_eq!(scan.result.len(), 2);
    let seen = (scan.profile.access, scan.profile.fell_back);
    assert_eq!(seen, (Access::Scan, true));
    assert_eq!(blind_db.profiler().fallbacks().len(), 1);
    let never = blind.list().eq("plan", &"Pro").fallback(Fallback::Never);
    let refused = never.all().await.unwrap_err();
    assert_eq!(refused.code(), "SB-INDEX-UNAVAILABLE");
    assert_eq!(refused.collection(), Some("members"));
}

#[tokio::test(start_paused = true)]
async fn conditions_on_fields_that_a_step_touched_are_scanned_for() {
    let world = World::new(5);
    let db = world.open(0).await;
    OldTask::create(&db, old("a")).await.unwrap();
    db.close().await;
    let next = world.open(1).await;
    for (id, name, hours) in [("b", "Title a", 8), ("c", "Other", 9)] {
        let task = sealed::Task {
            id: id.to_owned(),
            slug: format!("slug-{id}"),
            name: name.to_owned(),
            hours,
            done: false,
        };
        sealed::Task::create(&next, task).await.unwrap();
    }
    // The type migrates the older document, whose JSON has neither this name nor this number.
    assert_eq!(
        sealed::Task::find_by_hours(&next, 8_u32)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        sealed::Task::find_by_name(&next, "Title a")
            .await
            .unwrap()
            .len(),
        2
    );
    let tool_db = world.open(2).await;
    let tool = tool_db.collection("tasks").await.unwrap();
    assert!(
        tool.list()
            .eq("slug", &"none")
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    let cost = async |query: JsonQuery<'_>| {
        let before = tool_db.request_counts().snapshot();
        let found = query.all().await.unwrap();
        let requests = tool_db.request_counts().snapshot() - before;
        let ids: String = found.iter().map(JsonDocument::id).collect();
        (ids, requests.gets, requests.lists)
    };
    assert_eq!(
        cost(tool.list().eq("hours", &8)).await,
        ("b".to_owned(), 3, 1)
    );
    assert_eq!(
        cost(tool.list().eq("name", &"Title a")).await,
        ("b".to_owned(), 3, 1)
    );
    // What no step touched is in the index as it is in the JSON of every version.
    assert_eq!(
        cost(tool.list().eq("slug", &"slug-a")).await,
        ("a".to_owned(), 2, 0)
    );
}
