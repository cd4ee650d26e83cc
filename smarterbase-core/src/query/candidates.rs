//! Ids of documents that may match: the entries of several ranges, merged by id, each id once.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    index_walk::{self, Answer, Source, Wanted},
    overlay::name,
    plan::Finder,
    scan,
    selection::Place,
    sieve::RULED_OUT_PER_READ,
    unique,
};
use crate::{
    error::{Code, Error, Result},
    format::{index_key::EncodedValue, path::EncodedId},
    operation::{Collection, View},
    port::index::Hit,
};

/// One document that may match, and the entries that say so.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: EncodedId,
    pub(crate) entries: Vec<(Source, Hit)>,
}

/// What came next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Up to as many as were asked for; none at the end.
    Some(Vec<Candidate>),
    /// An index cannot be used any more.
    Lost,
}

/// A walk over the candidates in the order of ids. Holds one page of entries per range of one value, and all ids of a
/// range of several values, up to the limit.
#[derive(Debug)]
pub(crate) struct Candidates {
    view: View,
    collection: Arc<Collection>,
    streams: Vec<Stream>,
}

/// A page of entries is never smaller.
const SMALLEST_PAGE: usize = 16;

/// What one finder names.
#[derive(Debug)]
struct Stream {
    finder: Finder,
    /// Ids up to this one are left out.
    start: Option<EncodedId>,
    after: Option<Place>,
    /// How many documents the index ruled out.
    ruled_out: usize,
    buffer: VecDeque<(String, Candidate)>,
    is_done: bool,
}

impl Candidates {
    /// The candidates strictly after `after`.
    pub(crate) fn new(
        view: &View,
        collection: &Arc<Collection>,
        finders: Vec<Finder>,
        after: Option<&EncodedId>,
    ) -> Self {
        let finders = finders.into_iter();
        Self {
            view: view.clone(),
            collection: collection.clone(),
            streams: finders.map(|finder| Stream::new(finder, after)).collect(),
        }
    }

    /// The next candidates, up to `most`, asking for pages of `page` entries.
    pub(crate) async fn next(&mut self, most: usize, page: usize) -> Result<Next> {
        let mut found = Vec::new();
        // All streams together hold about one page.
        let page = (page / self.streams.len().max(1)).max(SMALLEST_PAGE);
        while found.len() < most {
            if !self.fill(page).await? {
                return Ok(Next::Lost);
            }
            match self.first() {
                Some(candidate) => found.push(candidate),
                None => break,
            }
        }
        Ok(Next::Some(found))
    }

    /// Every stream that goes on has something in its buffer; `false` when an index cannot be used.
    async fn fill(&mut self, page: usize) -> Result<bool> {
        let (view, collection) = (&self.view, &self.collection);
        let empty = self
            .streams
            .iter_mut()
            .filter(|stream| stream.buffer.is_empty() && !stream.is_done);
        let fills: Vec<_> = empty
            .map(|stream| stream.fill(view, collection, page))
            .collect();
        if fills.is_empty() {
            return Ok(true);
        }
        let filled: Vec<bool> = stream::iter(fills)
            .buffer_unordered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        let held: usize = self.streams.iter().map(|stream| stream.buffer.len()).sum();
        if held
            > view
                .limits
                .candidates
                .max(SMALLEST_PAGE * self.streams.len())
        {
            return Err(too_many(collection, view.limits.candidates));
        }
        Ok(filled.into_iter().all(|is_usable| is_usable))
    }

    /// The candidate with the smallest id, with the entries of every stream that has it.
    fn first(&mut self) -> Option<Candidate> {
        let fronts = self
            .streams
            .iter()
            .filter_map(|stream| stream.buffer.front());
        let smallest = fronts.map(|(name, _)| name).min()?.clone();
        let mut first: Option<Candidate> = None;
        for stream in &mut self.streams {
            while stream
                .buffer
                .front()
                .is_some_and(|(name, _)| *name == smallest)
            {
                let (_, candidate) = stream.buffer.pop_front().expect("there is a front");
                match &mut first {
                    Some(first) => first.entries.extend(candidate.entries),
                    None => first = Some(candidate),
                }
            }
        }
        first
    }
}

