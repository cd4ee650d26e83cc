//! What is measured, and the questions that are asked for it.

use crate::{
    article::{self, Article, HITS, Library},
    peer::{FIRST, PAGE, Peer},
};

/// How many documents a batch creates.
pub(crate) const BATCH: usize = 1_000;
/// The first new article of a batch; single ones come before it.
const FIRST_OF_BATCHES: usize = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    /// By an author who wrote this many.
    Find(usize),
    Union,
    Page,
    Lowest,
    Highest,
    Longest,
    Create,
    Batch,
}

/// In the order of the report.
pub(crate) const ALL: [Operation; 11] = [
    Operation::Get,
    Operation::Find(HITS[0]),
    Operation::Find(HITS[1]),
    Operation::Find(HITS[2]),
    Operation::Union,
    Operation::Page,
    Operation::Lowest,
    Operation::Highest,
    Operation::Longest,
    Operation::Create,
    Operation::Batch,
];

/// One thing to ask, with everything it needs made before the clock starts.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Get(u32),
    Find { author: String, hits: usize },
    Union([String; 3]),
    Page { after: i64 },
    Lowest,
    Highest,
    Longest,
    Create(Box<Article>),
    Batch(Vec<Article>),
}

impl Operation {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Get => "get by id".into(),
            Self::Find(1) => "find by index, 1 hit".into(),
            Self::Find(hits) => format!("find by index, {hits} hits"),
            Self::Union => format!("union of three values, {} hits", 3 * HITS[1]),
            Self::Page => format!("page of {PAGE}, deep in a range"),
            Self::Lowest => format!("sort ascending by an index, first {FIRST}"),
            Self::Highest => format!("sort descending by an index, first {FIRST}"),
            Self::Longest => format!("sort without an index, first {FIRST}"),
            Self::Create => "create, 3 indexes".into(),
            Self::Batch => format!("create {BATCH} at once"),
        }
    }

    /// Whether an answer is durable before it comes, so that the disk decides.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Batch)
    }

    /// Whether one question more is asked before the first that is timed: not of writes, and not where one takes seconds.
    pub(crate) fn warms_up(self) -> bool {
        !self.writes() && self != Self::Longest
    }

    /// Rounds, and questions of one system in each round.
    pub(crate) fn rounds(self) -> (usize, usize) {
        match self {
            Self::Get => (40, 10),
            Self::Find(_) | Self::Page | Self::Union | Self::Lowest => (40, 3),
            Self::Highest => (40, 1),
            Self::Longest => (5, 1),
            Self::Create => (40, 3),
            Self::Batch => (7, 1),
        }
    }

    /// Why SmarterBase takes as long as it does here, whatever the figure.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Get => {
                "One document is one file or one object: a get opens, reads and closes it, or is an HTTP request. The others read a page that \
                 they have in memory."
            }
            Self::Find(_) | Self::Union => {
                "The index only names candidates; every one is a file or an object of its own, read and checked. The others find their rows in a \
                 few pages in memory."
            }
            Self::Page => {
                "As a find, with 51 documents: one more than the page tells whether another follows. In a folder every value of the index is a \
                 folder too, and its names are listed to find the place."
            }
            Self::Lowest => {
                "In a folder the names of all values of the index are listed to find the lowest; Redis gives the first entries. Then every \
                 document is read on its own."
            }
            Self::Highest => {
                "Index entries that are objects can only be listed from the lowest up, so the whole index is walked; Redis reads from its end."
            }
            Self::Longest => {
                "Every document of the collection is read on its own, and sorted by the program."
            }
            Self::Create => {
                "Four objects: three index entries side by side, then the document, each with a file, a rename and a folder to bring to the disk. \
                 The others append once to a log, or write a few pages, and wait for one fsync."
            }
            Self::Batch => {
                "Every document is durable on its own, with its index entries, as if it came alone; 32 run at a time. The others bring all of \
                 them to the disk in one transaction."
            }
        }
    }

    /// The question with this number: the same for every system, but for the ids of new articles where two share a store.
    pub(crate) fn question(self, library: &Library, number: usize, first_new: usize) -> Question {
        match self {
            Self::Get => Question::Get(library.some_id(number)),
            Self::Find(hits) => Question::Find {
                author: library.author(hits, number),
                hits,
            },
            Self::Union => {
                Question::Union([0, 1, 2].map(|more| library.author(HITS[1], number + more)))
            }
            Self::Page => Question::Page {
                after: article::published(library.deep_in(number)),
            },
            Self::Lowest => Question::Lowest,
            Self::Highest => Question::Highest,
            Self::Longest => Question::Longest,
            Self::Create => Question::Create(Box::new(library.new_article(first_new + number))),
            Self::Batch => {
                let first = first_new + FIRST_OF_BATCHES + number * BATCH;
                Question::Batch(
                    (first..first + BATCH)
                        .map(|number| library.new_article(number))
                        .collect(),
                )
            }
        }
    }
}

impl Question {
    /// How many documents the answer must have.
    pub(crate) fn expects(&self) -> usize {
        match self {
            Self::Get(_) => 1,
            Self::Find { hits, .. } => *hits,
            Self::Union(authors) => HITS[1] * authors.len(),
            Self::Page { .. } => PAGE,
            Self::Lowest | Self::Highest | Self::Longest => FIRST,
            Self::Create(_) | Self::Batch(_) => 0,
        }
    }

    /// Asks `peer`, and gives what it answered.
    pub(crate) async fn ask(self, peer: &mut dyn Peer) -> anyhow::Result<Vec<Article>> {
        match self {
            Self::Get(id) => Ok(peer.get(id).await?.into_iter().collect()),
            Self::Find { author, .. } => peer.by_author(&author).await,
            Self::Union([first, second, third]) => peer.by_authors([&first, &second, &third]).await,
            Self::Page { after } => peer.page_after(after).await,
            Self::Lowest => peer.lowest().await,
            Self::Highest => peer.highest().await,
            Self::Longest => peer.longest().await,
            Self::Create(article) => peer.create(*article).await.map(|()| Vec::new()),
            Self::Batch(articles) => peer.create_many(articles).await.map(|()| Vec::new()),
        }
    }
}
