//! Putting right what was found, by the rules that everybody else keeps: entries are told to the backend as the store has them
//! (`restore`), or removed by rule S13; claims are taken, or released after a fence.

use std::collections::BTreeMap;

use super::{
    DriftKind, Run,
    documents::{Fault, Look, Seen, What, look},
    entries,
    scope::{Scope, Trouble, expected, identity, restore},
    suspects::{Suspect, Thing},
};
use crate::{
    document::IndexKind,
    error::{Error, ErrorKind, Result},
    format::{
        Key,
        path::{self, EncodedId},
    },
    operation::{
        agreement::Site,
        read::{self, Fetched},
        write::write_now,
    },
    port::{
        IndexError,
        index::{Announcement, Commit, Hit, Outcome, Presence},
    },
    protocol::{ClaimMachine, ClaimOutcome, ClaimPlan, OrphanMachine, OrphanPlan},
};

/// How often a document that changes meanwhile is put right again.
const TRIES: usize = 4;

/// Gives a document what it misses, and looks whether it has it now.
pub(super) async fn document(run: &mut Run<'_>, id: &EncodedId, seen: &Seen) -> Result<()> {
    let mut wrong = seen_wrong(&run.scope, seen);
    let mut before = wrong.clone();
    let mut now = None;
    let Some(first) = before.keys().next().copied() else {
        return Ok(());
    };
    for _ in 0..TRIES {
        let applied = apply(&run.scope, id, now.as_deref().unwrap_or(seen)).await;
        if let Some(duplicate) = applied_or(run, first, applied).await? {
            run.add(duplicate, DriftKind::Duplicate, id.as_str());
            before.remove(&duplicate);
            break; // Somebody took the value meanwhile.
        }
        let looked = look(&run.scope, id).await;
        match applied_or(run, first, looked.map(Some)).await? {
            Some(Look::Seen(again)) => {
                wrong = seen_wrong(&run.scope, &again);
                now = Some(again);
            }
            Some(Look::Gone) => wrong.clear(),
            Some(Look::Unreadable | Look::Restless) | None => break,
        }
        if wrong.is_empty() {
            break;
        }
    }
    for (target, count) in before {
        let left = wrong.get(&target).copied().unwrap_or(0);
        (left..count).for_each(|_| run.add_repaired(target));
    }
    Ok(())
}

/// A backend that fails ends its own repairs only, and a document that cannot be put right only its own.
async fn applied_or<R>(
    run: &mut Run<'_>,
    target: usize,
    outcome: Result<Option<R>, Trouble>,
) -> Result<Option<R>> {
    match outcome {
        Ok(applied) => return Ok(applied),
        Err(Trouble::Failed(error)) if is_of_one(&error) => {
            let index = &mut run.report.indexes[target];
            let problem = || format!("a document could not be put right: {error}");
            index.problem.get_or_insert_with(problem);
        }
        Err(trouble) => run.give_up(trouble).await?,
    }
    Ok(None)
}

/// Whether the next document may fare better.
fn is_of_one(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Denied | ErrorKind::Misconfigured
    )
}

/// How much is missing, by place.
fn seen_wrong(scope: &Scope, seen: &Seen) -> BTreeMap<usize, u64> {
    let mut wrong = BTreeMap::new();
    for fault in faults(scope, seen) {
        if !matches!(fault.what, What::Duplicate) {
            *wrong.entry(fault.target).or_default() += 1;
        }
    }
    wrong
}

fn faults<'a>(scope: &'a Scope, seen: &'a Seen) -> impl Iterator<Item = &'a Fault> {
    let faults = seen.faults.iter();
    faults.filter(|fault| scope.targets[fault.target].is_on())
}

