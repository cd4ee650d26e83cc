//! The catalogue as it lies in the repository: what was written, and by hand what today's program must make of it.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, ensure};
use smarterbase::port::CasStore;
use smarterbase_core::{
    format::Key,
    port::{Attempt, Expect},
};

use crate::value::Value;

/// The versions, as the catalogue counts them.
pub(crate) const VERSIONS: RangeInclusive<u32> = 0..=3;

/// The catalogue's files, each of them several times: as products of their own, with ids and SKUs of their own.
pub(crate) struct Catalogue {
    pub(crate) products: BTreeMap<String, Entry>,
}

/// One stored product.
pub(crate) struct Entry {
    /// As the catalogue counts.
    pub(crate) version: u32,
    /// Which copy of its file it is.
    pub(crate) copy: u32,
    /// The document as it was written.
    written: String,
    /// The document as today's program stores it, without the envelope.
    pub(crate) expected: Value,
}

impl Catalogue {
    pub(crate) fn read(copies: u32) -> anyhow::Result<Self> {
        let mut products = BTreeMap::new();
        for version in VERSIONS {
            for file in files(&folder(&format!("v{version}")))? {
                for copy in 0..copies {
                    let entry = Entry::read(&file, version, copy)?;
                    products.insert(entry.id()?.to_owned(), entry);
                }
            }
        }
        Ok(Self { products })
    }

    /// Puts the files of some versions where nothing is, as another program did that knows nothing of envelopes.
    pub(crate) async fn store(
        &self,
        store: &Arc<dyn CasStore>,
        versions: RangeInclusive<u32>,
    ) -> anyhow::Result<usize> {
        let mut stored = 0;
        for (id, entry) in &self.products {
            if versions.contains(&entry.version) {
                let key = Key::from_stored(format!("products/{id}.json"));
                let put = store
                    .put(&key, &Expect::Absent, entry.written.clone().into())
                    .await;
                ensure!(
                    matches!(put, Attempt::Applied(_)),
                    "{key} cannot be put there ({put:?}); begin with an empty store"
                );
                stored += 1;
            }
        }
        Ok(stored)
    }

    /// The products of some versions that programs change; the others are left to the upgrade.
    pub(crate) fn busy(&self, versions: RangeInclusive<u32>) -> Vec<String> {
        self.ids(|entry| entry.copy % 2 == 0 && versions.contains(&entry.version))
    }

    /// Products that nobody changes but who held them through the upgrade.
    pub(crate) fn quiet(&self) -> Vec<String> {
        self.ids(|entry| entry.copy % 2 == 1)
    }

    fn ids(&self, is_wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
        let wanted = self.products.iter().filter(|(_, entry)| is_wanted(entry));
        wanted.map(|(id, _)| id.clone()).collect()
    }
}

impl Entry {
    fn read(file: &Path, version: u32, copy: u32) -> anyhow::Result<Self> {
        let name = file.file_name().context("a file has a name")?;
        let expected = copied(&folder("expected").join(name), copy)?;
        Ok(Self {
            version,
            copy,
            written: copied(file, copy)?,
            expected: Value::parse(&expected).with_context(|| file.display().to_string())?,
        })
    }

    fn id(&self) -> anyhow::Result<&str> {
        let id = self.expected.get("id").and_then(Value::text);
        id.context("every product has an id")
    }
}

/// The text of a file, with the id and the SKU of a copy.
fn copied(file: &Path, copy: u32) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(text.replace("-0000", &format!("-{copy:04}")))
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/schema_migrations/catalogue")
        .join(name)
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    Ok(files)
}
