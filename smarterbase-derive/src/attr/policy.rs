//! What an attribute says about documents of other versions: `upgrade`, `on_bad`, `readable_by`, `adopt`.

use proc_macro2::Ident;
use syn::LitStr;

use super::{
    Spanned,
    item::{Grammar, Item, set},
};
use crate::errors::Errors;

const ADOPT: Grammar = Grammar {
    attribute: "#[document(adopt(..))]",
    options: &["version_field", "base"],
    planned: &[],
};

/// The options about documents of other versions.
#[derive(Default)]
pub(crate) struct PolicyOptions {
    /// The variant of `Upgrade`.
    pub(crate) upgrade: Option<Ident>,
    /// The variant of `OnBad`.
    pub(crate) on_bad: Option<Ident>,
    pub(crate) readable_by: Option<Spanned<u32>>,
    pub(crate) adopt: Option<AdoptOptions>,
}

/// `adopt(version_field = "_v", base = 0)`.
pub(crate) struct AdoptOptions {
    pub(crate) version_field: Spanned<String>,
    pub(crate) base: u32,
}

impl PolicyOptions {
    pub(crate) fn has(name: &str) -> bool {
        matches!(name, "upgrade" | "on_bad" | "readable_by" | "adopt")
    }

    pub(crate) fn take(&mut self, item: Item, errors: &mut Errors) {
        let key = item.key.clone();
        match item.name().as_str() {
            "upgrade" => {
                let choices = [
                    ("on_read", "OnRead"),
                    ("write_back", "WriteBack"),
                    ("eager", "Eager"),
                ];
                set(
                    &mut self.upgrade,
                    choice(&item, &choices, errors),
                    &key,
                    errors,
                );
            }
            "on_bad" => {
                let choices = [("fail", "Fail"), ("quarantine", "Quarantine")];
                set(
                    &mut self.on_bad,
                    choice(&item, &choices, errors),
                    &key,
                    errors,
                );
            }
            "readable_by" => set(&mut self.readable_by, item.number(errors), &key, errors),
            _ => set(
                &mut self.adopt,
                AdoptOptions::read(item, errors),
                &key,
                errors,
            ),
        }
    }
}

/// One of several words, and the variant that it stands for.
fn choice(item: &Item, choices: &[(&str, &str)], errors: &mut Errors) -> Option<Ident> {
    let word = item.word(errors)?;
    let found = choices.iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let names: Vec<_> = choices
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let (last, others) = names.split_last()?;
        errors.push(
            word.span,
            format_args!(
                "`{}` cannot be `{}`\n  help: write {} or {last}; the default is {}",
                item.key,
                word.value,
                others.join(", "),
                names[0]
            ),
        );
    }
    found.map(|(_, variant)| Ident::new(variant, word.span))
}

impl AdoptOptions {
    fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let span = item.span();
        let (mut version_field, mut base) = (None, None);
        for item in item.list(errors) {
            let key = item.key.clone();
            match item.name().as_str() {
                "version_field" => set(&mut version_field, item.word(errors), &key, errors),
                "base" => set(&mut base, item.number(errors), &key, errors),
                _ => ADOPT.refuse(&key, errors),
            }
        }
        if version_field.is_none() {
            errors.push(
                span,
                "`adopt` names the member that holds the version\n  \
                 help: write `adopt(version_field = \"_v\", base = 0)`: what has `_v` 0, or none, is version 1 here",
            );
        }
        Some(Self {
            version_field: version_field?,
            base: base.map_or(0, |base| base.value),
        })
    }

    /// The name as a literal where it stands.
    pub(crate) fn literal(&self) -> LitStr {
        LitStr::new(&self.version_field.value, self.version_field.span)
    }
}
