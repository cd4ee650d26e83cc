//! The promises, proved on a database that was opened anew.

use crate::{
    journal::Journal,
    ledger::{Books, Ledger},
    remains::{self, Remains},
    serial::Precedence,
    store,
};

/// What the checker looked at, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) accounts: usize,
    pub(crate) closings: usize,
    pub(crate) transfers: usize,
    pub(crate) revisions: usize,
    /// Orders without an answer that turned out to have happened.
    pub(crate) unknown_applied: usize,
    pub(crate) events: usize,
    pub(crate) arrows: usize,
    pub(crate) remains: Remains,
    pub(crate) broken: Vec<String>,
}

/// Proves the promises. Nothing that the run's own handle remembers helps.
pub(crate) async fn audit(url: &str, journal: &Journal) -> anyhow::Result<Findings> {
    let db = store::open_for_audit(url).await?;
    let books = Books::read(&db).await?;
    let mut findings = compare(&books, journal);
    findings.remains = remains::clear(&db, &store::raw(url).await?).await?;
    db.close().await;
    findings.broken.append(&mut findings.remains.broken);
    Ok(findings)
}

fn compare(books: &Books, journal: &Journal) -> Findings {
    let ledger = Ledger::new(books, journal);
    let precedence = Precedence::new(&ledger, journal);
    let unknown = journal
        .orders
        .iter()
        .filter(|(mark, entered)| entered.is_unknown() && ledger.parts.contains_key(*mark));
    Findings {
        accounts: books.accounts.len(),
        closings: books.closings.len(),
        transfers: books.transfers.len(),
        revisions: ledger.histories.values().map(|history| history.len()).sum(),
        unknown_applied: unknown.count(),
        events: precedence.events(),
        arrows: precedence.arrows,
        remains: Remains::default(),
        broken: [journal.broken.clone(), ledger.broken, precedence.broken].concat(),
    }
}
