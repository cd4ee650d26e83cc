//! What a restart from a snapshot left is gone on with only where it is whole.

use std::time::Duration;

use redis::Commands;
use smarterbase_core::{
    document::KeyKind,
    format::Nonce,
    port::{
        IndexError, IndexStore,
        index::{Outcome, Placed},
    },
};
use smarterbase_redis::RedisIndex;
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, all, id, text},
    server::redis::RedisServer,
};

use crate::{index_on, shared};

struct Scene {
    server: RedisServer,
    index: RedisIndex,
    users: Rig,
}

impl Scene {
    /// Two documents in a snapshot, and a change and a document that came after it; then a restart from it.
    async fn restarted(damage: impl FnOnce(&RedisServer)) -> Self {
        let mut server = RedisServer::start(&[]).unwrap();
        let index = index_on(&server).await;
        let users = Rig::begin(&shared(&index), "users", KeyKind::Text, 1).await;
        for number in ["1", "2"] {
            users
                .put(
                    &id(number),
                    &Live::none(),
                    &[(0, text("ada")), (1, text("pro"))],
                )
                .await;
        }
        damage(&server);
        redis::cmd("SAVE")
            .exec(&mut server.connect().unwrap())
            .unwrap();
        if users
            .index
            .count(&users.collection, &users.placed[0], &all())
            .await
            .is_ok()
        {
            let changed = users.write(&id("1"), &Live::at(1), &[(0, text("eve"))]);
            let _not_where_keys_are_gone = users
                .index
                .commit(&users.collection, &commit_of(&users, &changed))
                .await;
        }
        server.restart().unwrap();
        Self {
            server,
            index,
            users,
        }
    }

    async fn go_on(&self) -> Option<Rig> {
        let before = &self.users.collection;
        let fresh = Nonce::from_random([55; 13]);
        let mut answer = self
            .index
            .go_on(before, fresh, Some(&before.instance))
            .await;
        for _ in 0..400 {
            if !matches!(answer, Err(IndexError::Unavailable(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = self
                .index
                .go_on(before, fresh, Some(&before.instance))
                .await;
        }
        let placed: Vec<Placed> = self
            .users
            .placed
            .iter()
            .map(|placed| Placed {
                generation: 4,
                ..placed.clone()
            })
            .collect();
        let users = Rig::at(
            &shared(&self.index),
            &self.users,
            answer.unwrap()?,
            placed.clone(),
        );
        self.index.extend(&users.collection, &placed).await.unwrap();
        Some(users)
    }
}

fn commit_of(
    users: &Rig,
    write: &smarterbase_testkit::contract::index::rig::Write,
) -> smarterbase_core::port::index::Commit {
    smarterbase_core::port::index::Commit {
        id: write.id.clone(),
        rev: write.base + 1,
        write: None,
        outcome: Outcome::Restore,
        entries: write.entries.clone(),
        dropped: Vec::new(),
        placed: users.placed.clone(),
        e_tag: Some("later".to_owned()),
    }
}

fn delete(server: &RedisServer, pattern: &str) {
    let mut connection = server.connect().unwrap();
    let keys: Vec<String> = connection.keys(pattern).unwrap();
    assert!(!keys.is_empty(), "{pattern}");
    let _: u32 = connection.del(keys).unwrap();
}

#[tokio::test]
async fn snapshot_is_gone_on_with_and_tells_what_it_does_not_have() {
    let scene = Scene::restarted(|_| {}).await;
    let users = scene.go_on().await.expect("all of it is there");
    assert_eq!(users.ids(0, &all()).await, [id("1"), id("2")]);
    let known = scene
        .index
        .known(&users.collection, &users.placed, &[id("1"), id("2")])
        .await
        .unwrap();
    assert!(known.iter().all(Option::is_some), "{known:?}");
    assert!(!known.contains(&Some("later".to_owned())), "{known:?}");
    // Nobody may write past it to what was before.
    let late = scene
        .users
        .write(&id("1"), &Live::at(1), &[(0, text("eve"))]);
    let late = scene
        .index
        .commit(&scene.users.collection, &commit_of(&scene.users, &late))
        .await;
    assert!(matches!(late, Err(IndexError::Lost(_))), "{late:?}");
}

#[tokio::test]
async fn index_key_that_is_missing_begins_anew_and_no_document_is_known() {
    let scene = Scene::restarted(|server| delete(server, "*g1:i:3")).await;
    let users = scene.go_on().await.expect("the manifests are there");
    assert_eq!(users.count(0, &all()).await, 0);
    assert_eq!(users.count(1, &all()).await, 2);
    let known = scene
        .index
        .known(&users.collection, &users.placed, &[id("1"), id("2")])
        .await
        .unwrap();
    assert_eq!(known, [None, None]);
}

#[tokio::test]
async fn nothing_is_gone_on_with_where_manifests_or_the_list_of_keys_are_missing() {
    for pattern in ["*:m:17", "*:k", "*:ep"] {
        let scene = Scene::restarted(|server| delete(server, pattern)).await;
        assert!(scene.go_on().await.is_none(), "{pattern}");
    }
    let scene = Scene::restarted(|server| server.flush().unwrap()).await;
    assert!(scene.go_on().await.is_none());
    drop(scene.server);
}
