//! What is compared: the definitions of one type in every place where they are ready.

use std::sync::Arc;

use crate::{
    document::IndexKind,
    error::{Error, Result},
    format::{
        catalog::State,
        entry::Tag,
        index_key::{EncodedValue, IndexEntries},
        path::EncodedId,
    },
    operation::{
        Collection, Engine, View,
        agreement::{self, Agreement, Site},
        attach,
        drift::IndexReport,
        engine::store_failure,
        read::{self, Fetched},
    },
    port::{
        IndexError,
        index::{Commit, IndexEntry, Outcome},
    },
};

/// The place of claims in reports.
const CLAIMS: &str = "claims";

/// One collection with what is compared in it.
pub(super) struct Scope {
    pub(super) engine: Arc<Engine>,
    pub(super) view: View,
    pub(super) collection: Arc<Collection>,
    pub(super) agreement: Arc<Agreement>,
    pub(super) targets: Vec<Target>,
}

/// One definition in one place.
pub(super) struct Target {
    pub(super) ordinal: usize,
    /// `None` for claims.
    pub(super) site: Option<Site>,
    state: State,
    /// The place cannot be compared, or not any more.
    is_off: bool,
}

/// What ends a look.
pub(super) enum Trouble {
    Failed(Error),
    /// One backend does not answer, lost entries, or may not be used.
    Backend(&'static str, IndexError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a document was at a look: its revision, its write, and the bytes that were put.
pub(super) type Identity = (u64, crate::format::Nonce, crate::format::Nonce);

/// `None` of a document that is not there.
pub(super) fn identity(fetched: Option<&Fetched>) -> Option<Identity> {
    let envelope = fetched?.envelope();
    Some((envelope.rev, envelope.write, envelope.put))
}

impl Target {
    pub(super) fn is_on(&self) -> bool {
        !self.is_off
    }

    /// The site of entries that are compared.
    pub(super) fn entries(&self) -> Option<&Site> {
        self.site.as_ref().filter(|_| self.is_on())
    }

    pub(super) fn is_claims(&self) -> bool {
        self.site.is_none() && self.is_on()
    }
}

impl Scope {
    /// `None` when the collection does not exist yet, and it is not made. One that does learns of this program's definitions,
    /// as by whatever a program does first, unless nothing may be written.
    pub(super) async fn open(
        engine: &Arc<Engine>,
        collection: &Arc<Collection>,
    ) -> Result<Option<Self>> {
        if agreement::fetch(engine, collection).await?.is_none() {
            return Ok(None);
        }
        let agreement = agreement::renew(engine, collection).await?;
        let targets = targets(engine, collection, &agreement);
        Ok(Some(Self {
            view: View::plain(engine.clone()),
            engine: engine.clone(),
            collection: collection.clone(),
            agreement,
            targets,
        }))
    }

    pub(super) fn reports(&self) -> Vec<IndexReport> {
        let report = |target: &Target| {
            let place = target
                .site
                .as_ref()
                .map_or(CLAIMS, |site| site.backend.name());
            IndexReport::new(
                self.definition(target),
                self.collection.kind(target.ordinal),
                place,
                target.state.name(),
            )
        };
        self.targets.iter().map(report).collect()
    }

    pub(super) fn definition(&self, target: &Target) -> &str {
        &self.collection.definitions[target.ordinal].name
    }

    /// The places that are compared, with their numbers.
    pub(super) fn on(&self) -> impl Iterator<Item = (usize, &Target)> {
        let targets = self.targets.iter().enumerate();
        targets.filter(|(_, target)| target.is_on())
    }

    pub(super) async fn fetch(&self, id: &EncodedId) -> Result<Option<Fetched>> {
        read::fetch(&self.view, &self.collection, id).await
    }

    /// The index values of a document; none when it is not live.
    pub(super) fn values(&self, id: &EncodedId, fetched: Option<&Fetched>) -> Result<IndexEntries> {
        fetched.map_or_else(
            || Ok(read::no_entries(&self.collection)),
            |fetched| (self.collection.entries)(&self.collection, id, fetched),
        )
    }

    /// A backend is not compared any further; one that lost entries is marked down as when a query meets it.
    pub(super) async fn lose(&mut self, backend: &'static str, error: IndexError) -> Result<()> {
        let is_lost = matches!(error, IndexError::Lost(_));
        for target in &mut self.targets {
            let site = target.site.as_ref();
            target.is_off |= site.is_some_and(|site| site.backend.name() == backend);
        }
        match error {
            IndexError::Store(error) => {
                Err(store_failure(error).in_collection(self.collection.name()))
            }
            _ if is_lost && self.engine.check_writable().is_ok() => {
                attach::mark_down(&self.engine, &self.collection, backend, &self.agreement).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Asks the catalog again. Gives the places that are not the same any more, which are not compared any further.
    pub(super) async fn confirm(&mut self) -> Result<Vec<usize>> {
        let now = agreement::renew(&self.engine, &self.collection).await?;
        let again = targets(&self.engine, &self.collection, &now);
        let mut gone = Vec::new();
        for (number, target) in self
            .targets
            .iter_mut()
            .enumerate()
            .filter(|(_, target)| target.is_on())
        {
            if !again.iter().any(|other| target.is_same(other)) {
                target.is_off = true;
                gone.push(number);
            }
        }
        Ok(gone)
    }
}

impl Target {
    fn is_same(&self, other: &Self) -> bool {
        let place = |target: &Self| {
            let site = target.site.as_ref();
            site.map(|site| (site.collection.instance.clone(), site.placed.clone()))
        };
        other.is_on() && self.ordinal == other.ordinal && place(self) == place(other)
    }
}

fn targets(engine: &Engine, collection: &Collection, agreement: &Agreement) -> Vec<Target> {
    let mut targets = Vec::new();
    for ordinal in 0..collection.definitions.len() {
        let of_definition = match collection.kind(ordinal) {
            IndexKind::Unique => vec![unique(collection, agreement, ordinal)],
            IndexKind::Index => indexes(engine, collection, agreement, ordinal),
        };
        targets.extend(of_definition);
    }
    targets
}

fn unique(collection: &Collection, agreement: &Agreement, ordinal: usize) -> Target {
    let entry = agreement.entry(collection, ordinal);
    Target {
        ordinal,
        site: None,
        state: entry
            .and_then(|entry| entry.state)
            .unwrap_or(State::Pending),
        is_off: !agreement.unique_is_ready(collection, ordinal),
    }
}

/// Where the index is placed on backends of this process.
fn indexes(
    engine: &Engine,
    collection: &Collection,
    agreement: &Agreement,
    ordinal: usize,
) -> Vec<Target> {
    let placed = agreement.placed_anywhere(engine, collection, ordinal);
    let target = |site: Site| Target {
        ordinal,
        state: site.state,
        is_off: site.state != State::Ready,
        site: Some(site),
    };
    placed.into_iter().map(target).collect()
}

/// The entry that finds a document by a value. Where entries have tags, the one that the document lists, else the one that a
/// rebuild makes.
pub(super) fn expected(
    site: &Site,
    definition: &str,
    fetched: &Fetched,
    values: &[EncodedValue],
    position: usize,
) -> IndexEntry {
    let envelope = fetched.envelope();
    let value = &values[position];
    let listed = envelope
        .index
        .get(definition)
        .filter(|tags| tags.len() == values.len())
        .and_then(|tags| Tag::parse(&tags[position]))
        .filter(|tag| tag.matches(value));
    let tag = listed.unwrap_or_else(|| Tag::new(envelope.rev, envelope.write, value));
    IndexEntry {
        placed: site.placed.clone(),
        value: value.clone(),
        tag: site.backend.uses_tags().then_some(tag),
    }
}

/// What the store says of a document, without any entries yet. The tag of an object with a write that is not decided is kept
/// back: it stays the same when the write is decided, and a rebuild would then take the entries of before for those of after.
pub(super) fn restore(id: &EncodedId, fetched: Option<&Fetched>) -> Commit {
    Commit {
        id: id.clone(),
        rev: fetched.map_or(0, |fetched| fetched.envelope().rev),
        write: None,
        outcome: Outcome::Restore,
        entries: Vec::new(),
        dropped: Vec::new(),
        placed: Vec::new(),
        e_tag: fetched
            .filter(|fetched| fetched.settled.is_decided())
            .and_then(|fetched| fetched.settled.version.e_tag.clone()),
    }
}
