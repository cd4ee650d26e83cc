//! What `cargo metadata` says about a workspace.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Context;
use cargo_metadata::{CargoOpt, DependencyKind, Error, Metadata, MetadataCommand, PackageId};

use crate::model::NewPackage;

/// Name and version: what tells packages apart here.
pub(crate) type PackageKey = (String, String);

/// The packages of a workspace and all that they need.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) packages: BTreeMap<PackageKey, NewPackage>,
    /// Dependent and dependency, with the kinds of the dependency.
    pub(crate) dependencies: BTreeMap<(PackageKey, PackageKey), BTreeSet<String>>,
}

impl Workspace {
    pub(crate) fn read(manifest: &Path) -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .features(CargoOpt::AllFeatures)
            .exec();
        let metadata = metadata
            .map_err(first_line)
            .with_context(|| format!("cannot read the workspace of {}", manifest.display()))?;
        Self::of(&metadata).with_context(|| format!("{}", manifest.display()))
    }

    fn of(metadata: &Metadata) -> anyhow::Result<Self> {
        let keys: BTreeMap<&PackageId, PackageKey> = metadata
            .packages
            .iter()
            .map(|package| (&package.id, key(package)))
            .collect();
        let mut workspace = Self {
            packages: metadata
                .packages
                .iter()
                .map(|package| (key(package), facts(package)))
                .collect(),
            dependencies: BTreeMap::new(),
        };
        let resolve = metadata
            .resolve
            .as_ref()
            .context("cargo resolved no dependencies")?;
        for node in &resolve.nodes {
            for dependency in &node.deps {
                let edge = (keys[&node.id].clone(), keys[&dependency.pkg].clone());
                let kinds = dependency.dep_kinds.iter().map(|kind| name_of(kind.kind));
                workspace
                    .dependencies
                    .entry(edge)
                    .or_default()
                    .extend(kinds);
            }
        }
        workspace.count_dependents();
        Ok(workspace)
    }

    fn count_dependents(&mut self) {
        for (_, dependency) in self.dependencies.keys() {
            if let Some(package) = self.packages.get_mut(dependency) {
                package.dependents += 1;
            }
        }
    }
}

fn key(package: &cargo_metadata::Package) -> PackageKey {
    (package.name.to_string(), package.version.to_string())
}

fn facts(package: &cargo_metadata::Package) -> NewPackage {
    let keywords: BTreeSet<String> = package
        .keywords
        .iter()
        .map(|word| word.to_lowercase())
        .collect();
    NewPackage {
        name: package.name.to_string(),
        version: package.version.to_string(),
        license: package.license.clone(),
        keywords: keywords.into_iter().collect(),
        dependents: 0,
    }
}

fn name_of(kind: DependencyKind) -> String {
    let name = match kind {
        DependencyKind::Development => "development",
        DependencyKind::Build => "build",
        _ => "normal",
    };
    name.to_owned()
}

/// Cargo explains itself on many lines; the first one says what is wrong.
fn first_line(error: Error) -> anyhow::Error {
    match error {
        Error::CargoMetadata { stderr } => {
            let line = stderr.lines().find(|line| line.starts_with("error"));
            let line = line.unwrap_or("cargo metadata failed");
            anyhow::Error::msg(line.trim_start_matches("error: ").to_owned())
        }
        other => other.into(),
    }
}
