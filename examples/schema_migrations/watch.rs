//! Looks through the store again and again, past every program.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use smarterbase::port::CasStore;
use smarterbase_core::format::{Key, Prefix};

use crate::journal::Shared;

const PAUSE: Duration = Duration::from_millis(100);
/// How many products are read at the same time.
const READS: usize = 8;

/// A stored product, as far as its versions go.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    #[serde(rename = "_sb")]
    envelope: Option<Envelope>,
    /// What the first program wrote beside its members.
    #[serde(rename = "_v", default)]
    number: u32,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    schema: u32,
    rev: u64,
}

impl Stored {
    pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    pub(crate) fn revision(&self) -> u64 {
        self.envelope.as_ref().map_or(0, |envelope| envelope.rev)
    }

    /// As SmarterBase counts: the catalogue's number and 1.
    pub(crate) fn schema(&self) -> u32 {
        let envelope = self.envelope.as_ref();
        envelope.map_or(self.number + 1, |envelope| envelope.schema)
    }

    pub(crate) fn has_envelope(&self) -> bool {
        self.envelope.is_some()
    }
}

/// The products of a store and their bytes, by id.
pub(crate) async fn products(
    store: &Arc<dyn CasStore>,
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let (folder, mut after, mut products) = (Prefix::new("products/"), None, BTreeMap::new());
    loop {
        let page = store.list(&folder, after.as_ref(), 1_000).await?;
        let ids = page.objects.iter().filter_map(|listed| id_of(&listed.key));
        let read = ids.map(|(id, key)| async move {
            let object = store.get(key).await?;
            anyhow::Ok(object.map(|object| (id.to_owned(), object.bytes.to_vec())))
        });
        let read = futures::stream::iter(read.collect::<Vec<_>>()).buffered(READS);
        products.extend(
            read.try_filter_map(|found| async { Ok(found) })
                .try_collect::<Vec<_>>()
                .await?,
        );
        match page.objects.last() {
            Some(last) if page.has_more => after = Some(last.key.clone()),
            _ => return Ok(products),
        }
    }
}

fn id_of(key: &Key) -> Option<(&str, &Key)> {
    let id = key
        .as_str()
        .strip_prefix("products/")?
        .strip_suffix(".json")?;
    Some((id, key))
}

/// Writes down which revision has which version, for ever.
pub(crate) async fn watch(
    store: &Arc<dyn CasStore>,
    journal: &Shared,
) -> anyhow::Result<Infallible> {
    loop {
        look(store, journal).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks once. Gives how many products there are of each version.
pub(crate) async fn look(
    store: &Arc<dyn CasStore>,
    journal: &Shared,
) -> anyhow::Result<BTreeMap<u32, usize>> {
    let mut versions = BTreeMap::new();
    let products = products(store).await?;
    let mut journal = journal.lock();
    journal.looks += 1;
    for (id, bytes) in products {
        let stored = Stored::parse(&bytes).with_context(|| format!("products/{id} is no JSON"))?;
        *versions.entry(stored.schema()).or_default() += 1;
        let revisions = journal.seen.entry(id).or_default();
        revisions.insert(stored.revision(), stored.schema());
    }
    Ok(versions)
}