impl Stream {
    fn new(finder: Finder, after: Option<&EncodedId>) -> Self {
        let begins = match &finder {
            Finder::Range(range, _) if range.is_one_value() => after.map(|id| Place {
                value: EncodedValue(range.entries.lower.clone()),
                id: id.clone(),
            }),
            Finder::Range(..) | Finder::Holder(_) => None,
        };
        Self {
            after: begins,
            start: after.cloned(),
            ruled_out: 0,
            buffer: VecDeque::new(),
            is_done: false,
            finder,
        }
    }

    async fn fill(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        page: usize,
    ) -> Result<bool> {
        match &self.finder {
            Finder::Holder(_) => return self.holder(view, collection).await,
            Finder::Range(range, _) if !range.is_one_value() => {
                return self.gather(view, collection).await;
            }
            Finder::Range(..) => {}
        }
        while self.buffer.is_empty() && !self.is_done {
            let Some(answer) = self.ask(view, collection, page).await? else {
                return Ok(false);
            };
            self.is_done = !answer.page.has_more;
            let candidates = named(answer).into_iter();
            self.buffer
                .extend(candidates.map(|candidate| (name(&candidate.id), candidate)));
        }
        Ok(true)
    }

    /// The owner of the claim, whoever it is: the document is checked as every candidate is.
    async fn holder(&mut self, view: &View, collection: &Arc<Collection>) -> Result<bool> {
        let Finder::Holder(holder) = &self.finder else {
            return Ok(true);
        };
        let Some(owner) = unique::owner_of(view, collection, holder).await? else {
            return Ok(false);
        };
        self.is_done = true;
        let start = self.start.as_ref().map(name);
        let owner = owner.filter(|id| start.as_ref().is_none_or(|start| name(id) > *start));
        self.buffer.extend(owner.map(|id| {
            let entries = Vec::new();
            (name(&id), Candidate { id, entries })
        }));
        Ok(true)
    }

    /// All ids of the range: its entries come by value first.
    async fn gather(&mut self, view: &View, collection: &Arc<Collection>) -> Result<bool> {
        let start = self.start.as_ref().map(name);
        let mut gathered: BTreeMap<String, Candidate> = BTreeMap::new();
        while !self.is_done {
            let Some(answer) = self.ask(view, collection, index_walk::LARGEST_SCAN).await? else {
                return Ok(false);
            };
            self.is_done = !answer.page.has_more;
            for candidate in named(answer) {
                let name = name(&candidate.id);
                if start.as_ref().is_some_and(|start| name <= *start) {
                    continue;
                }
                match gathered.get_mut(&name) {
                    Some(known) => known.entries.extend(candidate.entries),
                    None => drop(gathered.insert(name, candidate)),
                }
            }
            if gathered.len() > view.limits.candidates {
                return Err(too_many(collection, view.limits.candidates));
            }
        }
        self.buffer = gathered.into_iter().collect();
        Ok(true)
    }

    async fn ask(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        page: usize,
    ) -> Result<Option<Answer>> {
        let Finder::Range(range, demands) = &self.finder else {
            return Ok(None);
        };
        let wanted = Wanted {
            range,
            demands,
            descending: false,
        };
        // Where few entries pass, small pages would ask often.
        let page = page.max(self.ruled_out.min(index_walk::LARGEST_SCAN));
        let after = self.after.as_ref();
        let answer = index_walk::ask(view, collection, &wanted, after, page).await?;
        if let Some(answer) = &answer {
            self.ruled_out += answer.ruled_out;
            let most = view.limits.scan_documents;
            if self.ruled_out / RULED_OUT_PER_READ > most {
                return Err(scan::over_budget(collection, most));
            }
            self.after = answer.last.clone().or_else(|| self.after.take());
        }
        Ok(answer)
    }
}

/// The entries of a page, those of one document together where they follow each other.
fn named(answer: Answer) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for hit in answer.page.hits {
        let source = answer.source.clone();
        match candidates.last_mut() {
            Some(last) if last.id == hit.id => last.entries.push((source, hit)),
            _ => candidates.push(Candidate {
                id: hit.id.clone(),
                entries: vec![(source, hit)],
            }),
        }
    }
    candidates
}

fn too_many(collection: &Collection, most: usize) -> Error {
    let text = format!(
        "a range that is not asked for in its own order holds more than {most} documents; order by its field, narrow it, or \
         raise `candidates`"
    );
    Error::new(Code::BUDGET, text).in_collection(collection.name())
}
