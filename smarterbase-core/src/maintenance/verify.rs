//! Comparing indexes with documents, in both directions, while others write: documents ▸ their entries and claims, entries ▸
//! their documents, claims ▸ their owners, then a second look at what seemed to be too many.
//!
//! **Never a false alarm.** What a document at one revision needs was there before that revision was put, and stays while it
//! is: so it is missing when the document was the same before and after the look, and the catalog calls the index ready, in
//! the same generation, after it. What seems to be too many may be about to leave, so it is looked at again after the in-flight
//! bound, and counts when it is the very same one.

mod claims;
mod documents;
mod entries;
mod repair;
mod scope;
mod suspects;

use std::{sync::Arc, time::Duration};

pub use crate::operation::drift::{CollectionReport, Drift, DriftKind, IndexReport, VerifyReport};
use crate::{
    error::{Code, Error, Result},
    operation::{Collection, Engine, metric},
};
use scope::{Scope, Trouble};
use suspects::Suspect;

/// How far a verification is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// The collection.
    pub collection: String,
    /// How many documents were compared with their entries and claims.
    pub documents: u64,
    /// How many entries and claims were compared with their documents.
    pub seen: u64,
}

/// How a verification runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// So many documents, and so many entries of each index; everything by default.
    pub(crate) sample: Option<usize>,
    pub(crate) repair: bool,
    /// At most so many documents are read in a second.
    pub(crate) per_second: Option<u32>,
}

type Tell<'a> = &'a mut (dyn FnMut(&VerifyProgress) + Send);

/// Compares one collection.
pub(crate) async fn verify(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    settings: Settings,
    tell: Tell<'_>,
) -> Result<CollectionReport> {
    if settings.repair {
        engine.check_open()?;
    }
    let Some(scope) = Scope::open(engine, collection).await? else {
        return Ok(unborn(collection));
    };
    let mut run = Run::new(scope, settings, tell);
    documents::walk(&mut run).await?;
    entries::walk(&mut run).await?;
    claims::walk(&mut run).await?;
    suspects::settle(&mut run).await?;
    Ok(run.report())
}

/// Nobody has written to the collection yet.
fn unborn(collection: &Collection) -> CollectionReport {
    CollectionReport {
        collection: collection.name().to_owned(),
        ..CollectionReport::default()
    }
}

/// One verification of one collection.
struct Run<'a> {
    scope: Scope,
    settings: Settings,
    report: CollectionReport,
    suspects: Vec<Suspect>,
    progress: VerifyProgress,
    tell: Tell<'a>,
}

impl<'a> Run<'a> {
    fn new(scope: Scope, settings: Settings, tell: Tell<'a>) -> Self {
        let name = scope.collection.name().to_owned();
        Self {
            report: CollectionReport {
                collection: name.clone(),
                indexes: scope.reports(),
                ..CollectionReport::default()
            },
            progress: VerifyProgress {
                collection: name,
                ..VerifyProgress::default()
            },
            scope,
            settings,
            suspects: Vec::new(),
            tell,
        }
    }

    fn report(self) -> CollectionReport {
        self.report
    }

    /// How many are looked at side by side.
    fn batch(&self) -> usize {
        let most = self.scope.engine.limits.concurrent_reads * 4;
        let rate = self.settings.per_second.map(|rate| rate.max(1) as usize);
        let sample = self.settings.sample.map(|sample| sample.max(1));
        [rate, sample].into_iter().flatten().fold(most, usize::min)
    }

    /// Tells how far it is, and lets a batch of `read` documents take as long as the rate allows.
    async fn rest(&mut self, read: usize) {
        self.progress.documents = self.report.documents;
        self.progress.seen = self.report.indexes.iter().map(|index| index.seen).sum();
        (self.tell)(&self.progress);
        if let Some(rate) = self.settings.per_second {
            let seconds = read as f64 / f64::from(rate.max(1));
            let pause = Duration::from_secs_f64(seconds);
            self.scope.engine.clock.sleep(pause).await;
        }
    }

    fn add(&mut self, target: usize, kind: DriftKind, id: &str) {
        let index = &mut self.report.indexes[target];
        index.add(kind, id);
        let collection = self.scope.collection.name();
        metric::drifted(kind, collection, &index.definition, index.place);
    }

    fn add_repaired(&mut self, target: usize) {
        let index = &mut self.report.indexes[target];
        index.repaired += 1;
        let collection = self.scope.collection.name();
        metric::repaired(collection, &index.definition, index.place);
    }

    /// A backend cannot be compared any further. Anything else ends the verification.
    async fn give_up(&mut self, trouble: Trouble) -> Result<()> {
        let (backend, error) = match trouble {
            Trouble::Failed(error) => return Err(error),
            Trouble::Backend(backend, error) => (backend, error),
        };
        let problem = error.to_string();
        self.scope.lose(backend, error).await?;
        let places = self.report.indexes.iter_mut();
        for index in places.filter(|index| index.place == backend && index.problem.is_none()) {
            index.problem = Some(problem.clone());
        }
        Ok(())
    }

    /// Drops every place that is no longer ready in the generation that was looked at, and notes why.
    async fn confirm_places(&mut self) -> Result<()> {
        for target in self.scope.confirm().await? {
            let index = &mut self.report.indexes[target];
            let problem = "it was taken out of use, or built anew, meanwhile";
            index.problem.get_or_insert_with(|| problem.to_owned());
        }
        Ok(())
    }
}

/// The collections of an earlier report in which something was found.
pub(crate) fn drifted(engine: &Engine, report: &VerifyReport) -> Result<Vec<Arc<Collection>>> {
    let known = engine.known_collections();
    let mut found = Vec::new();
    for drifted in report.collections.iter().filter(|one| !one.is_sound()) {
        let mut of_name = known
            .iter()
            .filter(|collection| collection.name() == drifted.collection)
            .peekable();
        if of_name.peek().is_none() {
            let text = "the report is of a collection that this program does not use";
            return Err(
                Error::new(Code::MISCONFIGURED, text).in_collection(drifted.collection.clone())
            );
        }
        found.extend(of_name.cloned());
    }
    Ok(found)
}
