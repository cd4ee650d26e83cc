//! The promises, proved on the stored objects and on a database that was opened anew.

use crate::{
    answers, catalogue::Catalogue, contents, indexes, journal::Journal, revisions, store, watch,
};

/// What the checks looked at, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) products: usize,
    /// Members that were compared, to the last digit.
    pub(crate) members: usize,
    pub(crate) revisions: usize,
    /// Answers that the programs got.
    pub(crate) answers: usize,
    pub(crate) definitions: usize,
    pub(crate) broken: Vec<String>,
}

impl Findings {
    pub(crate) fn breach(&mut self, what: String) {
        self.broken.push(what);
    }
}

/// Proves the promises. Nothing that a program of the run remembers helps.
pub(crate) async fn audit(url: &str, journal: &Journal) -> anyhow::Result<Findings> {
    let catalogue = Catalogue::read(journal.copies)?;
    let store = store::raw(url).await?;
    let stored = watch::products(&store).await?;
    let mut findings = Findings {
        products: stored.len(),
        broken: journal.broken.clone(),
        ..Findings::default()
    };
    contents::check(&catalogue, journal, &stored, &mut findings)?;
    let is_whole = findings.broken.is_empty();
    revisions::check(journal, &stored, &mut findings)?;
    answers::check(&catalogue, journal, &mut findings);
    // What cannot be decoded has no values to find it by.
    if is_whole {
        let db = smarterbase::open(url).await?;
        indexes::check(&db, &store, &mut findings).await?;
        db.close().await;
    }
    Ok(findings)
}
