//! Documents ▸ their entries and claims: what is missing.

use futures::{StreamExt, stream};

use super::{
    DriftKind, Run, repair,
    scope::{Scope, Trouble, expected, identity},
};
use crate::{
    document::KeyKind,
    error::{Error, ErrorKind, Result},
    format::{
        Key, claim,
        index_key::{EncodedValue, IndexEntries},
        path::{self, EncodedId},
    },
    operation::read::{self, Fetched},
    port::index::{IndexEntry, Placed},
    protocol::claim::holds,
    query::id_walk::IdWalk,
};

/// How often a document that keeps changing is looked at again.
const TRIES: usize = 8;

/// What was found at one document.
pub(super) enum Look {
    /// It is not there, or not live.
    Gone,
    /// It cannot be read.
    Unreadable,
    /// It changed whenever it was looked at.
    Restless,
    /// What is wrong, at a revision that it had all the while.
    Seen(Box<Seen>),
}

/// One document as it was looked at.
pub(super) struct Seen {
    pub(super) fetched: Fetched,
    /// How many entries or claims were looked for, by the number of the place.
    checked: Vec<u64>,
    pub(super) faults: Vec<Fault>,
}

/// One thing that is wrong.
pub(super) struct Fault {
    pub(super) target: usize,
    pub(super) what: What,
}

impl Fault {
    /// The document does not list the claim of its value: it must be written again.
    pub(super) fn is_unlisted(&self) -> bool {
        matches!(
            self.what,
            What::Claim {
                is_listed: false,
                ..
            }
        )
    }
}

pub(super) enum What {
    /// An entry is missing.
    Entry(IndexEntry),
    /// A claim is missing, or the document does not list it.
    Claim { hash: String, is_listed: bool },
    /// Another live document holds the value.
    Duplicate,
}

/// Looks at every document, or at a sample.
pub(super) async fn walk(run: &mut Run<'_>) -> Result<()> {
    let mut left = run.settings.sample.unwrap_or(usize::MAX);
    let start = match run.settings.sample {
        Some(_) => start(&run.scope).await?,
        None => None,
    };
    let is_all = start.is_none();
    left = stretch(run, start, left).await?;
    // A sample that came to the end goes on at the front.
    if left > 0 && !is_all {
        stretch(run, None, left).await?;
    }
    Ok(())
}

/// Where a sample begins: behind the last one; the first one somewhere.
async fn start(scope: &Scope) -> Result<Option<EncodedId>> {
    let last = {
        let sampled = scope.collection.sampled.lock();
        sampled
            .expect("no panic while holding the lock")
            .documents
            .clone()
    };
    match last {
        Some(last) => Ok(Some(last)),
        None => somewhere(scope).await,
    }
}

/// A place between the first document and now, where ids tell when they were made.
async fn somewhere(scope: &Scope) -> Result<Option<EncodedId>> {
    if scope.collection.spec.key_kind != KeyKind::Uuid {
        return Ok(None);
    }
    let mut walk = IdWalk::new(&scope.view, &scope.collection, None, 1);
    let first = walk.next(1).await?;
    let made = first.first().and_then(|(id, _)| milliseconds(id));
    let now = u64::try_from(scope.engine.now().as_milliseconds()).unwrap_or(0);
    let Some(made) = made.filter(|made| *made < now) else {
        return Ok(None);
    };
    let moment = made + scope.engine.rng.below(now - made);
    let id = uuid::Uuid::from_u128(u128::from(moment) << 80);
    Ok(EncodedId::parse(&id.as_hyphenated().to_string()))
}

/// When a UUID of version 7 was made.
fn milliseconds(id: &EncodedId) -> Option<u64> {
    let id = uuid::Uuid::try_parse(id.as_str()).ok()?;
    let made = u64::try_from(id.as_u128() >> 80).ok();
    made.filter(|_| id.get_version_num() == 7)
}

