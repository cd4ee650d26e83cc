//! One change of a sealed chain, or of its struct: none may compile.

use smarterbase_schema::Lock;

use super::{
    chain::{Chain, FIXED, TYPES, Version},
    chance::Chance,
    enumeration::Content,
    source,
};

/// What was changed. Versions are counted from 0.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A sealed step is left out.
    StepRemoved,
    /// A sealed migration is left out.
    MigrationRemoved,
    /// The struct has a field more.
    FieldAdded,
    /// A field of the struct is gone.
    FieldRemoved,
    /// A field of the struct has another type.
    FieldRetyped,
    /// The enum has a variant more.
    VariantAdded,
    /// The last variant of the enum has another content.
    VariantRetyped,
    /// A field of a sealed version has another type, and the lock a fitting seal.
    LockRetyped(usize, usize, String),
}

/// Changes a chain in one place. What was sealed is kept beside it.
pub(crate) fn change(chain: Chain, chance: &mut Chance) -> (Chain, Change) {
    let last = chain.document.versions.len() - 1;
    let with_steps: Vec<usize> = (1..=last)
        .filter(|version| !chain.document.versions[*version].steps.is_empty())
        .collect();
    let change = match chance.below(8) {
        0 if !with_steps.is_empty() => Change::StepRemoved,
        1 => Change::MigrationRemoved,
        2 if has_own_field(&chain.document.versions[last]) => Change::FieldRemoved,
        3 if has_own_field(&chain.document.versions[last]) => Change::FieldRetyped,
        4 => {
            let version = chance.below(last + 1);
            let fields = &chain.document.versions[version].fields;
            match fields.len() {
                count if count == FIXED.len() => Change::FieldAdded,
                count => {
                    let field = FIXED.len() + chance.below(count - FIXED.len());
                    Change::LockRetyped(version, field, another(&fields[field].1))
                }
            }
        }
        5 => Change::VariantAdded,
        6 => Change::VariantRetyped,
        _ => Change::FieldAdded,
    };
    (chain, change)
}

/// The key and the parts come first.
fn has_own_field(version: &Version) -> bool {
    version.fields.len() > FIXED.len()
}

fn another(ty: &str) -> String {
    let other = TYPES.iter().find(|other| **other != ty);
    (*other.unwrap()).to_owned()
}

impl Change {
    /// The source with the change.
    pub(crate) fn source(&self, chain: &Chain) -> String {
        let mut changed = chain.clone();
        let versions = &mut changed.document.versions;
        let last = versions.len() - 1;
        match self {
            Self::StepRemoved => {
                let version = versions
                    .iter_mut()
                    .rfind(|version| !version.steps.is_empty());
                version.unwrap().steps.pop();
            }
            Self::FieldAdded => versions[last].fields.push(("more".into(), "u32".into())),
            Self::FieldRemoved => {
                versions[last].fields.pop();
            }
            Self::FieldRetyped => {
                let field = versions[last].fields.last_mut().unwrap();
                field.1 = another(&field.1);
            }
            Self::VariantAdded => {
                let variants = &mut changed.kind.versions.last_mut().unwrap().variants;
                variants.push(("More".into(), Content::Unit));
            }
            Self::VariantRetyped => {
                let variants = &mut changed.kind.versions.last_mut().unwrap().variants;
                let content = &mut variants.last_mut().unwrap().1;
                *content = match content {
                    Content::Named => Content::Unit,
                    _ => Content::Named,
                };
            }
            Self::MigrationRemoved | Self::LockRetyped(..) => {}
        }
        let text = source::chain(&changed);
        match self {
            Self::MigrationRemoved => without_migration(&text),
            _ => text,
        }
    }

    /// The lock of the document.
    pub(crate) fn lock(&self, chain: &Chain, crate_name: &str) -> Lock {
        let mut lock = source::lock(&chain.document, crate_name);
        if let Self::LockRetyped(version, field, ty) = self {
            lock.versions[*version].shape.parts[*field]
                .ty
                .clone_from(ty);
        }
        lock
    }
}

/// The text without its first migration, which is the document's.
fn without_migration(text: &str) -> String {
    let mut is_gone = false;
    let lines = text.lines().filter(|line| {
        let is_it = !is_gone && line.trim_start().starts_with("migrate(");
        is_gone |= is_it;
        !is_it
    });
    // The last migration ends the attribute.
    let mut kept: Vec<String> = lines.map(str::to_owned).collect();
    if let Some(open) = kept.iter().position(|line| line.contains("#[document(")) {
        let is_open = !kept[open..]
            .iter()
            .take_while(|line| !line.contains("pub struct"))
            .any(|line| line.ends_with(")]"));
        if is_open {
            let end = kept[open..]
                .iter()
                .position(|line| line.contains("pub struct"))
                .unwrap()
                + open;
            kept[end - 1] = format!("{})]", kept[end - 1].trim_end_matches(','));
        }
    }
    kept.join("\n") + "\n"
}
