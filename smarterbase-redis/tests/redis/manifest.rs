//! What the manifest of a document decides, where that goes beyond the promises of every backend.

use std::time::Duration;

use redis::Commands;
use smarterbase_core::{
    document::KeyKind,
    format::Nonce,
    port::{
        IndexError,
        index::{Announcement, Hit, Outcome},
    },
};
use smarterbase_redis::RedisIndex;
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, Write, all, id, text},
    server::redis::RedisServer,
};

use crate::{index_on, shared};

struct Scene {
    server: RedisServer,
    index: RedisIndex,
    users: Rig,
}

impl Scene {
    async fn new() -> Self {
        let server = RedisServer::start(&[]).unwrap();
        let index = index_on(&server).await;
        let users = Rig::begin(&shared(&index), "users", KeyKind::Text, 1).await;
        Self {
            server,
            index,
            users,
        }
    }

    async fn dirty(&self) -> Vec<String> {
        let dirty = self
            .index
            .dirty(&self.users.collection, Duration::ZERO, 100)
            .await
            .unwrap();
        dirty.iter().map(ToString::to_string).collect()
    }

    async fn values(&self) -> Vec<String> {
        let found = self.users.found(0).await;
        found
            .iter()
            .map(|(value, _)| String::from_utf8_lossy(&value.0[1..value.0.len() - 2]).into_owned())
            .collect()
    }

    async fn remove_stale(&self, value: &str) {
        let hit = Hit {
            value: text(value),
            id: id("1"),
            tag: None,
            last_modified: None,
        };
        let users = &self.users;
        users
            .index
            .remove_stale(&users.collection, &users.placed[0], &hit)
            .await
            .unwrap();
    }

    /// A write of document `1` from `base` to this one value.
    fn write(&self, base: &Live, value: &str) -> Write {
        self.users.write(&id("1"), base, &[(0, text(value))])
    }
}

#[tokio::test]
async fn commit_without_announcement_is_found() {
    let scene = Scene::new().await;
    scene.users.commit(&scene.write(&Live::none(), "ada")).await;
    assert_eq!(scene.values().await, ["ada"]);
}

#[tokio::test]
async fn late_commit_does_not_bring_old_entries_back() {
    let scene = Scene::new().await;
    let first = scene.write(&Live::none(), "first");
    let second = scene.write(&first.after(), "second");
    scene.users.announce(&first).await;
    scene.users.announce(&second).await;
    scene.users.commit(&second).await;
    scene.users.commit(&first).await;
    assert_eq!(scene.values().await, ["second"]);
}

#[tokio::test]
async fn crashed_writer_is_found_among_the_dirty_until_its_outcome_is_told() {
    let scene = Scene::new().await;
    let write = scene.write(&Live::none(), "ada");
    scene.users.announce(&write).await;
    assert_eq!(scene.dirty().await, ["1"]);
    let young = scene
        .index
        .dirty(&scene.users.collection, Duration::from_secs(30), 100)
        .await
        .unwrap();
    assert!(young.is_empty());
    scene.users.tell(&write, Outcome::Restore).await;
    assert_eq!(scene.dirty().await, [""; 0]);
    assert_eq!(scene.values().await, ["ada"]);
}

#[tokio::test]
async fn crashed_deletion_leaves_a_trace_and_is_cleaned() {
    let scene = Scene::new().await;
    let live = scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    let deletion = scene.users.write(&id("1"), &live, &[]);
    scene.users.announce(&deletion).await;
    // The tombstone was put, the writer died.
    assert_eq!(scene.dirty().await, ["1"]);
    assert_eq!(scene.values().await, ["ada"]);
    scene.users.tell(&deletion, Outcome::Restore).await;
    assert_eq!(scene.dirty().await, [""; 0]);
    assert_eq!(scene.values().await, [""; 0]);
}

#[tokio::test]
async fn announcements_that_can_no_longer_win_leave_with_the_next_commit() {
    let scene = Scene::new().await;
    for value in ["lost-1", "lost-2"] {
        scene
            .users
            .announce(&scene.write(&Live::none(), value))
            .await;
    }
    scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("won"))])
        .await;
    assert_eq!(scene.values().await, ["won"]);
    assert_eq!(scene.dirty().await, [""; 0]);
}

