//! Claims ▸ their owners: what is too many.

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Run,
    scope::Scope,
    suspects::{self, Suspect, Thing, Verdict},
};
use crate::{
    error::Result,
    format::{
        Key, claim,
        path::{self, EncodedId},
    },
    operation::{engine::store_failure, read},
    protocol::claim::holds,
};

/// Looks at every claim of every unique definition, or at a sample of each.
pub(super) async fn walk(run: &mut Run<'_>) -> Result<()> {
    for target in 0..run.scope.targets.len() {
        if !run.scope.targets[target].is_claims() {
            continue;
        }
        let most = run.settings.sample.unwrap_or(usize::MAX);
        let start = start(run, target);
        let is_all = start.is_none();
        let left = stretch(run, target, start, most).await?;
        if left > 0 && !is_all {
            stretch(run, target, None, left).await?;
        }
    }
    Ok(())
}

fn start(run: &Run<'_>, target: usize) -> Option<Key> {
    run.settings.sample?;
    let ordinal = run.scope.targets[target].ordinal;
    let sampled = run.scope.collection.sampled.lock();
    let sampled = sampled.expect("no panic while holding the lock");
    sampled.claims.get(&ordinal).cloned()
}

fn remember(run: &Run<'_>, target: usize, last: Option<Key>) {
    if run.settings.sample.is_none() {
        return;
    }
    let ordinal = run.scope.targets[target].ordinal;
    let sampled = run.scope.collection.sampled.lock();
    let mut sampled = sampled.expect("no panic while holding the lock");
    match last {
        Some(last) => sampled.claims.insert(ordinal, last),
        None => sampled.claims.remove(&ordinal),
    };
}

/// Looks at up to `left` claims after `after`. Gives how many of them there were not.
async fn stretch(
    run: &mut Run<'_>,
    target: usize,
    mut after: Option<Key>,
    mut left: usize,
) -> Result<usize> {
    while left > 0 {
        let most = run.batch().min(left).min(1_000);
        let page = list(&run.scope, target, after.as_ref(), most).await?;
        left = left.saturating_sub(page.objects.len());
        after = page.objects.last().map(|object| object.key.clone());
        let is_last = !page.has_more || after.is_none();
        let keys = page.objects.into_iter().map(|object| object.key);
        look(run, target, keys.collect()).await?;
        remember(run, target, after.clone().filter(|_| !is_last));
        if is_last {
            return Ok(left);
        }
        run.rest(most).await;
    }
    Ok(0)
}

async fn list(
    scope: &Scope,
    target: usize,
    after: Option<&Key>,
    most: usize,
) -> Result<crate::port::ListPage> {
    let name = scope.collection.name();
    let prefix = path::claims(name, scope.definition(&scope.targets[target]));
    let page = scope.engine.store.list(&prefix, after, most).await;
    page.map_err(|error| store_failure(error).in_collection(name))
}

async fn look(run: &mut Run<'_>, target: usize, claims: Vec<Key>) -> Result<()> {
    run.report.indexes[target].seen += claims.len() as u64;
    let scope = &run.scope;
    let looks = claims.iter().map(|claim| orphan(scope, target, claim));
    let orphans: Vec<Option<Suspect>> = stream::iter(looks.collect::<Vec<_>>())
        .buffered(scope.engine.limits.concurrent_reads)
        .try_collect()
        .await?;
    suspects::add(run, orphans.into_iter().flatten().collect()).await
}

/// The claim, if it has an owner that does not hold the value.
async fn orphan(scope: &Scope, target: usize, key: &Key) -> Result<Option<Suspect>> {
    let definition = scope.definition(&scope.targets[target]);
    let prefix = path::claims(scope.collection.name(), definition);
    let (Some(hash), Some((version, owner))) =
        (path::parse_claim(&prefix, key), seen(scope, key).await?)
    else {
        return Ok(None);
    };
    if is_held(scope, definition, &hash, &owner).await? {
        return Ok(None);
    }
    Ok(Some(Suspect {
        target,
        what: Thing::Claim {
            claim: key.clone(),
            hash,
            version,
            owner,
        },
    }))
}

/// The version of a claim and its owner; `None` when it was released, or cannot be read.
async fn seen(
    scope: &Scope,
    key: &Key,
) -> Result<Option<((u64, crate::format::Nonce), EncodedId)>> {
    let fetched = match read::peek(&scope.engine, key.clone()).await {
        Err(error) if super::documents::is_unreadable(&error) => return Ok(None),
        fetched => fetched?,
    };
    let Some(fetched) = fetched else {
        return Ok(None);
    };
    let owner = claim::owner(&fetched.settled.opened.body).ok().flatten();
    let owner = owner.and_then(|owner| scope.collection.id_of(&Key::from_stored(owner)));
    let version = (fetched.envelope().rev, fetched.envelope().write);
    Ok(owner.map(|owner| (version, owner)))
}

/// Rule S12. An owner that cannot be decoded is effective.
async fn is_held(scope: &Scope, definition: &str, hash: &str, owner: &EncodedId) -> Result<bool> {
    match scope.fetch(owner).await {
        Err(error) if super::documents::is_unreadable(&error) => Ok(true),
        fetched => Ok(fetched?.is_some_and(|owner| holds(owner.envelope(), definition, hash))),
    }
}

/// The second look.
pub(super) async fn again(scope: &Scope, suspect: &Suspect) -> Result<Verdict> {
    let Thing::Claim { claim, version, .. } = &suspect.what else {
        return Ok(Verdict::Fine);
    };
    let now = orphan(scope, suspect.target, claim).await?;
    Ok(match now {
        None => Verdict::Fine,
        Some(now) => match &now.what {
            Thing::Claim { version: seen, .. } if seen == version => Verdict::Extra,
            _ => Verdict::Changed(now),
        },
    })
}
