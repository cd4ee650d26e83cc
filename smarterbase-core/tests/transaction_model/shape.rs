//! What a transaction reads and writes.

use smarterbase_core::format::Key;

/// What it does to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    Put,
    Delete,
}

/// What its first document does with the unique value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClaimAim {
    Take,
    GiveUp,
}

/// The closure of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// One after the other.
    pub reads: Vec<Key>,
    /// In the order of the keys. What is not read is created.
    pub writes: Vec<(Key, Change)>,
    /// What is locked first.
    pub locks: Vec<Key>,
    /// The documents that a range it reads may show.
    pub range: Vec<Key>,
    /// Whether what it writes is in a range.
    pub announces: bool,
    pub claim: Option<ClaimAim>,
    /// Whether the former owner of a claim is touched. It has to be.
    pub touches_owner: bool,
    /// Whether the first attempt reads what it creates or claims, as later ones do.
    pub knows_more: bool,
    /// How often it runs.
    pub attempts: u8,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            reads: Vec::new(),
            writes: Vec::new(),
            locks: Vec::new(),
            range: Vec::new(),
            announces: false,
            claim: None,
            touches_owner: true,
            knows_more: false,
            attempts: 1,
        }
    }
}

impl Shape {
    pub(crate) fn reading(keys: &[Key]) -> Self {
        Self {
            reads: keys.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn writing(mut self, keys: &[Key]) -> Self {
        let written = keys.iter().map(|key| (key.clone(), Change::Put));
        self.writes.extend(written);
        self.writes.sort_by(|one, other| one.0.cmp(&other.0));
        self
    }

    pub(crate) fn deleting(mut self, key: &Key) -> Self {
        self.writes.push((key.clone(), Change::Delete));
        self.writes.sort_by(|one, other| one.0.cmp(&other.0));
        self
    }

    pub(crate) fn locking(mut self, keys: &[Key]) -> Self {
        self.locks = keys.to_vec();
        self
    }

    /// Reads a range that these documents may be in, and announces what it writes.
    pub(crate) fn ranging(mut self, documents: &[Key]) -> Self {
        self.range = documents.to_vec();
        self.announces = !self.writes.is_empty();
        self
    }

    pub(crate) fn trying(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    pub(crate) fn claiming(mut self, aim: ClaimAim) -> Self {
        self.claim = Some(aim);
        self
    }

    pub(crate) fn knowing(mut self) -> Self {
        self.knows_more = true;
        self
    }

    pub(crate) fn without_touch(mut self) -> Self {
        self.touches_owner = false;
        self
    }
}