#[tokio::test]
async fn announcement_on_the_current_revision_stays() {
    let scene = Scene::new().await;
    let live = scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("now"))])
        .await;
    scene.users.announce(&scene.write(&live, "next")).await;
    scene
        .users
        .tell(&scene.write(&Live::none(), "now"), Outcome::Restore)
        .await;
    assert_eq!(scene.values().await, ["next", "now"]);
    assert_eq!(scene.dirty().await, ["1"]);
}

#[tokio::test]
async fn late_messages_of_an_earlier_life_leave_the_entries_of_the_new_one() {
    let scene = Scene::new().await;
    let first = scene.write(&Live::at(4), "old");
    scene.users.announce(&first).await;
    scene.users.commit(&first).await;
    scene.users.delete(&id("1"), &first.after()).await;
    // The tombstone was swept; the id begins again at revision 1.
    let born = scene.write(&Live::none(), "new");
    scene.users.announce(&born).await;
    scene.users.commit(&first).await;
    assert_eq!(scene.values().await, ["new"]);
    scene.users.commit(&born).await;
    scene.users.commit(&first).await;
    assert!(scene.values().await.contains(&"new".to_owned()));
    let mut live = born.after();
    for _ in 0..8 {
        live = scene
            .users
            .put(&id("1"), &live, &[(0, text("newest"))])
            .await;
    }
    assert_eq!(scene.values().await, ["newest"]);
}

#[tokio::test]
async fn new_life_whose_first_outcome_was_never_told_is_found_at_every_revision() {
    let scene = Scene::new().await;
    let old = scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("old"))])
        .await;
    scene.users.delete(&id("1"), &old).await;
    let born = scene.write(&Live::none(), "first");
    scene.users.announce(&born).await;
    // Its writer died after the put. The next revision is the one that the tombstone had.
    let live = scene
        .users
        .put(&id("1"), &born.after(), &[(0, text("second"))])
        .await;
    assert_eq!(live.rev, 2);
    assert_eq!(scene.values().await, ["second"]);
}

#[tokio::test]
async fn restoring_a_lower_revision_adds_and_takes_nothing_away() {
    let scene = Scene::new().await;
    scene
        .users
        .put(&id("1"), &Live::at(8), &[(0, text("nine"))])
        .await;
    let truth = scene.write(&Live::at(4), "five");
    scene.users.tell(&truth, Outcome::Restore).await;
    assert_eq!(scene.values().await, ["five", "nine"]);
    assert_eq!(scene.dirty().await, ["1"]);
    // Whichever is true, telling it heals.
    scene
        .users
        .tell(&scene.write(&Live::at(8), "nine"), Outcome::Restore)
        .await;
    assert_eq!(scene.values().await, ["nine"]);
    assert_eq!(scene.dirty().await, [""; 0]);
}

#[tokio::test]
async fn write_after_a_restored_backup_is_found() {
    let scene = Scene::new().await;
    scene
        .users
        .put(&id("1"), &Live::at(8), &[(0, text("nine"))])
        .await;
    // The store went back to revision 5; the writer read that.
    scene
        .users
        .put(&id("1"), &Live::at(5), &[(0, text("six"))])
        .await;
    assert!(scene.values().await.contains(&"six".to_owned()));
}

#[tokio::test]
async fn nothing_is_left_of_a_document_that_the_store_does_not_have() {
    let scene = Scene::new().await;
    let live = scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    scene.users.delete(&id("1"), &live).await;
    let gone = smarterbase_core::port::index::Commit {
        id: id("1"),
        rev: 0,
        write: None,
        outcome: Outcome::Restore,
        entries: Vec::new(),
        dropped: Vec::new(),
        placed: scene.users.placed.clone(),
        e_tag: None,
    };
    scene
        .users
        .index
        .commit(&scene.users.collection, &gone)
        .await
        .unwrap();
    let mut connection = scene.server.connect().unwrap();
    let buckets: Vec<String> = connection.keys("*:m:*").unwrap();
    for bucket in buckets {
        assert_eq!(
            connection.hlen::<_, usize>(&bucket).unwrap(),
            1,
            "only the sentinel is left"
        );
    }
}

