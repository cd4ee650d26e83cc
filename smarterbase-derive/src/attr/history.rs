//! What an attribute says about the versions of a type: `version`, `migrate`, `min_version`, `types`, `schema_dir`, `unsealed`.

use proc_macro2::{Ident, Span};
use syn::Path;

use super::{
    MigrateOptions, Spanned,
    item::{Item, set},
};
use crate::errors::Errors;

/// The options about versions, of documents and of embedded types alike.
#[derive(Default)]
pub(crate) struct HistoryOptions {
    pub(crate) version: Option<Spanned<u32>>,
    pub(crate) migrations: Vec<MigrateOptions>,
    pub(crate) min_version: Option<Spanned<u32>>,
    /// `types(OldAddress = legacy::Address)`: what an old type is called today.
    pub(crate) types: Vec<(Ident, Path)>,
    pub(crate) schema_dir: Option<Spanned<String>>,
    pub(crate) unsealed: Option<Span>,
    /// A migration could not be read, which was reported: what would follow from its absence is no mistake of its own.
    pub(crate) is_incomplete: bool,
}

impl HistoryOptions {
    pub(crate) fn has(name: &str) -> bool {
        matches!(
            name,
            "version" | "migrate" | "min_version" | "types" | "schema_dir" | "unsealed"
        )
    }

    pub(crate) fn take(&mut self, item: Item, errors: &mut Errors) {
        let key = item.key.clone();
        match item.name().as_str() {
            "version" => set(&mut self.version, version(&item, errors), &key, errors),
            "min_version" => set(&mut self.min_version, version(&item, errors), &key, errors),
            "schema_dir" => set(&mut self.schema_dir, item.word(errors), &key, errors),
            "unsealed" => set(&mut self.unsealed, item.flag(errors), &key, errors),
            "migrate" => match MigrateOptions::read(item, errors) {
                Some(migration) => self.migrations.push(migration),
                None => self.is_incomplete = true,
            },
            _ => self.types.extend(types(item, errors)),
        }
    }

    /// The version of today, and where it stands.
    pub(crate) fn current(&self) -> u32 {
        self.version.as_ref().map_or(1, |version| version.value)
    }
}

fn version(item: &Item, errors: &mut Errors) -> Option<Spanned<u32>> {
    let mut version = item.number(errors)?;
    if version.value == 0 {
        errors.push(version.span, "schema versions start at 1");
        version.value = 1;
    }
    Some(version)
}

fn types(item: Item, errors: &mut Errors) -> Vec<(Ident, Path)> {
    item.list(errors)
        .into_iter()
        .filter_map(|item| {
            let path = item.path(errors)?;
            Some((item.key, path))
        })
        .collect()
}
