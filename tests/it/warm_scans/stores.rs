//! Stores that tell versions in lists in their own way, or not at all.

use std::sync::Arc;

use bytes::Bytes;
use smarterbase::{Snapshots, prelude::*};
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, StoreError},
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::{TestClock, sweep::World};

use super::{MIB, Member, cost, counted, key, member, scan, segments};

/// A store whose LIST names versions of its own, as one does that counts time in seconds, or whose tags are weak.
#[derive(Debug)]
struct Vague {
    inner: Arc<dyn CasStore>,
    is_weak: bool,
}

impl Vague {
    fn shown(&self, mut version: Version) -> Version {
        if self.is_weak {
            version.e_tag = version.e_tag.map(|tag| format!("W/\"{tag}\""));
        }
        version
    }

    fn real(&self, version: &Version) -> Version {
        let tag = version.e_tag.as_deref().unwrap_or_default();
        match tag.strip_prefix("W/\"") {
            Some(tag) => Version::from_e_tag(tag.trim_end_matches('"')),
            None => version.clone(),
        }
    }

    fn object(&self, object: Object) -> Object {
        Object {
            version: self.shown(object.version),
            ..object
        }
    }
}

#[async_trait::async_trait]
impl CasStore for Vague {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> std::result::Result<Option<Object>, StoreError> {
        Ok(self.inner.get(key).await?.map(|object| self.object(object)))
    }

    async fn get_if_changed(
        &self,
        key: &Key,
        version: &Version,
    ) -> std::result::Result<Changed, StoreError> {
        Ok(
            match self.inner.get_if_changed(key, &self.real(version)).await? {
                Changed::Now(object) => Changed::Now(self.object(object)),
                other => other,
            },
        )
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let expect = match expect {
            Expect::Absent => Expect::Absent,
            Expect::Exactly(version) => Expect::Exactly(self.real(version)),
        };
        match self.inner.put(key, &expect, body).await {
            Attempt::Applied(version) => Attempt::Applied(self.shown(version)),
            other => other,
        }
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.inner.delete_if(key, &self.real(version)).await
    }

    async fn delete_retired(&self, key: &Key) -> std::result::Result<(), StoreError> {
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> std::result::Result<ListPage, StoreError> {
        let mut page = self.inner.list(prefix, after, limit).await?;
        for listed in &mut page.objects {
            listed.version = match self.is_weak {
                true => self.shown(listed.version.clone()),
                false => Version::from_e_tag("1"),
            };
        }
        Ok(page)
    }
}

#[tokio::test(start_paused = true)]
async fn where_lists_do_not_tell_versions_every_document_is_read() {
    for is_weak in [true, false] {
        let clock = Arc::new(TestClock::new());
        let inner = Arc::new(MemoryStore::with_clock(clock.clone()));
        let world = World::over(9, clock, Arc::new(Vague { inner, is_weak }));
        let builder = world.builder(3, world.store.clone()).body_cache(MIB);
        let db = builder
            .snapshots(Snapshots::ReadAndPack)
            .open()
            .await
            .unwrap();
        for number in 0..20 {
            Member::create(&db, member(number)).await.unwrap();
        }
        for _ in 0..2 {
            let (count, profile) = counted(&db).await;
            assert_eq!((count, cost(&profile)), (20, (1, 20)));
        }
        assert_eq!(db.body_cache_bytes(), 0);
        let refused = db.pack_snapshot::<Member>().await.unwrap_err();
        assert_eq!(refused.kind(), smarterbase::ErrorKind::Misconfigured);
        assert_eq!(segments(&world).await, []);
    }
}

/// A folder, whose LIST reads the `put` in every file (rule S29): a change by hand is seen.
#[tokio::test]
async fn s29_in_a_folder_the_nonce_in_the_file_tells_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || {
        let store = FileStore::open(folder.path(), FileOptions::default())
            .await
            .unwrap();
        let builder = Db::builder().store(Arc::new(store)).body_cache(MIB);
        builder.snapshots(Snapshots::Read).open().await.unwrap()
    };
    let db = open().await;
    for number in 0..40 {
        Member::create(&db, member(number)).await.unwrap();
    }
    counted(&db).await;
    let (_, profile) = counted(&db).await;
    assert_eq!((cost(&profile), profile.cached), ((1, 0), 40));
    db.pack_snapshot::<Member>().await.unwrap();
    let file = |number: usize| folder.path().join(format!("members/{}.json", key(number)));
    // By hand: the envelope stays as it is, and the time is the time of the change.
    let text = std::fs::read_to_string(file(3)).unwrap();
    std::fs::write(file(3), text.replace("Member 3", "Ada")).unwrap();
    // From a backup that restores times: other content has another nonce.
    let time = std::fs::metadata(file(4)).unwrap().modified().unwrap();
    let text = std::fs::read_to_string(file(5))
        .unwrap()
        .replace(&key(5), &key(4));
    std::fs::write(file(4), text).unwrap();
    std::fs::File::options()
        .write(true)
        .open(file(4))
        .unwrap()
        .set_modified(time)
        .unwrap();
    for db in [db, open().await] {
        let found = scan(&db).await.unwrap();
        assert_eq!(
            (&*found[3].name, &*found[4].name, found.len()),
            ("Ada", "Member 5", 40)
        );
    }
}
