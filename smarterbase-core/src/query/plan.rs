//! How a selection is carried out: by which index, in which order. Only the cost depends on it, never the results.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};

use super::{
    access::{self, Demand, Holder, InOrder, Way},
    index_walk::LARGEST_SCAN,
    range::IndexRange,
    selection::{By, Selection},
};
use crate::{
    document::{Document, IndexKind},
    error::{Code, Error, Result},
    operation::{
        Collection, View,
        agreement::{self, Agreement, Site},
        metric,
        outage::Fallback,
        profile::{Access, Complexity, trace},
    },
};

/// What names candidates by id.
#[derive(Clone, Debug)]
pub(crate) enum Finder {
    /// The entries of a range, without those of documents that lack what else is demanded.
    Range(IndexRange, Vec<Demand>),
    Holder(Holder),
}

impl Finder {
    fn describe(&self) -> String {
        match self {
            Self::Range(range, _) => range.describe(),
            Self::Holder(_) => "the holder of a unique value".to_owned(),
        }
    }

    fn demanding(self, more: &[Demand]) -> Self {
        match self {
            Self::Range(range, mut demands) => {
                demands.extend_from_slice(more);
                Self::Range(range, demands)
            }
            Self::Holder(holder) => Self::Holder(holder),
        }
    }
}

/// How the documents of a selection are found.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made per page, and moved once"
)]
pub(crate) enum Plan {
    /// The entries of one range stand in the order of the results.
    InOrder(InOrder),
    /// These hold every match; they are merged by id.
    Candidates(Vec<Finder>),
    /// At most one document holds the unique value.
    Holder(Holder),
    /// Every document is read.
    Scan,
}

impl Plan {
    /// How documents are found, and what the number of requests grows with.
    fn class(&self, in_id_order: bool) -> (Access, Complexity) {
        match self {
            Self::InOrder(_) => (Access::IndexOrder, Complexity::Results),
            Self::Candidates(_) if in_id_order => (Access::IndexCandidates, Complexity::Results),
            Self::Candidates(_) => (Access::IndexCandidates, Complexity::Matches),
            Self::Holder(_) => (Access::UniqueValue, Complexity::Constant),
            Self::Scan => (Access::Scan, Complexity::Collection),
        }
    }

    /// The same plan for documents that must have more than what finds them.
    fn demanding(self, more: &[Demand]) -> Self {
        match self {
            Self::Candidates(finders) => {
                let finders = finders.into_iter();
                Self::Candidates(finders.map(|finder| finder.demanding(more)).collect())
            }
            Self::InOrder(mut plan) => {
                let range = plan.range.clone();
                let is_other = |demand: &&Demand| !demand.iter().any(|one| one.is_same(&range));
                plan.demands.extend(more.iter().filter(is_other).cloned());
                Self::InOrder(plan)
            }
            Self::Holder(_) | Self::Scan => self,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::InOrder(plan) => format!("{}, in its order", plan.range.describe()),
            Self::Candidates(ranges) => {
                let mut names: Vec<_> = ranges.iter().map(Finder::describe).collect();
                names.sort_unstable();
                names.dedup();
                format!("{}, {} range(s)", names.join(" + "), ranges.len())
            }
            Self::Holder(_) => "the holder of a unique value".to_owned(),
            Self::Scan => "every document".to_owned(),
        }
    }
}

/// More entries than anybody would read.
const MANY: u64 = u64::MAX / 4;

/// How many ranges of a union are estimated; the others are taken to be as large.
const ESTIMATED_RANGES: usize = 8;

/// Chooses the cheapest plan for `wanted` results.
pub(crate) async fn choose<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
    wanted: usize,
) -> Result<Plan> {
    let plan = cheapest_plan(view, collection, selection, wanted).await?;
    let (access, complexity) = plan.class(selection.is_in_id_order());
    trace::planned(access, complexity, || {
        (plan.describe(), selection.describe())
    });
    if access == Access::Scan && could_use_an_index(selection) {
        fall_back(view, collection, selection.fallback)?;
    }
    Ok(plan)
}

/// A query that an index should answer has to scan: it says so, wakes who builds lost indexes, and asks whether it may.
///
/// # Errors
/// As [`check_may_scan`].
pub(crate) fn fall_back(
    view: &View,
    collection: &Collection,
    asked: Option<Fallback>,
) -> Result<()> {
    if has_lost_an_index(view, collection) {
        view.notice_outage();
    }
    scan_instead(view, collection, asked)
}

