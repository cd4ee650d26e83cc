//! Makes the stored packages and dependencies those of the workspace. What is stored already is left alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use smarterbase::{Result, prelude::*};

use crate::{
    model::{Dependency, NewPackage, Package},
    workspace::{PackageKey, Workspace},
};

/// How many documents are stored side by side.
const SIDE_BY_SIDE: usize = 64;

/// What happened to one document.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    New,
    Changed,
    Unchanged,
}

/// How often each outcome happened.
#[derive(Debug, Default)]
struct Tally {
    new: usize,
    changed: usize,
    unchanged: usize,
    gone: usize,
}

/// Stores what is new or changed, deletes what is gone, and says so on standard error.
pub(crate) async fn sync(db: &Db, workspace: &Workspace) -> Result<()> {
    let (ids, mut packages) = store_packages(db, workspace).await?;
    let (keys, mut dependencies) = store_dependencies(db, workspace, &ids).await?;
    dependencies.gone = delete_gone_dependencies(db, &keys).await?;
    packages.gone = delete_gone_packages(db, &ids).await?;
    packages.say("packages");
    dependencies.say("dependencies");
    Ok(())
}

async fn store_packages(
    db: &Db,
    workspace: &Workspace,
) -> Result<(BTreeMap<PackageKey, Id<Package>>, Tally)> {
    let stores = workspace.packages.iter().map(|(key, facts)| async move {
        let (id, outcome) = store_package(db, facts).await?;
        Ok(((key.clone(), id), outcome))
    });
    let (ids, tally) = side_by_side("packages", stores).await?;
    Ok((ids.into_iter().collect(), tally))
}

async fn store_package(db: &Db, facts: &NewPackage) -> Result<(Id<Package>, Outcome)> {
    let find = || Package::find_by_name_and_version(db, &facts.name, &facts.version);
    if let Some(stored) = find().await? {
        return change_package(db, stored, facts).await;
    }
    match Package::create(db, facts.clone()).await {
        Ok(created) => Ok((created.id, Outcome::New)),
        // Another run stored it in between; two runs at the same time make no duplicates either.
        Err(error) if error.kind() == ErrorKind::Unique => match find().await? {
            Some(stored) => change_package(db, stored, facts).await,
            None => Err(error),
        },
        Err(error) => Err(error),
    }
}

async fn change_package(
    db: &Db,
    stored: Stored<Package>,
    facts: &NewPackage,
) -> Result<(Id<Package>, Outcome)> {
    let apply = |package: &mut Package| {
        package.license.clone_from(&facts.license);
        package.keywords.clone_from(&facts.keywords);
        package.dependents = facts.dependents;
        Ok(())
    };
    let is_same = stored.license == facts.license
        && stored.keywords == facts.keywords
        && stored.dependents == facts.dependents;
    if is_same {
        return Ok((stored.id, Outcome::Unchanged));
    }
    Package::update(db, &stored.id, apply).await?;
    Ok((stored.id, Outcome::Changed))
}

async fn store_dependencies(
    db: &Db,
    workspace: &Workspace,
    ids: &BTreeMap<PackageKey, Id<Package>>,
) -> Result<(BTreeSet<String>, Tally)> {
    let stores = workspace
        .dependencies
        .iter()
        .map(|((dependent, dependency), kinds)| async move {
            let kinds = kinds.iter().cloned().collect();
            let edge = Dependency::new(ids[dependent], ids[dependency], kinds);
            let key = edge.id.clone();
            Ok((key, store_dependency(db, edge).await?))
        });
    let (keys, tally) = side_by_side("dependencies", stores).await?;
    Ok((keys.into_iter().collect(), tally))
}

async fn store_dependency(db: &Db, edge: Dependency) -> Result<Outcome> {
    let stored = Dependency::get(db, &edge.id).await?;
    let outcome = match &stored {
        None => Outcome::New,
        Some(stored) if **stored == edge => return Ok(Outcome::Unchanged),
        Some(_) => Outcome::Changed,
    };
    // The key names the edge, so whoever else stores it meanwhile stores the same.
    Dependency::upsert(db, edge).await?;
    Ok(outcome)
}

async fn delete_gone_dependencies(db: &Db, keys: &BTreeSet<String>) -> Result<usize> {
    let gone: Vec<String> = Dependency::list(db)
        .stream()
        .map_ok(|stored| stored.id.clone())
        .try_filter(|id| std::future::ready(!keys.contains(id)))
        .try_collect()
        .await?;
    for id in &gone {
        Dependency::delete(db, id).await?;
    }
    Ok(gone.len())
}

async fn delete_gone_packages(db: &Db, ids: &BTreeMap<PackageKey, Id<Package>>) -> Result<usize> {
    let is_gone = |package: &Package| {
        let key = (package.name.clone(), package.version.clone());
        ids.get(&key) != Some(&package.id)
    };
    let gone: Vec<Stored<Package>> = Package::list(db)
        .stream()
        .try_filter(|stored| std::future::ready(is_gone(stored)))
        .try_collect()
        .await?;
    let number = gone.len();
    for package in gone {
        Package::delete(db, &package.id).await?;
    }
    Ok(number)
}

/// Runs `stores` side by side under a progress bar; the first error ends it.
async fn side_by_side<T, F>(
    what: &'static str,
    stores: impl ExactSizeIterator<Item = F>,
) -> Result<(Vec<T>, Tally)>
where
    F: Future<Output = Result<(T, Outcome)>>,
{
    let bar = progress(what, stores.len());
    let mut running = stream::iter(stores).buffer_unordered(SIDE_BY_SIDE);
    let (mut stored, mut tally) = (Vec::new(), Tally::default());
    while let Some((one, outcome)) = running.try_next().await? {
        stored.push(one);
        tally.count(outcome);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((stored, tally))
}

/// Shown on standard error, where that is a terminal.
fn progress(what: &'static str, length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:12} {bar:40} {pos}/{len} {per_sec} {eta}")
        .expect("the template is right");
    ProgressBar::new(length as u64)
        .with_style(style)
        .with_message(what)
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::New => self.new += 1,
            Outcome::Changed => self.changed += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    fn say(&self, what: &str) {
        let Self {
            new,
            changed,
            unchanged,
            gone,
        } = self;
        eprintln!("{what:12}  {new} new, {changed} changed, {unchanged} unchanged, {gone} gone");
    }
}