/// Applies what one look asks for. Gives the place of a value that another document turned out to hold.
async fn apply(scope: &Scope, id: &EncodedId, seen: &Seen) -> Result<Option<usize>, Trouble> {
    if let Some(unlisted) = faults(scope, seen).find(|fault| fault.is_unlisted()) {
        // That gives it its entries as well.
        let is_free = rewrite(scope, id, &seen.fetched).await?;
        return Ok((!is_free).then_some(unlisted.target));
    }
    for fault in faults(scope, seen) {
        if let What::Claim { hash, .. } = &fault.what
            && !take(scope, id, fault.target, hash).await?
        {
            return Ok(Some(fault.target));
        }
    }
    for (backend, faults) in by_backend(scope, seen) {
        let restored = restore_entries(scope, id, &seen.fetched, &faults).await;
        restored.map_err(|error| Trouble::Backend(backend, error))?;
    }
    Ok(None)
}

fn by_backend<'a>(scope: &'a Scope, seen: &'a Seen) -> BTreeMap<&'static str, Vec<&'a Fault>> {
    let mut backends: BTreeMap<&'static str, Vec<&Fault>> = BTreeMap::new();
    for fault in faults(scope, seen) {
        if let Some(site) = scope.targets[fault.target].entries() {
            backends.entry(site.backend.name()).or_default().push(fault);
        }
    }
    backends
}

/// Tells a backend what the store says of a document: where entries have tags, the missing ones; else all of them.
async fn restore_entries(
    scope: &Scope,
    id: &EncodedId,
    fetched: &Fetched,
    faults: &[&Fault],
) -> Result<(), IndexError> {
    let Some(site) = faults
        .first()
        .and_then(|fault| scope.targets[fault.target].site.as_ref())
    else {
        return Ok(());
    };
    let mut commit = restore(id, Some(fetched));
    if site.backend.uses_tags() {
        commit.placed = vec![site.placed.clone()];
        commit.entries = faults
            .iter()
            .filter_map(|fault| match &fault.what {
                What::Entry(entry) => Some(entry.clone()),
                _ => None,
            })
            .collect();
        return site.backend.commit(&site.collection, &commit).await;
    }
    complete(scope, site, id, Some(fetched), &mut commit)
        .map_err(|error| IndexError::Corrupt(error.to_string()))?;
    site.backend.commit(&site.collection, &commit).await
}

/// Every entry of a document in every index that a backend without tags maintains.
fn complete(
    scope: &Scope,
    site: &Site,
    id: &EncodedId,
    fetched: Option<&Fetched>,
    commit: &mut Commit,
) -> Result<()> {
    let live = fetched.filter(|fetched| fetched.is_live());
    let values = scope.values(id, live)?;
    let collection = &scope.collection;
    for ordinal in 0..collection.definitions.len() {
        if collection.kind(ordinal) != IndexKind::Index {
            continue;
        }
        let maintained = scope
            .agreement
            .maintained(&scope.engine, collection, ordinal);
        let here = maintained
            .iter()
            .find(|other| other.backend.name() == site.backend.name());
        let (Some(here), values) = (here, &values.values[ordinal]) else {
            continue;
        };
        commit.placed.push(here.placed.clone());
        let name = &collection.definitions[ordinal].name;
        if let Some(live) = live {
            let entries = (0..values.len()).map(|at| expected(here, name, live, values, at));
            commit.entries.extend(entries);
        }
    }
    Ok(())
}

/// Takes a claim for a document that lists it. Gives whether it could be had.
async fn take(scope: &Scope, id: &EncodedId, target: usize, hash: &str) -> Result<bool> {
    let engine = &scope.engine;
    let definition = scope.definition(&scope.targets[target]);
    let machine = ClaimMachine::new(ClaimPlan {
        claim: path::claim(scope.collection.name(), definition, hash),
        definition: definition.to_owned(),
        hash: hash.to_owned(),
        owner: scope.collection.key(id),
        write: engine.nonce(),
        create_first: true,
        settler: engine.settler(),
    });
    match engine.drive(machine).await {
        ClaimOutcome::Taken(_) => Ok(true),
        ClaimOutcome::Held(_) => Ok(false),
        ClaimOutcome::Failed(error) => Err(read::at(&scope.collection, id, error)),
    }
}

