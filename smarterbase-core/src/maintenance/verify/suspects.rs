//! What seemed to be too many is looked at again after the in-flight bound: writes that were under way have ended by then.

use futures::{StreamExt, stream};

use super::{
    DriftKind, Run, claims, entries, repair,
    scope::{Identity, Trouble},
};
use crate::{
    error::Result,
    format::{Key, Nonce, path::EncodedId},
    port::index::Hit,
};

/// How many are remembered at a time; then they are looked at again before the walk goes on.
const MOST: usize = 10_000;
/// How often one that changed meanwhile is looked at again.
const ROUNDS: usize = 3;

/// Something that no document seems to need.
#[derive(Clone)]
pub(super) struct Suspect {
    pub(super) target: usize,
    pub(super) what: Thing,
}

#[derive(Clone)]
pub(super) enum Thing {
    /// An entry, and what its document was when the entry was found.
    Entry {
        hit: Hit,
        document: Option<Identity>,
    },
    /// A claim at a version, and its owner.
    Claim {
        claim: Key,
        hash: String,
        version: (u64, Nonce),
        owner: EncodedId,
    },
}

impl Suspect {
    pub(super) fn id(&self) -> &EncodedId {
        match &self.what {
            Thing::Entry { hit, .. } => &hit.id,
            Thing::Claim { owner, .. } => owner,
        }
    }
}

/// What the second look found.
pub(super) enum Verdict {
    /// It is gone, or needed.
    Fine,
    /// A write may need it.
    Undecided,
    /// It changed meanwhile: look again later.
    Changed(Suspect),
    /// It is what it was, and nobody needs it.
    Extra,
}

/// Remembers a suspect; looks at all of them again when there are too many.
pub(super) async fn add(run: &mut Run<'_>, suspects: Vec<Suspect>) -> Result<()> {
    run.suspects.extend(suspects);
    if run.suspects.len() < MOST {
        return Ok(());
    }
    settle(run).await
}

/// Looks at every suspect again, once no write that was under way at the first look can still be.
pub(super) async fn settle(run: &mut Run<'_>) -> Result<()> {
    for _ in 0..ROUNDS {
        let suspects = std::mem::take(&mut run.suspects);
        if suspects.is_empty() {
            return Ok(());
        }
        let bound = run.scope.engine.database.in_flight_bound;
        run.scope.engine.clock.sleep(bound).await;
        for batch in suspects.chunks(run.batch()) {
            look_again(run, batch).await?;
            run.rest(batch.len()).await;
        }
    }
    // What still changes is in use.
    for suspect in std::mem::take(&mut run.suspects) {
        run.report.indexes[suspect.target].undecided += 1;
    }
    Ok(())
}

async fn look_again(run: &mut Run<'_>, suspects: &[Suspect]) -> Result<()> {
    let verdicts = loop {
        let scope = &run.scope;
        let looks = suspects.iter().map(async |suspect| match &suspect.what {
            _ if !scope.targets[suspect.target].is_on() => Ok(Verdict::Fine),
            Thing::Entry { hit, document } => {
                entries::again(scope, suspect.target, hit, document.as_ref()).await
            }
            Thing::Claim { .. } => Ok(claims::again(scope, suspect).await?),
        });
        let verdicts: Vec<_> = stream::iter(looks.collect::<Vec<_>>())
            .buffered(scope.engine.limits.concurrent_reads)
            .collect()
            .await;
        match verdicts.into_iter().collect::<Result<Vec<_>, Trouble>>() {
            Ok(verdicts) => break verdicts,
            Err(trouble) => run.give_up(trouble).await?,
        }
    };
    run.confirm_places().await?;
    for (suspect, verdict) in suspects.iter().zip(verdicts) {
        if run.scope.targets[suspect.target].is_on() {
            account(run, suspect, verdict).await?;
        }
    }
    Ok(())
}

async fn account(run: &mut Run<'_>, suspect: &Suspect, verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Fine => {}
        Verdict::Undecided => run.report.indexes[suspect.target].undecided += 1,
        Verdict::Changed(suspect) => run.suspects.push(suspect),
        Verdict::Extra => {
            run.add(suspect.target, DriftKind::Extra, suspect.id().as_str());
            if run.settings.repair {
                repair::suspect(run, suspect).await?;
            }
        }
    }
    Ok(())
}
