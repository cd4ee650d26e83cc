//! The same promises on Valkey, where it is there.

use smarterbase_core::{document::KeyKind, port::IndexError};
use smarterbase_redis::{RedisIndex, RedisLink, RedisOptions};
use smarterbase_testkit::{
    contract::{
        index as contract,
        index::rig::{Live, Rig, all, id, text},
    },
    server::redis::Valkey,
};

use crate::{index_on, patient, shared};

/// Every promise, each on a server of its own, and those that fit one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn valkey_keeps_the_promises_of_an_index() {
    let Some(valkey) = Valkey::find().unwrap() else {
        return;
    };
    macro_rules! promises {
        ($($promise:ident,)*) => {
            $({
                let server = valkey.start(&[]).unwrap();
                contract::$promise(shared(&index_on(&server).await)).await;
            })*
        };
    }
    promises!(
        those_who_begin_together_agree,
        replaced_entry_leaves_and_the_others_stay,
        late_commit_removes_nothing_that_is_needed,
        restored_document_is_found,
        presence_of_many_entries_comes_in_their_order,
        pages_have_no_gap_and_no_repeat,
        values_of_any_bytes_are_kept,
        sixteen_shards_read_as_one,
        concurrent_writers_lose_nothing,
        s32_a_manifest_tells_what_is_committed_and_what_is_announced,
        what_is_gone_on_with_is_found_and_known,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_that_comes_back_empty_is_noticed() {
    let Some(valkey) = Valkey::find().unwrap() else {
        return;
    };
    let mut server = valkey.start(&[]).unwrap();
    let index = shared(&index_on(&server).await);
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    server.restart().unwrap();
    let answer = loop {
        let answer = index
            .count(&users.collection, &users.placed[0], &all())
            .await;
        match answer {
            Err(IndexError::Unavailable(_)) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            answer => break answer,
        }
    };
    assert!(matches!(answer, Err(IndexError::Lost(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_as_a_cluster_is_one() {
    let Some(valkey) = Valkey::find().unwrap() else {
        return;
    };
    let cluster = valkey.start_cluster(3).unwrap();
    let link = RedisLink::open(patient(&cluster.url())).await.unwrap();
    let users = Rig::filled(&shared(&RedisIndex::new(link)), KeyKind::Text, 16, 50).await;
    assert_eq!(users.found(0).await.len(), 50);
    // It calls the mode by another name than Redis.
    let url = cluster.nodes()[0].url();
    let options = RedisOptions::from_url(&url).unwrap();
    let error = RedisLink::open(options).await.unwrap_err();
    assert!(error.to_string().contains("`redis+cluster://…`"), "{error}");
}
