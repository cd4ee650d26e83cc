//! What a verification of the indexes found, as data.

use std::fmt;

use crate::document::IndexKind;

/// How many documents a report names for each index; the counts go on.
const NAMED: usize = 20;

/// What was found in every collection that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// One for each type, by the name of the collection.
    pub collections: Vec<CollectionReport>,
}

/// What was found in one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionReport {
    /// The stored name.
    pub collection: String,
    /// How many live documents were compared with their entries and claims.
    pub documents: u64,
    /// Documents that cannot be read. They are in no count below, and nothing is repaired on their behalf.
    pub unreadable: u64,
    /// The encoded ids of the first of them.
    pub unreadable_ids: Vec<String>,
    /// One for each definition of the type and each place where it is kept.
    pub indexes: Vec<IndexReport>,
}

/// What was found in one definition in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexReport {
    /// `plan-1f0c9a2b`.
    pub definition: String,
    /// Whether values are claimed or only indexed.
    pub kind: IndexKind,
    /// `objects`, `redis`, or `claims` for a unique definition.
    pub place: &'static str,
    /// Its state in the catalog. Only what is `ready` is compared: the rest answers no query.
    pub state: &'static str,
    /// How many entries or claims of documents were looked for.
    pub checked: u64,
    /// How many entries or claims were compared with their documents.
    pub seen: u64,
    /// Entries and claims that documents need and that were not there: **a query may have missed the document**. Never more
    /// than [`checked`](Self::checked).
    pub missing: u64,
    /// Entries and claims that no document needs and no write can need any more. Harmless: they cost a read. Never more than
    /// [`seen`](Self::seen).
    pub extra: u64,
    /// Unique values that two live documents hold. Nothing repairs them: change one of the documents.
    pub duplicates: u64,
    /// What may belong to a write in flight, or to one that died before its put; and what kept changing while it was looked at.
    pub undecided: u64,
    /// How many of the missing and extra ones were put right.
    pub repaired: u64,
    /// The first documents of each kind.
    pub found: Vec<Drift>,
    /// What kept the comparison or a repair from being whole, if anything did: the first such thing.
    pub problem: Option<String>,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// What.
    pub kind: DriftKind,
    /// The encoded id of the document.
    pub id: String,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriftKind {
    /// The document needs it, and it is not there.
    Missing,
    /// It is there, and no document needs it.
    Extra,
    /// Another live document holds the same unique value.
    Duplicate,
}

impl DriftKind {
    /// As it is written in reports and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Duplicate => "duplicate",
        }
    }
}

impl IndexReport {
    pub(crate) fn new(
        definition: &str,
        kind: IndexKind,
        place: &'static str,
        state: &'static str,
    ) -> Self {
        Self {
            definition: definition.to_owned(),
            kind,
            place,
            state,
            checked: 0,
            seen: 0,
            missing: 0,
            extra: 0,
            duplicates: 0,
            undecided: 0,
            repaired: 0,
            found: Vec::new(),
            problem: None,
        }
    }

    /// Counts one finding, and names its document while there is room.
    pub(crate) fn add(&mut self, kind: DriftKind, id: &str) {
        match kind {
            DriftKind::Missing => self.missing += 1,
            DriftKind::Extra => self.extra += 1,
            DriftKind::Duplicate => self.duplicates += 1,
        }
        let named = self.found.iter().filter(|drift| drift.kind == kind);
        let drift = Drift {
            kind,
            id: id.to_owned(),
        };
        if named.count() < NAMED && !self.found.contains(&drift) {
            self.found.push(drift);
        }
    }

    /// Whether nothing is missing, too many, or held twice.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.missing + self.extra + self.duplicates == 0
    }

    /// The greater share of what was missing among what was looked for, and of what was too many among what was seen: from 0
    /// to 1.
    #[must_use]
    pub fn drift(&self) -> f64 {
        share(self.missing, self.checked).max(share(self.extra, self.seen))
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

impl CollectionReport {
    pub(crate) fn add_unreadable(&mut self, id: &str) {
        self.unreadable += 1;
        if self.unreadable_ids.len() < NAMED {
            self.unreadable_ids.push(id.to_owned());
        }
    }

    /// Whether every index is sound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.indexes.iter().all(IndexReport::is_sound)
    }

    /// The greatest [`drift`](IndexReport::drift) of its indexes.
    #[must_use]
    pub fn drift(&self) -> f64 {
        self.indexes
            .iter()
            .map(IndexReport::drift)
            .fold(0.0, f64::max)
    }
}

impl VerifyReport {
    /// Whether every index is sound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.collections.iter().all(CollectionReport::is_sound)
    }

    /// Whether all of what was missing or too many was put right. Values that two documents hold stay for a person.
    #[must_use]
    pub fn is_repaired(&self) -> bool {
        self.indexes()
            .all(|index| index.duplicates == 0 && index.repaired == index.missing + index.extra)
    }

    /// Every index of every collection.
    pub fn indexes(&self) -> impl Iterator<Item = &IndexReport> {
        self.collections
            .iter()
            .flat_map(|collection| &collection.indexes)
    }

    /// How many entries and claims were missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.indexes().map(|index| index.missing).sum()
    }

    /// How many entries and claims were too many.
    #[must_use]
    pub fn extra(&self) -> u64 {
        self.indexes().map(|index| index.extra).sum()
    }

    /// How many of them were put right.
    #[must_use]
    pub fn repaired(&self) -> u64 {
        self.indexes().map(|index| index.repaired).sum()
    }
}

/// One line for each collection, and one for each index.
impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for collection in &self.collections {
            write!(f, "{collection}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CollectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} documents", self.collection, self.documents)?;
        if self.unreadable > 0 {
            write!(f, ", {} unreadable", self.unreadable)?;
        }
        writeln!(f)?;
        self.indexes
            .iter()
            .try_for_each(|index| writeln!(f, "  {index}"))
    }
}

impl fmt::Display for IndexReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {} ({}): {} missing of {}, {} extra of {}, {} duplicate, {} undecided, {} repaired",
            self.definition,
            self.place,
            self.state,
            self.missing,
            self.checked,
            self.extra,
            self.seen,
            self.duplicates,
            self.undecided,
            self.repaired
        )?;
        match &self.problem {
            Some(problem) => write!(f, "; {problem}"),
            None => Ok(()),
        }
    }
}