/// Writes a document again, unchanged and flagged as a rewrite (rule S21): it takes its claims and lists them.
async fn rewrite(scope: &Scope, id: &EncodedId, fetched: &Fetched) -> Result<bool> {
    let collection = &scope.collection;
    let change = (collection.rewrite)(&scope.engine, collection, id, fetched)?;
    match write_now(&scope.engine, collection, change).await {
        // Whoever was faster is looked at next.
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Unique => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes what is too many, where no write can need it.
pub(super) async fn suspect(run: &mut Run<'_>, suspect: &Suspect) -> Result<()> {
    let removed = match &suspect.what {
        Thing::Entry { hit, .. } => entry(&run.scope, suspect.target, hit).await,
        Thing::Claim {
            claim, hash, owner, ..
        } => orphan(&run.scope, suspect.target, claim, hash, owner)
            .await
            .map_err(Trouble::from),
    };
    if applied_or(run, suspect.target, removed.map(Some)).await? == Some(true) {
        run.add_repaired(suspect.target);
    }
    Ok(())
}

async fn entry(scope: &Scope, target: usize, hit: &Hit) -> Result<bool, Trouble> {
    let Some(site) = scope.targets[target].entries() else {
        return Ok(false);
    };
    let removed = match hit.tag {
        Some(_) => {
            site.backend
                .remove_stale(&site.collection, &site.placed, hit)
                .await
        }
        None => remove_untagged(scope, site, hit).await?,
    };
    removed.map_err(|error| Trouble::Backend(site.backend.name(), error))?;
    Ok(entries::presence(site, hit).await? == Presence::Missing)
}

/// The backend is told what the store says; an entry that it does not know of is announced and withdrawn, so that it leaves
/// unless a write that is under way needs it.
async fn remove_untagged(
    scope: &Scope,
    site: &Site,
    hit: &Hit,
) -> Result<Result<(), IndexError>, Trouble> {
    for _ in 0..TRIES {
        let fetched = scope.fetch(&hit.id).await?;
        let mut commit = restore(&hit.id, fetched.as_ref());
        complete(scope, site, &hit.id, fetched.as_ref(), &mut commit)?;
        if commit.entries.contains(&entries::entry_of(site, hit)) {
            return Ok(Ok(())); // It is needed by now.
        }
        if let Err(error) = site.backend.commit(&site.collection, &commit).await {
            return Ok(Err(error));
        }
        if entries::presence(site, hit).await? == Presence::Loose {
            withdraw(scope, site, hit, commit.rev, &commit.placed).await?;
        }
        let after = scope.fetch(&hit.id).await?;
        if identity(after.as_ref()) == identity(fetched.as_ref()) {
            break;
        }
    }
    Ok(Ok(()))
}

async fn withdraw(
    scope: &Scope,
    site: &Site,
    hit: &Hit,
    base: u64,
    placed: &[crate::port::index::Placed],
) -> Result<(), Trouble> {
    let failed = |error| Trouble::Backend(site.backend.name(), error);
    let write = scope.engine.nonce();
    let announcement = Announcement {
        id: hit.id.clone(),
        base,
        write,
        entries: vec![entries::entry_of(site, hit)],
        placed: placed.to_vec(),
    };
    let announced = site.backend.announce(&site.collection, &announcement).await;
    announced.map_err(failed)?;
    let abort = Commit {
        write: Some(write),
        outcome: Outcome::Abort,
        placed: placed.to_vec(),
        rev: base,
        ..restore(&hit.id, None)
    };
    site.backend
        .commit(&site.collection, &abort)
        .await
        .map_err(failed)
}

/// Releases a claim whose owner does not hold the value.
async fn orphan(
    scope: &Scope,
    target: usize,
    claim: &Key,
    hash: &str,
    owner: &EncodedId,
) -> Result<bool> {
    let engine = &scope.engine;
    let machine = OrphanMachine::new(OrphanPlan {
        claim: claim.clone(),
        definition: scope.definition(&scope.targets[target]).to_owned(),
        hash: hash.to_owned(),
        owner: scope.collection.key(owner),
        write: engine.nonce(),
        settler: engine.settler(),
    });
    let released: Result<bool, Error> = engine.drive(machine).await.map_err(Error::from);
    released.map_err(|error| error.in_collection(scope.collection.name()))
}