/// Whether an index of this program is to be built by itself. One that was never built waits until somebody asks (rule S10),
/// and queries that scan instead must not wake anybody as long as it does.
fn has_lost_an_index(view: &View, collection: &Collection) -> bool {
    let (Some(primary), Some(agreement)) = (view.backends.first(), collection.catalog.latest())
    else {
        return false;
    };
    (0..collection.definitions.len()).any(|ordinal| {
        let entry = agreement.entry(collection, ordinal);
        let placement = entry.and_then(|entry| entry.backends.get(primary.name()));
        placement.is_some_and(|placed| placed.state.is_lost())
    })
}

/// The same where no outage is the reason: claims lie in the store, and somebody must ask for them to be built.
///
/// # Errors
/// As [`check_may_scan`].
pub(crate) fn scan_instead(
    view: &View,
    collection: &Collection,
    asked: Option<Fallback>,
) -> Result<()> {
    trace::fell_back();
    metric::fell_back(collection.name());
    check_may_scan(view, collection, asked)
}

/// Whether documents may be read for which an index is there that cannot be used now.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) (`SB-INDEX-UNAVAILABLE`): not by this request, or this database.
pub(crate) fn check_may_scan(
    view: &View,
    collection: &Collection,
    asked: Option<Fallback>,
) -> Result<()> {
    match asked.unwrap_or(view.fallback()) {
        Fallback::Scan => Ok(()),
        Fallback::Never => {
            let text = "no index that finds the documents can be used now, and the request must not scan (`Fallback::Never`)";
            Err(Error::new(Code::INDEX_UNAVAILABLE, text).in_collection(collection.name()))
        }
    }
}

/// Whether an index would find what is selected, or give its order, were it ready.
fn could_use_an_index<T: Document>(selection: &Selection<'_, T>) -> bool {
    let gives_order = match &selection.order {
        By::Entry(_) => true,
        By::Field(reader) => {
            let in_order = access::in_order(reader, &selection.condition, &|_| true);
            matches!(in_order, Ok(Some(_)))
        }
        By::Id => false,
    };
    gives_order || matches!(access::ways(&selection.condition, &|_| true), Ok(Some(_)))
}

async fn cheapest_plan<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
    wanted: usize,
) -> Result<Plan> {
    if matches!(selection.order, By::Id) && selection.condition.is_all() {
        return Ok(Plan::Scan);
    }
    let agreement = agreement::current(view, collection).await?;
    let is_ready = |ordinal: u16| is_ready(view, collection, &agreement, ordinal);
    if let By::Entry(range) = &selection.order {
        let plan = of_entries(range, is_ready(range.ordinal));
        let others = access::ways(&selection.condition, &is_ready)?;
        return Ok(plan.demanding(&others.map_or_else(Vec::new, |way| way.demands())));
    }
    let in_order = match &selection.order {
        By::Field(reader) => access::in_order(reader, &selection.condition, &is_ready)?,
        _ => None,
    };
    if let Some(all) = in_order.as_ref().filter(|_| selection.condition.is_all()) {
        return Ok(Plan::InOrder(all.clone()));
    }
    let chooser = Chooser {
        view,
        collection,
        agreement: &agreement,
    };
    match (access::ways(&selection.condition, &is_ready)?, in_order) {
        (None, None) => Ok(Plan::Scan),
        (None, Some(in_order)) => Ok(Plan::InOrder(in_order)),
        (Some(way), None) => Ok(chooser.cheapest(way).await?.0),
        // The range that gives the order is the one that finds the documents.
        (Some(Way::Range(range)), Some(in_order)) if range.is_same(&in_order.range) => {
            Ok(Plan::InOrder(in_order))
        }
        (Some(way), Some(in_order)) => chooser.sorted_or_in_order(way, in_order, wanted).await,
    }
}

/// About how many entries there are of what is selected.
///
/// # Errors
/// [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): no index that is ready finds it.
pub(crate) async fn estimate<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
) -> Result<u64> {
    let agreement = agreement::current(view, collection).await?;
    let is_ready = |ordinal: u16| is_ready(view, collection, &agreement, ordinal);
    let chooser = Chooser {
        view,
        collection,
        agreement: &agreement,
    };
    let way = match &selection.order {
        By::Entry(range) if is_ready(range.ordinal) => Some(Way::Range(range.clone())),
        By::Entry(_) => None,
        _ => access::ways(&selection.condition, &is_ready)?,
    };
    match way {
        Some(way) => chooser.count(&way).await,
        None => Err(Error::new(Code::BUDGET, "no index that is ready can tell")
            .in_collection(collection.name())),
    }
}

