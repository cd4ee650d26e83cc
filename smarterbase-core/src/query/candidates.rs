//! Ids of documents that may match: the entries of several ranges, merged by id, each id once.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    index_walk::{self, Answer, Source},
    overlay::name,
    range::IndexRange,
    selection::Place,
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

/// The entries of one range.
#[derive(Debug)]
struct Stream {
    range: IndexRange,
    /// Ids up to this one are left out.
    start: Option<EncodedId>,
    after: Option<Place>,
    buffer: VecDeque<(String, Candidate)>,
    is_done: bool,
}

impl Candidates {
    /// The candidates strictly after `after`.
    pub(crate) fn new(
        view: &View,
        collection: &Arc<Collection>,
        ranges: Vec<IndexRange>,
        after: Option<&EncodedId>,
    ) -> Self {
        let stream = |range: IndexRange| Stream {
            after: after.filter(|_| range.is_one_value()).map(|id| Place {
                value: EncodedValue(range.entries.lower.clone()),
                id: id.clone(),
            }),
            start: after.cloned(),
            buffer: VecDeque::new(),
            is_done: false,
            range,
        };
        Self {
            view: view.clone(),
            collection: collection.clone(),
            streams: ranges.into_iter().map(stream).collect(),
        }
    }

    /// The next candidates, up to `most`, asking for pages of `page` entries.
    pub(crate) async fn next(&mut self, most: usize, page: usize) -> Result<Next> {
        let mut found = Vec::new();
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
    async fn fill(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        page: usize,
    ) -> Result<bool> {
        if !self.range.is_one_value() {
            return self.gather(view, collection).await;
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
        let after = self.after.as_ref();
        let answer = index_walk::ask(view, collection, &self.range, false, after, page).await?;
        if let Some(last) = answer.as_ref().and_then(|answer| answer.page.hits.last()) {
            self.after = Some(Place {
                value: last.value.clone(),
                id: last.id.clone(),
            });
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
