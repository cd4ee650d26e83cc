//! The answers, on standard output. They hold no generated id, and ties are in the order of names.

#![allow(
    clippy::print_stdout,
    reason = "the answers are what the program is for"
)]

use std::collections::BTreeMap;

use anyhow::bail;
use futures::TryStreamExt;
use smarterbase::{Result, prelude::*};

use crate::{
    model::{Dependency, Package},
    workspace::Workspace,
};

/// How many packages the last answer shows.
const MOST: usize = 20;

pub(crate) fn totals(workspace: &Workspace) {
    println!(
        "{} packages, {} dependencies",
        workspace.packages.len(),
        workspace.dependencies.len()
    );
}

/// Counts the packages of each license: one walk over the index, one document in memory at a time.
pub(crate) async fn by_license(db: &Db) -> Result<()> {
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    let mut packages = Package::query(db)
        .order_by(|package| package.license.asc())
        .stream();
    while let Some(package) = packages.try_next().await? {
        *counts.entry(package.license.clone()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    println!("\npackages by license");
    for (license, count) in counts {
        println!("{count:5}  {}", license.as_deref().unwrap_or("(none)"));
    }
    Ok(())
}

/// Lists the packages with a keyword, by the list index.
pub(crate) async fn by_keyword(db: &Db, keyword: &str) -> Result<()> {
    let packages: Vec<Stored<Package>> = Package::find_by_keywords(db, keyword)
        .stream()
        .try_collect()
        .await?;
    println!(
        "\npackages with the keyword `{keyword}` ({})",
        packages.len()
    );
    print_names(packages);
    Ok(())
}

/// Lists the packages that depend on `wanted` directly, for each version of it that is there.
pub(crate) async fn dependents_of(db: &Db, wanted: Option<&str>) -> anyhow::Result<()> {
    for package in chosen(db, wanted).await? {
        let keys: Vec<Id<Package>> = Dependency::find_by_dependency(db, package.id)
            .stream()
            .map_ok(|edge| edge.dependent)
            .try_collect()
            .await?;
        let dependents: Vec<_> = Package::get_many(db, keys)
            .await?
            .into_iter()
            .flatten()
            .collect();
        println!(
            "\npackages that depend on {} {} ({})",
            package.name,
            package.version,
            dependents.len()
        );
        print_names(dependents);
    }
    Ok(())
}

/// Lists the packages with most dependents.
pub(crate) async fn most_dependents(db: &Db) -> Result<()> {
    println!("\nthe {MOST} packages with most dependents");
    for package in top(db, MOST).await? {
        println!(
            "{:5}  {} {}",
            package.dependents, package.name, package.version
        );
    }
    Ok(())
}

/// The packages that are asked for, or the one with most dependents.
async fn chosen(db: &Db, wanted: Option<&str>) -> anyhow::Result<Vec<Stored<Package>>> {
    let Some(wanted) = wanted else {
        return Ok(top(db, 1).await?);
    };
    let mut found = match wanted.split_once('@') {
        Some((name, version)) => Package::find_by_name_and_version(db, name, version)
            .await?
            .into_iter()
            .collect(),
        None => Package::find_by_name(db, wanted).await?,
    };
    if found.is_empty() {
        bail!("the workspace has no package `{wanted}`");
    }
    sort_by_name(&mut found);
    Ok(found)
}

/// The `most` packages with most dependents. The index orders ties by id, and an id differs from store to store: so the
/// last place decides how many dependents it takes, and everybody with that many is sorted by name.
async fn top(db: &Db, most: usize) -> Result<Vec<Stored<Package>>> {
    let by_dependents = Package::query(db).order_by(|package| package.dependents.desc());
    let leaders = by_dependents.page(most).await?;
    let Some(last) = leaders.items.last() else {
        return Ok(Vec::new());
    };
    let mut packages: Vec<_> = Package::find_by_dependents_in(db, last.dependents..)
        .stream()
        .try_collect()
        .await?;
    sort_by_name(&mut packages);
    packages.sort_by_key(|package| std::cmp::Reverse(package.dependents));
    packages.truncate(most);
    Ok(packages)
}

fn print_names(mut packages: Vec<Stored<Package>>) {
    sort_by_name(&mut packages);
    for package in packages {
        println!("  {} {}", package.name, package.version);
    }
}

fn sort_by_name(packages: &mut [Stored<Package>]) {
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
}