/// Says how a query without a type finds its documents, in the order of ids: by these, or by reading every one.
pub(crate) fn planned_by_id(finders: Option<&[Finder]>, condition: impl FnOnce() -> String) {
    let plan = match finders {
        None => Plan::Scan,
        Some([Finder::Holder(holder)]) => Plan::Holder(holder.clone()),
        Some(finders) => Plan::Candidates(finders.to_vec()),
    };
    let (access, complexity) = plan.class(true);
    trace::planned(access, complexity, || (plan.describe(), condition()));
}

/// What finds candidates by conditions that are not of a type: `ways` gives what could, by which definitions are ready. `None`:
/// nothing does. A catalog that this program cannot agree on is no error: whoever only reads may scan.
pub(crate) async fn finders(
    view: &View,
    collection: &Arc<Collection>,
    ways: impl FnOnce(access::IsReady<'_>) -> Result<Option<Way>>,
) -> Result<Option<Vec<Finder>>> {
    let agreement = match agreement::current(view, collection).await {
        Ok(agreement) => agreement,
        Err(error) => {
            tracing::debug!(collection = collection.name(), %error, "no index is used");
            return Ok(None);
        }
    };
    let way = ways(&|ordinal| is_ready(view, collection, &agreement, ordinal))?;
    let Some(way) = way else {
        return Ok(None);
    };
    let chooser = Chooser {
        view,
        collection,
        agreement: &agreement,
    };
    Ok(match chooser.cheapest(way).await?.0 {
        Plan::Candidates(finders) => Some(finders),
        Plan::Holder(holder) => Some(vec![Finder::Holder(holder)]),
        Plan::InOrder(_) | Plan::Scan => None,
    })
}

fn is_ready(view: &View, collection: &Collection, agreement: &Agreement, ordinal: u16) -> bool {
    let position = usize::from(ordinal);
    match collection.spec.indexes[position].kind {
        IndexKind::Index => agreement.ready(view, collection, position).is_some(),
        IndexKind::Unique => agreement.unique_is_ready(collection, position),
    }
}

fn of_entries(range: &IndexRange, is_ready: bool) -> Plan {
    if !is_ready {
        return Plan::Scan;
    }
    Plan::InOrder(InOrder {
        range: range.clone(),
        leading: bytes::Bytes::new(),
        demands: Vec::new(),
    })
}

/// Compares ways by how many entries they hold.
struct Chooser<'c> {
    view: &'c View,
    collection: &'c Arc<Collection>,
    agreement: &'c Agreement,
}