/// Looks at up to `left` documents after `start`. Gives how many of them there were not.
async fn stretch(run: &mut Run<'_>, start: Option<EncodedId>, mut left: usize) -> Result<usize> {
    let page = run.settings.sample.map_or(usize::MAX, |sample| sample + 1);
    let mut walk = IdWalk::new(&run.scope.view, &run.scope.collection, start.as_ref(), page);
    while left > 0 {
        let listed = walk.next(run.batch().min(left)).await?;
        if listed.is_empty() {
            remember(run, None);
            return Ok(left);
        }
        left -= listed.len();
        let ids: Vec<EncodedId> = listed.into_iter().map(|(id, _)| id).collect();
        batch(run, &ids).await?;
        remember(run, ids.last().cloned());
        run.rest(ids.len()).await;
    }
    Ok(0)
}

fn remember(run: &Run<'_>, last: Option<EncodedId>) {
    if run.settings.sample.is_some() {
        let sampled = run.scope.collection.sampled.lock();
        sampled.expect("no panic while holding the lock").documents = last;
    }
}

/// Looks at some documents side by side; again without a backend that fails.
async fn batch(run: &mut Run<'_>, ids: &[EncodedId]) -> Result<()> {
    let looks = loop {
        let looks = ids.iter().map(|id| look(&run.scope, id));
        let looks: Vec<_> = stream::iter(looks.collect::<Vec<_>>())
            .buffered(run.scope.engine.limits.concurrent_reads)
            .collect()
            .await;
        match looks.into_iter().collect::<Result<Vec<_>, Trouble>>() {
            Ok(looks) => break looks,
            Err(trouble) => run.give_up(trouble).await?,
        }
    };
    let is_broken = |look: &Look| matches!(look, Look::Seen(seen) if !seen.faults.is_empty());
    if looks.iter().any(is_broken) {
        run.confirm_places().await?;
    }
    for (id, look) in ids.iter().zip(looks) {
        account(run, id, look).await?;
    }
    Ok(())
}

async fn account(run: &mut Run<'_>, id: &EncodedId, look: Look) -> Result<()> {
    let seen = match look {
        Look::Gone => return Ok(()),
        Look::Unreadable => {
            run.report.add_unreadable(id.as_str());
            return Ok(());
        }
        Look::Restless => {
            let targets: Vec<usize> = run.scope.on().map(|(number, _)| number).collect();
            for number in targets {
                run.report.indexes[number].undecided += 1;
            }
            return Ok(());
        }
        Look::Seen(seen) => seen,
    };
    run.report.documents += 1;
    for (index, checked) in run.report.indexes.iter_mut().zip(&seen.checked) {
        index.checked += checked;
    }
    let faults = seen.faults.iter();
    let faults: Vec<&Fault> = faults
        .filter(|fault| run.scope.targets[fault.target].is_on())
        .collect();
    for fault in &faults {
        let kind = match fault.what {
            What::Entry(_) | What::Claim { .. } => DriftKind::Missing,
            What::Duplicate => DriftKind::Duplicate,
        };
        run.add(fault.target, kind, id.as_str());
    }
    if run.settings.repair && !faults.is_empty() {
        repair::document(run, id, &seen).await?;
    }
    Ok(())
}

/// Looks at one document until it is the same before and after, or nothing is wrong.
pub(super) async fn look(scope: &Scope, id: &EncodedId) -> Result<Look, Trouble> {
    for _ in 0..TRIES {
        let fetched = match scope.fetch(id).await {
            Err(error) if is_unreadable(&error) => return Ok(Look::Unreadable),
            fetched => fetched?,
        };
        let Some(fetched) = fetched.filter(Fetched::is_live) else {
            return Ok(Look::Gone);
        };
        let values = match scope.values(id, Some(&fetched)) {
            Err(error) if is_unreadable(&error) => return Ok(Look::Unreadable),
            values => values?,
        };
        let (checked, faults) = faults(scope, id, &fetched, &values).await?;
        let was = identity(Some(&fetched));
        let is_steady =
            async || -> Result<bool> { Ok(identity(scope.fetch(id).await?.as_ref()) == was) };
        if faults.is_empty() || is_steady().await? {
            return Ok(Look::Seen(Box::new(Seen {
                fetched,
                checked,
                faults,
            })));
        }
    }
    Ok(Look::Restless)
}

/// One document that cannot be read is no failure of the verification.
pub(super) fn is_unreadable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported)
}

