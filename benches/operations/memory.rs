//! The peak memory of streaming: a process of its own streams from a store that makes its documents as they are read.

use std::{fs, process::Command, sync::Arc};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use smarterbase::{Db, prelude::*};
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Listed, Object, StoreError,
    },
    store::MemoryStore,
};
use uuid::Uuid;

use crate::{
    documents::Plain,
    measure::{row, table},
};

/// The argument that makes this program the child process.
pub(crate) const CHILD: &str = "--stream-and-tell-the-peak";

/// How many kilobytes more 100,000 documents may take than 1,000: a page of names and the allocator's leftovers. The
/// documents themselves would take 60,000.
const MOST_GROWN: u64 = 5_000;

/// Measures and prints the peak of streaming few and many documents.
pub(crate) fn measure() -> anyhow::Result<()> {
    table(
        "Peak memory of streaming (`VmHWM` of a process that does nothing else)",
        &["Documents", "peak"],
    );
    let mut peaks = Vec::new();
    for documents in [100, 1_000, 100_000] {
        let child = Command::new(std::env::current_exe()?)
            .args(["--bench", CHILD, &documents.to_string()])
            .output()?;
        anyhow::ensure!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stderr)
        );
        let peak = String::from_utf8(child.stdout)?;
        let peak: u64 = peak.trim().parse()?;
        row(&[documents.to_string(), format!("{peak} kB")]);
        peaks.push(peak);
    }
    let grown = peaks[2].saturating_sub(peaks[1]);
    anyhow::ensure!(
        grown <= MOST_GROWN,
        "100,000 documents took {grown} kB more than 1,000"
    );
    Ok(())
}

/// The child: streams and prints the peak.
pub(crate) async fn stream(documents: u128, template: (Id<Plain>, Bytes)) -> anyhow::Result<()> {
    let store = Made {
        documents,
        template,
        rest: MemoryStore::new(),
    };
    let db = Db::builder().store(Arc::new(store)).open().await?;
    let seen = Plain::list(&db)
        .stream()
        .try_fold(0, async |seen, _| Ok(seen + 1))
        .await?;
    anyhow::ensure!(seen == documents, "{seen} of {documents}");
    let status = fs::read_to_string("/proc/self/status").context("only Linux tells the peak")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    println!("{}", peak.context("no VmHWM in kB")?.trim());
    Ok(())
}

/// A store whose collection `plain` has documents 1 to `documents`, made of one template when they are read.
#[derive(Debug)]
struct Made {
    documents: u128,
    template: (Id<Plain>, Bytes),
    rest: MemoryStore,
}

const FOLDER: &str = "plain/";

fn id_of(key: &Key) -> Option<Uuid> {
    let name = key.as_str().strip_prefix(FOLDER)?.strip_suffix(".json")?;
    Uuid::try_parse(name).ok()
}

impl Made {
    fn document(&self, id: Uuid) -> Object {
        let (of, bytes) = &self.template;
        let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
        let text = text.replace(&of.to_string(), &id.to_string());
        Object {
            version: Version::from_e_tag("1"),
            bytes: text.into(),
        }
    }

    fn listed(id: u128) -> Listed {
        Listed {
            key: Key::from_stored(format!("{FOLDER}{}.json", Uuid::from_u128(id))),
            version: Version::from_e_tag("1"),
            size: 0,
            last_modified: None,
        }
    }
}

#[async_trait]
impl CasStore for Made {
    fn capabilities(&self) -> Capabilities {
        self.rest.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        match id_of(key) {
            Some(id) => {
                // As a real store does, and so that reads overlap.
                tokio::task::yield_now().await;
                Ok(Some(self.document(id)))
            }
            None => self.rest.get(key).await,
        }
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.rest.get_if_changed(key, version).await
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.rest.put(key, expect, body).await
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.rest.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.rest.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        if prefix.as_str() != FOLDER {
            return self.rest.list(prefix, after, limit).await;
        }
        let first = after.and_then(id_of).map_or(1, |id| id.as_u128() + 1);
        let last = self.documents.min(first + limit as u128 - 1);
        Ok(ListPage {
            objects: (first..=last).map(Self::listed).collect(),
            has_more: last < self.documents,
        })
    }
}