impl Chooser<'_> {
    /// The cheapest of the alternatives, and about how many candidates it has, where that was asked.
    fn cheapest(&self, way: Way) -> BoxFuture<'_, Result<(Plan, Option<u64>)>> {
        async move {
            match way {
                Way::Range(range) => {
                    let finder = Finder::Range(range, Vec::new());
                    Ok((Plan::Candidates(vec![finder]), None))
                }
                Way::Holder(holder) => Ok((Plan::Holder(holder), Some(1))),
                Way::Each(ways) => self.together(ways).await,
                Way::Either(ways) => {
                    let estimates = self.estimates(&ways).await?;
                    let ways = estimates.into_iter().zip(ways);
                    let mut ways: Vec<(u64, Way)> = ways.collect();
                    ways.sort_by_key(|(entries, _)| *entries);
                    let (entries, way) = ways.remove(0);
                    // The others say what the documents must have besides.
                    let others: Vec<_> = ways.iter().flat_map(|(_, way)| way.demands()).collect();
                    let (plan, _) = self.cheapest(way).await?;
                    Ok((plan.demanding(&others), Some(entries)))
                }
            }
        }
        .boxed()
    }

    /// The ranges of every part.
    async fn together(&self, ways: Vec<Way>) -> Result<(Plan, Option<u64>)> {
        let mut finders = Vec::new();
        for way in ways {
            match self.cheapest(way).await?.0 {
                Plan::Candidates(more) => finders.extend(more),
                Plan::Holder(holder) => finders.push(Finder::Holder(holder)),
                Plan::InOrder(_) | Plan::Scan => {}
            }
        }
        Ok((Plan::Candidates(finders), None))
    }

    /// Reading all that matches and sorting it, or reading in order and leaving out what does not match.
    async fn sorted_or_in_order(&self, way: Way, in_order: InOrder, wanted: usize) -> Result<Plan> {
        let (plan, entries) = self.cheapest(way.clone()).await?;
        let matching = match entries {
            Some(entries) => entries,
            None => self.estimate(&way).await?,
        };
        let most = self.view.limits.scan_documents as u64;
        if matching <= most.min(wanted as u64) {
            return Ok(plan);
        }
        let all = self.estimate(&Way::Range(in_order.range.clone())).await?;
        Ok(if is_cheaper_sorted(matching, all, wanted as u64, most) {
            plan
        } else {
            Plan::InOrder(in_order).demanding(&way.demands())
        })
    }

    async fn estimates(&self, ways: &[Way]) -> Result<Vec<u64>> {
        let estimates: Vec<_> = ways.iter().map(|way| self.estimate(way)).collect();
        let most = self.view.limits.concurrent_reads;
        stream::iter(estimates).buffered(most).try_collect().await
    }

    /// About how many entries a way holds.
    fn estimate<'w>(&'w self, way: &'w Way) -> BoxFuture<'w, Result<u64>> {
        async move {
            match way {
                Way::Range(range) => self.estimate_range(range).await,
                Way::Holder(_) => Ok(1),
                Way::Either(ways) => Ok(self.estimates(ways).await?.into_iter().min().unwrap_or(0)),
                Way::Each(ways) => {
                    let some = &ways[..ways.len().min(ESTIMATED_RANGES)];
                    let entries = self.estimates(some).await?.into_iter();
                    let entries = entries.fold(0, u64::saturating_add);
                    Ok(entries.saturating_mul(ways.len() as u64) / some.len().max(1) as u64)
                }
            }
        }
        .boxed()
    }

    /// How many entries a way holds: all of them are counted.
    fn count<'w>(&'w self, way: &'w Way) -> BoxFuture<'w, Result<u64>> {
        async move {
            let counts = |ways: &'w [Way]| {
                let counts: Vec<_> = ways.iter().map(|way| self.count(way)).collect();
                let most = self.view.limits.concurrent_reads;
                stream::iter(counts).buffered(most).try_collect::<Vec<_>>()
            };
            Ok(match way {
                Way::Range(range) => self.count_range(range).await?,
                Way::Holder(_) => 1,
                Way::Either(ways) => counts(ways).await?.into_iter().min().unwrap_or(0),
                Way::Each(ways) => counts(ways).await?.into_iter().sum(),
            })
        }
        .boxed()
    }

    async fn count_range(&self, range: &IndexRange) -> Result<u64> {
        let position = usize::from(range.ordinal);
        let site = self.agreement.ready(self.view, self.collection, position);
        let Some(Site {
            backend,
            collection,
            placed,
            ..
        }) = site
        else {
            return Ok(0);
        };
        let counted = backend.count(&collection, &placed, &range.entries).await;
        counted.map_err(|error| {
            Error::new(Code::UNAVAILABLE, error.to_string()).in_collection(self.collection.name())
        })
    }

    /// An index that does not answer has very many entries: whoever uses it finds out more.
    async fn estimate_range(&self, range: &IndexRange) -> Result<u64> {
        let position = usize::from(range.ordinal);
        let Some(site) = self.agreement.ready(self.view, self.collection, position) else {
            return Ok(MANY);
        };
        let estimate = site
            .backend
            .estimate(&site.collection, &site.placed, &range.entries);
        if !site.backend.uses_tags() {
            trace::asked_an_index(u64::from(site.collection.shards));
        }
        Ok(match estimate.await {
            // Where entries are objects, one page of them says no more.
            Ok(entries) if site.backend.uses_tags() && entries >= LARGEST_SCAN as u64 => MANY,
            Ok(entries) => entries,
            Err(error) => {
                tracing::debug!(collection = self.collection.name(), %error, "an index gave no estimate");
                MANY
            }
        })
    }
}

/// Whether reading all `matching` documents is cheaper than reading the `all` entries in order until `wanted` match; and
/// whether they may be sorted at all.
fn is_cheaper_sorted(matching: u64, all: u64, wanted: u64, most: u64) -> bool {
    let read_in_order = wanted.saturating_mul(all) / matching.max(1);
    matching <= most && matching <= read_in_order
}

#[cfg(test)]
mod tests {
    use super::is_cheaper_sorted;

    #[test]
    fn few_matches_are_sorted_and_many_are_read_in_order() {
        assert!(is_cheaper_sorted(5, 100_000, 20, 10_000));
        assert!(is_cheaper_sorted(1_000, 100_000, 20, 10_000));
        assert!(!is_cheaper_sorted(5_000, 100_000, 20, 10_000));
        assert!(
            !is_cheaper_sorted(50_000, 100_000, 60_000, 10_000),
            "above the budget"
        );
        assert!(!is_cheaper_sorted(100, 100, 20, 10_000));
    }
}
