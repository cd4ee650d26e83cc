//! Candidates that an index rules out by what it knows of their other values, before anything is read for them.
//!
//! A document is ruled out only when neither its committed entries nor any announced one meet a demand (rule S32). So nothing
//! is lost that the index of the demand would have found itself.

use std::{collections::BTreeMap, sync::Arc};

use super::{access::Demand, range::IndexRange};
use crate::{
    format::path::EncodedId,
    operation::{
        Collection, View,
        agreement::{Agreement, Site},
        profile::trace,
    },
    port::{
        IndexError,
        index::{Hit, Manifest, Manifests, Placed},
    },
};

/// Ruling out so many documents counts as reading one, for the budgets that bound a query.
pub(crate) const RULED_OUT_PER_READ: usize = 100;

/// Demands, and where they are asked for.
pub(crate) struct Sieve<'d> {
    demands: Vec<Vec<(Placed, &'d IndexRange)>>,
    site: Option<Site>,
}

impl<'d> Sieve<'d> {
    /// The demands that one backend can judge. In a transaction there are none: it must hear of a document that comes to meet
    /// a demand later, and hears only of those that it read.
    pub(crate) fn new(
        view: &View,
        collection: &Collection,
        agreement: &Agreement,
        demands: &'d [Demand],
    ) -> Self {
        let mut sieve = Self {
            demands: Vec::new(),
            site: None,
        };
        if view.attempt().is_none() {
            for demand in demands {
                sieve.add(view, collection, agreement, demand);
            }
        }
        sieve
    }

    /// Every range of a demand must lie on one backend, that of the other demands. Where entries are objects, nothing is known
    /// of a document but what a LIST of each of its values says.
    fn add(
        &mut self,
        view: &View,
        collection: &Collection,
        agreement: &Agreement,
        demand: &'d Demand,
    ) {
        let mut placed = Vec::new();
        for range in demand {
            let position = usize::from(range.ordinal);
            let site = agreement.ready(view, collection, position);
            let Some(site) = site.filter(|site| !site.backend.uses_tags()) else {
                return;
            };
            let first = self.site.get_or_insert_with(|| site.clone());
            if first.backend.name() != site.backend.name() {
                return;
            }
            placed.push((site.placed, range));
        }
        if !placed.is_empty() {
            self.demands.push(placed);
        }
    }

    /// Takes out the entries of documents that lack something, and says how many documents these were. Without an answer all
    /// of them stay.
    pub(crate) async fn rule_out(&self, hits: &mut Vec<Hit>) -> usize {
        let Some(site) = self.site.as_ref().filter(|_| !self.demands.is_empty()) else {
            return 0;
        };
        let mut ids: Vec<EncodedId> = hits.iter().map(|hit| hit.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return 0;
        }
        let manifests = match self.ask(site, &ids).await {
            Ok(Some(manifests)) => manifests,
            Ok(None) => return 0,
            Err(error) => {
                tracing::debug!(collection = site.collection.name, %error, "an index rules nothing out");
                return 0;
            }
        };
        trace::asked_an_index(u64::from(manifests.requests));
        let lacking = |(id, manifest): (EncodedId, Option<Manifest>)| {
            let lacks = manifest.is_some_and(|manifest| !self.passes(&manifest));
            lacks.then_some(id)
        };
        let told = ids.into_iter().zip(manifests.of);
        let lacking: Vec<EncodedId> = told.filter_map(lacking).collect();
        hits.retain(|hit| lacking.binary_search(&hit.id).is_err());
        trace::ruled_out(lacking.len());
        lacking.len()
    }

    async fn ask(&self, site: &Site, ids: &[EncodedId]) -> Result<Option<Manifests>, IndexError> {
        let placed = self.demands.iter().flatten();
        let placed: BTreeMap<u32, Placed> = placed
            .map(|(placed, _)| (placed.number, placed.clone()))
            .collect();
        let placed: Vec<Placed> = placed.into_values().collect();
        let backend = Arc::clone(&site.backend);
        backend.manifests(&site.collection, &placed, ids).await
    }

    fn passes(&self, manifest: &Manifest) -> bool {
        let has = |(placed, range): &(Placed, &IndexRange)| {
            manifest.may_have(placed.number, &range.entries)
        };
        self.demands.iter().all(|demand| demand.iter().any(has))
    }
}
