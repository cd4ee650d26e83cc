//! Scans that need not read everything again: bodies that are kept, and snapshots. Exact, whatever is written meanwhile.

mod kept;
#[cfg(feature = "s3")]
mod on_s3;
mod packing;
mod random;
mod segments;
mod stores;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use smarterbase::{Result, Snapshots, prelude::*, profile::QueryProfile};
use smarterbase_core::{
    format::{Key, Prefix},
    port::{Attempt, CasStore, Expect, Listed},
};
use smarterbase_testkit::sweep::World;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Member {
    #[key]
    id: String,
    name: String,
    age: u32,
}

fn key(number: usize) -> String {
    format!("m{number:06}")
}

fn member(number: usize) -> Member {
    Member {
        id: key(number),
        name: format!("Member {number}"),
        age: 0,
    }
}

const MIB: u64 = 1024 * 1024;

async fn filled(members: usize) -> World {
    let world = World::new(7);
    let db = world.open(0).await;
    let create = |number| Member::create(&db, member(number)).into_future();
    stream::iter(0..members)
        .map(create)
        .buffer_unordered(64)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    world
}

/// A client that keeps bodies.
async fn keeping(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder.body_cache(64 * MIB).open().await.unwrap()
}

/// A client that reads snapshots, and keeps nothing.
async fn reading(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder.snapshots(Snapshots::Read).open().await.unwrap()
}

/// The catalog and the schema of the type are read.
async fn warmed_up(db: Db) -> Db {
    Member::get(&db, &key(0)).await.unwrap();
    db
}

async fn change(world: &World, numbers: impl Iterator<Item = usize>) {
    let db = world.open(1).await;
    for number in numbers {
        let grown = Member::update(&db, &key(number), |member| {
            member.age += 1;
            Ok(())
        });
        grown.await.unwrap();
    }
}

async fn scan(db: &Db) -> Result<Vec<Member>> {
    let found = Member::query(db).scan().stream();
    found.map_ok(Stored::into_inner).try_collect().await
}

/// What is there, read one by one by a client that keeps nothing.
async fn truth(world: &World) -> Vec<Member> {
    scan(&world.open(2).await).await.unwrap()
}

async fn counted(db: &Db) -> (u64, QueryProfile) {
    let counted = Member::query(db).scan().count().explain().await.unwrap();
    (counted.result, counted.profile)
}

fn cost(profile: &QueryProfile) -> (u64, u64) {
    (profile.requests.lists, profile.requests.gets)
}

async fn objects(store: &dyn CasStore, prefix: &str) -> Vec<Listed> {
    let page = store.list(&Prefix::new(prefix), None, 1_000).await;
    page.unwrap().objects
}

async fn segments(world: &World) -> Vec<Key> {
    let mut objects = objects(&*world.store, "_snapshot/members/").await;
    objects.retain(|listed| listed.key.as_str().ends_with(".lz4"));
    objects.into_iter().map(|listed| listed.key).collect()
}

async fn overwrite(store: &dyn CasStore, key: &Key, bytes: impl Into<Bytes>) {
    let now = store.get(key).await.unwrap().unwrap();
    let expect = Expect::Exactly(now.version);
    let put = store.put(key, &expect, bytes.into()).await;
    assert!(matches!(put, Attempt::Applied(_)));
}

/// Every segment holds a few documents: there are many.
async fn packed(world: &World) -> u64 {
    let packer = world.open(0).await;
    let packed = packer
        .pack_snapshot::<Member>()
        .segment_bytes(16 * 1024)
        .await;
    let segments = packed.unwrap().segments;
    assert!(segments >= 4, "{segments}");
    segments
}

async fn packed_small(world: &World) {
    let packer = world.open(0).await;
    packer.pack_snapshot::<Member>().await.unwrap();
}
