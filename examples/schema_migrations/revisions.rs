//! Was every revision written by one acknowledged write or by the upgrade, and none at a lower version than the one before?

use std::collections::BTreeMap;

use crate::{audit::Findings, journal::Journal, watch::Stored, writers::TODAY};

/// The schema version of each revision of a product.
type Revisions = BTreeMap<u64, u32>;

pub(crate) fn check(
    journal: &Journal,
    stored: &BTreeMap<String, Vec<u8>>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let acknowledged = acknowledged(journal, findings);
    for (id, bytes) in stored {
        let last = Stored::parse(bytes)?.revision();
        let written = acknowledged.get(id).cloned().unwrap_or_default();
        let seen = journal.seen.get(id).cloned().unwrap_or_default();
        account(id, last, &written, &seen, findings);
        order(id, written, seen, findings);
    }
    Ok(())
}

/// Two writes of one revision would be a lost update.
fn acknowledged(journal: &Journal, findings: &mut Findings) -> BTreeMap<String, Revisions> {
    let mut all: BTreeMap<String, Revisions> = BTreeMap::new();
    for write in journal.said.iter().filter_map(|said| said.write()) {
        let revisions = all.entry(write.id.clone()).or_default();
        if revisions.insert(write.revision, write.version).is_some() {
            let (id, revision) = (&write.id, write.revision);
            findings.breach(format!(
                "revision {revision} of {id} was acknowledged twice"
            ));
        }
    }
    all
}

/// Beside the acknowledged writes there may be one: the upgrade's, at today's version.
fn account(id: &str, last: u64, written: &Revisions, seen: &Revisions, findings: &mut Findings) {
    findings.revisions += usize::try_from(last).unwrap_or(usize::MAX);
    if let Some(beyond) = written.keys().find(|revision| **revision > last) {
        findings.breach(format!(
            "revision {beyond} of {id} was acknowledged and is lost"
        ));
    }
    let others: Vec<u64> = (1..=last)
        .filter(|revision| !written.contains_key(revision))
        .collect();
    let is_lower = |revision: &u64| seen.get(revision).is_some_and(|version| *version != TODAY);
    if others.len() > 1 || others.iter().any(is_lower) {
        findings.breach(format!(
            "nobody says that they wrote revisions {others:?} of {id}"
        ));
    }
}

/// What was acknowledged and what was seen must agree, and their versions must never fall.
fn order(id: &str, written: Revisions, seen: Revisions, findings: &mut Findings) {
    let mut all = seen;
    for (revision, version) in written {
        if all
            .insert(revision, version)
            .is_some_and(|seen| seen != version)
        {
            findings.breach(format!("revision {revision} of {id} is of two versions"));
        }
    }
    let mut highest = 0;
    for (revision, version) in all {
        if version < highest {
            findings.breach(format!(
                "revision {revision} of {id} has version {version} over version {highest}"
            ));
        }
        highest = highest.max(version);
    }
}
