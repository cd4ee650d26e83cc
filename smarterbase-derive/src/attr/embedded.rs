//! `#[embedded(..)]` on a struct or enum.

use syn::{Attribute, Path};

use super::{
    HistoryOptions, Spanned,
    item::{Grammar, Item, set},
};
use crate::errors::Errors;

const EMBEDDED: Grammar = Grammar {
    attribute: "#[embedded(..)]",
    options: &[
        "name",
        "version",
        "migrate",
        "min_version",
        "types",
        "schema_dir",
        "unsealed",
        "crate",
    ],
    planned: &["rename_all"],
};

/// The options of `#[embedded(..)]`.
#[derive(Default)]
pub(crate) struct EmbeddedOptions {
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) history: HistoryOptions,
    pub(crate) crate_path: Option<Path>,
}

impl EmbeddedOptions {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for attribute in attributes {
            let Some(item) = Item::of_attribute(attribute) else {
                continue;
            };
            if item.name() == "embedded" {
                item.list(errors)
                    .into_iter()
                    .for_each(|item| options.take(item, errors));
            }
        }
        options
    }

    fn take(&mut self, item: Item, errors: &mut Errors) {
        match item.name().as_str() {
            "name" => set(&mut self.name, item.word(errors), &item.key, errors),
            "crate" => set(&mut self.crate_path, item.path(errors), &item.key, errors),
            name if HistoryOptions::has(name) => self.history.take(item, errors),
            _ => EMBEDDED.refuse(&item.key, errors),
        }
    }
}
