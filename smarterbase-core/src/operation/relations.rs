//! Who refers to whom among the types of a program, without their Rust types.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::BoxFuture;

use super::{
    Collection, Engine, View,
    expiry::{ExpiryReport, Held},
};
use crate::{
    document::{DocumentSpec, OnDelete, ReferenceSpec, Scalar, Timestamp},
    error::{Code, Error, ErrorKind, Result},
    format::{Key, path::EncodedId},
};

/// What is done with the documents of one type when one that they refer to is deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kin {
    pub(crate) spec: &'static DocumentSpec,
    pub(crate) collection: fn(&Engine) -> Arc<Collection>,
    pub(crate) find: Find,
    pub(crate) parents: Parents,
    pub(crate) delete: Act,
    pub(crate) delete_tree: DeleteTree,
    pub(crate) nullify: Act,
    pub(crate) delete_root: DeleteRoot,
    /// `None`: the type has no TTL index.
    pub(crate) expire: Option<Expire>,
}

/// Documents with this value of an index, by id after this one: at most so many.
pub(crate) type Find = for<'a> fn(
    &'a View,
    &'a Referrer,
    Option<&'a EncodedId>,
    usize,
) -> BoxFuture<'a, Result<Vec<EncodedId>>>;
/// The documents that a document goes along with, and how it refers to each.
pub(crate) type Parents =
    for<'a> fn(&'a View, &'a EncodedId) -> BoxFuture<'a, Result<Vec<(Node, Referrer)>>>;
/// Changes a document, if it still refers as it did. Gives whether it did.
pub(crate) type Act =
    for<'a> fn(&'a View, &'a EncodedId, &'a Referrer) -> BoxFuture<'a, Result<bool>>;
/// Deletes a document with everything that goes along, if it still refers as it did.
pub(crate) type DeleteTree = for<'a> fn(
    &'a View,
    &'a EncodedId,
    &'a Referrer,
    &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<bool>>;
/// Deletes a document with everything that goes along.
pub(crate) type DeleteRoot =
    for<'a> fn(&'a View, &'a EncodedId, &'a Ancestry<'a>) -> BoxFuture<'a, Result<bool>>;

/// Deletes the documents whose moment in a TTL index, named by its ordinal, is not after this one.
pub(crate) type Expire =
    for<'a> fn(&'a View, u16, Timestamp, &'a Held) -> BoxFuture<'a, Result<ExpiryReport>>;

/// A document by its collection and id.
pub(crate) type Node = (&'static str, String);

/// What a deletion belongs to.
#[derive(Clone, Default)]
pub(crate) struct Ancestry<'a> {
    /// The documents that are being deleted with it, from the first one down.
    pub(crate) documents: BTreeSet<Node>,
    /// The entry of the journal that says so already.
    pub(crate) entry: Option<Key>,
    /// Whether the first document is still to go; `None`: whatever becomes of it.
    pub(crate) condition: Option<&'a dyn Condition>,
    /// Whether somebody asks again for what was left half way, so that no journal need say so.
    pub(crate) is_repeated: bool,
    /// Whether anything of it went, or may have gone.
    has_changed: Arc<AtomicBool>,
}

/// What the document that a deletion began with must be like while what depends on it goes.
pub(crate) trait Condition: Send + Sync {
    /// Whether it is so, as the view shows it.
    fn holds<'a>(&'a self, view: &'a View) -> BoxFuture<'a, Result<bool>>;
}

impl<'a> Ancestry<'a> {
    /// Of a deletion that an entry of the journal speaks of.
    pub(crate) fn of_entry(entry: Key) -> Self {
        Self {
            entry: Some(entry),
            ..Self::default()
        }
    }

    /// Of a deletion while a condition holds.
    pub(crate) fn while_holds(condition: &'a dyn Condition, is_repeated: bool) -> Self {
        Self {
            condition: Some(condition),
            is_repeated,
            ..Self::default()
        }
    }

    /// Whether it is part of a larger deletion that has begun.
    pub(crate) fn is_part(&self) -> bool {
        self.entry.is_some() || !self.documents.is_empty()
    }

    /// Whether the first document is still to go, as the view shows it.
    pub(crate) async fn is_wanted(&self, view: &View) -> Result<bool> {
        match self.condition {
            Some(condition) => condition.holds(view).await,
            None => Ok(true),
        }
    }

    /// Remembers what became of a part: `changed` says whether one that was carried out changed anything.
    pub(crate) fn note<R>(&self, part: &Result<R>, changed: impl FnOnce(&R) -> bool) {
        let has_changed = match part {
            Ok(done) => changed(done),
            Err(error) => error.kind() == ErrorKind::OutcomeUnknown,
        };
        if has_changed {
            self.has_changed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether anything of it went, or may have gone.
    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }
}

/// How documents refer to one that is being deleted.
#[derive(Clone, Debug)]
pub(crate) struct Referrer {
    pub(crate) reference: &'static ReferenceSpec,
    /// The key of the document that is being deleted.
    pub(crate) target: Scalar<'static>,
}

/// The types of the program, once it has told them.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    types: OnceLock<Vec<Kin>>,
}

impl Relations {
    /// Takes the program's types; the first list stands.
    pub(crate) fn set(&self, types: Vec<Kin>) {
        let _first_stands = self.types.set(types);
    }

    pub(crate) fn types(&self) -> &[Kin] {
        self.types.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn kin(&self, collection: &str) -> Option<&Kin> {
        let mut types = self.types.get().into_iter().flatten();
        types.find(|kin| kin.spec.collection == collection)
    }

    /// The types whose documents are touched when one of this collection is deleted, and by which reference.
    pub(crate) fn referring_to(&self, collection: &str) -> Vec<(&Kin, &'static ReferenceSpec)> {
        let types = self.types.get().into_iter().flatten();
        let references = types.flat_map(|kin| {
            kin.spec
                .references
                .iter()
                .map(move |reference| (kin, reference))
        });
        references
            .filter(|(_, reference)| {
                reference.target == collection && reference.on_delete != OnDelete::Nothing
            })
            .collect()
    }

    /// A program that writes documents which depend on others must know the others' dependants when it deletes; one that
    /// writes documents which do not last deletes them by itself.
    pub(crate) fn check_known(&self, spec: &DocumentSpec) -> Result<()> {
        let mut references = spec.references.iter();
        let says = if references.any(|reference| reference.on_delete != OnDelete::Nothing) {
            "says what happens when what it refers to is deleted"
        } else if spec.has_ttl() {
            "has a TTL index"
        } else {
            return Ok(());
        };
        if self.kin(spec.collection).is_some() {
            return Ok(());
        }
        let cure = match self.types() {
            [] => {
                "so programs that write it open the database with their list of types: \
                   `smarterbase::open(..).await?.with_schema::<..>()`"
            }
            _ => {
                "and it is not in the list of types that the database was given first (`with_schema`)"
            }
        };
        let text = format!("`{}` {says}, {cure}", spec.type_name);
        Err(Error::new(Code::MISCONFIGURED, text).in_collection(spec.collection))
    }
}