async fn faults(
    scope: &Scope,
    id: &EncodedId,
    fetched: &Fetched,
    values: &IndexEntries,
) -> Result<(Vec<u64>, Vec<Fault>), Trouble> {
    let mut checked = vec![0; scope.targets.len()];
    let mut faults = Vec::new();
    for asked in asked(scope, fetched, values) {
        faults.extend(missing_entries(id, &asked).await?);
        for (target, _) in &asked.entries {
            checked[*target] += 1;
        }
    }
    for (number, target) in scope.on().filter(|(_, target)| target.is_claims()) {
        if let Some(value) = values.values[target.ordinal].first() {
            checked[number] += 1;
            let what = missing_claim(scope, id, fetched, scope.definition(target), value).await?;
            faults.extend(what.map(|what| Fault {
                target: number,
                what,
            }));
        }
    }
    Ok((checked, faults))
}

/// The entries of one document on one backend, each with its place.
struct Asked<'a> {
    site: &'a crate::operation::agreement::Site,
    entries: Vec<(usize, IndexEntry)>,
}

fn asked<'a>(scope: &'a Scope, fetched: &Fetched, values: &IndexEntries) -> Vec<Asked<'a>> {
    let mut asked: Vec<Asked<'a>> = Vec::new();
    for (number, target) in scope.on() {
        let Some(site) = target.entries() else {
            continue;
        };
        let of_definition = &values.values[target.ordinal];
        let definition = scope.definition(target);
        let entries = (0..of_definition.len()).map(|position| {
            (
                number,
                expected(site, definition, fetched, of_definition, position),
            )
        });
        let name = site.backend.name();
        match asked
            .iter_mut()
            .find(|asked| asked.site.backend.name() == name)
        {
            Some(asked) => asked.entries.extend(entries),
            None => asked.push(Asked {
                site,
                entries: entries.collect(),
            }),
        }
    }
    asked.retain(|asked| !asked.entries.is_empty());
    asked
}

async fn missing_entries(id: &EncodedId, asked: &Asked<'_>) -> Result<Vec<Fault>, Trouble> {
    let entries: Vec<IndexEntry> = asked
        .entries
        .iter()
        .map(|(_, entry)| entry.clone())
        .collect();
    let mut placed: Vec<Placed> = entries.iter().map(|entry| entry.placed.clone()).collect();
    placed.dedup();
    let backend = &asked.site.backend;
    let answer = backend
        .presence(&asked.site.collection, id, &placed, &entries)
        .await;
    let presences = answer.map_err(|error| Trouble::Backend(backend.name(), error))?;
    let looked = asked.entries.iter().zip(presences);
    let missing = looked.filter(|(_, presence)| !presence.lasts());
    Ok(missing
        .map(|((target, entry), _)| Fault {
            target: *target,
            what: What::Entry(entry.clone()),
        })
        .collect())
}

/// What is wrong with the claim of a value.
async fn missing_claim(
    scope: &Scope,
    id: &EncodedId,
    fetched: &Fetched,
    definition: &str,
    value: &EncodedValue,
) -> Result<Option<What>> {
    let collection = &scope.collection;
    let hash = claim::hash(collection.name(), definition, value);
    let is_listed = fetched.envelope().unique.get(definition) == Some(&hash);
    let owner = owner(scope, &path::claim(collection.name(), definition, &hash)).await?;
    let is_ours = owner.as_ref() == Some(id);
    if is_ours && is_listed {
        return Ok(None);
    }
    if let Some(other) = owner.filter(|_| !is_ours) {
        let other = scope.fetch(&other).await?;
        if other.is_some_and(|other| holds(other.envelope(), definition, &hash)) {
            return Ok(Some(What::Duplicate));
        }
    }
    Ok(Some(What::Claim { hash, is_listed }))
}

/// Who owns a claim now.
async fn owner(scope: &Scope, claim: &Key) -> Result<Option<EncodedId>> {
    let Some(fetched) = read::peek(&scope.engine, claim.clone()).await? else {
        return Ok(None);
    };
    let owner = claim::owner(&fetched.settled.opened.body)?;
    Ok(owner.and_then(|owner| scope.collection.id_of(&Key::from_stored(owner))))
}