#[tokio::test]
async fn entry_that_is_committed_or_announced_is_not_removed_as_stale() {
    let scene = Scene::new().await;
    let live = scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("now"))])
        .await;
    scene.users.announce(&scene.write(&live, "next")).await;
    scene.remove_stale("now").await;
    scene.remove_stale("next").await;
    assert_eq!(scene.values().await, ["next", "now"]);
}

#[tokio::test]
async fn entry_that_no_manifest_knows_is_removed_as_stale() {
    let scene = Scene::new().await;
    scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("now"))])
        .await;
    let mut connection = scene.server.connect().unwrap();
    let key: Vec<String> = connection.keys("*g1:i:3").unwrap();
    let foreign = [&text("foreign").0[..], b"1.json"].concat();
    let _: u32 = connection.zadd(&key[0], foreign, 0).unwrap();
    assert_eq!(scene.values().await, ["foreign", "now"]);
    scene.remove_stale("foreign").await;
    assert_eq!(scene.values().await, ["now"]);
}

#[tokio::test]
async fn list_of_twenty_thousand_values_is_one_document() {
    let scene = Scene::new().await;
    let values: Vec<_> = (0..20_000)
        .map(|number| (0, text(&format!("{number:05}"))))
        .collect();
    let live = scene.users.put(&id("1"), &Live::none(), &values).await;
    assert_eq!(scene.users.count(0, &all()).await, 20_000);
    scene.users.put(&id("1"), &live, &[(0, text("one"))]).await;
    assert_eq!(scene.values().await, ["one"]);
}

#[tokio::test]
async fn revisions_are_exact_up_to_2_53_and_refused_beyond() {
    let scene = Scene::new().await;
    let last = (1 << 53) - 1;
    let live = scene
        .users
        .put(&id("1"), &Live::at(last - 2), &[(0, text("a"))])
        .await;
    scene.users.put(&id("1"), &live, &[(0, text("b"))]).await;
    assert_eq!(scene.values().await, ["b"]);
    let beyond = Announcement {
        id: id("1"),
        base: last + 1,
        write: Nonce::from_random([1; 13]),
        entries: Vec::new(),
        placed: scene.users.placed.clone(),
    };
    let refused = scene
        .users
        .index
        .announce(&scene.users.collection, &beyond)
        .await;
    assert!(
        matches!(refused, Err(IndexError::Corrupt(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn keys_are_those_of_one_shard_and_none_expires() {
    let scene = Scene::new().await;
    scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    let mut connection = scene.server.connect().unwrap();
    let keys: Vec<String> = connection.keys("*").unwrap();
    let tag = format!("sb:{{{}.users.0}}:", scene.users.collection.database);
    assert_eq!(
        keys.len(),
        256 + 4,
        "mark, list of keys, two indexes: the dirty set is empty, so it is none"
    );
    for key in keys {
        assert!(key.starts_with(&tag), "{key}");
        assert_eq!(connection.ttl::<_, i64>(&key).unwrap(), -1, "{key}");
    }
}

#[tokio::test]
async fn next_generation_leaves_no_key_of_the_one_before() {
    let scene = Scene::new().await;
    scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    scene.users.begin_again().await;
    let keys: Vec<String> = scene.server.connect().unwrap().keys("*:g*").unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.contains(":g2:")), "{keys:?}");
}

#[tokio::test]
async fn two_databases_on_one_server_never_mix() {
    let scene = Scene::new().await;
    let mut other = scene.users.collection.clone();
    other.database = Nonce::from_random([8; 13]);
    other.instance = scene
        .users
        .index
        .begin(
            &other,
            &scene.users.placed,
            Nonce::from_random([9; 13]),
            None,
        )
        .await
        .unwrap();
    scene
        .users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(
        scene
            .users
            .index
            .count(&other, &scene.users.placed[0], &all())
            .await
            .unwrap(),
        0
    );
    assert_eq!(scene.values().await, ["ada"]);
}
