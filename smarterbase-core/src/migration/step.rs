//! The steps of a migration: plain data that the derive emits, with a function pointer where the user gave a function.

use std::collections::BTreeMap;

use super::{Raw, failure::Cause};

/// The steps that lead from one version to the next.
#[derive(Debug)]
pub struct Migration {
    /// The version that it begins at; it leads to the one after.
    pub from: u32,
    /// The steps, in their order.
    pub steps: &'static [Step],
}

/// One step.
#[derive(Debug)]
pub enum Step {
    /// A member gets another name, at its place.
    Rename(&'static str, &'static str),
    /// A member goes.
    Remove(&'static str),
    /// A function makes members of others.
    Change(Change),
    /// A variant of an enum gets another name.
    RenameVariant(Representation, &'static str, &'static str),
    /// A function makes a value of today's type of a variant's content. No later step runs on that value.
    ReplaceVariant(VariantChange),
    /// The variants of an enum are written in another way.
    Represent(Representation, Representation),
}

/// A function that makes members of others: `add`, `convert`, `split`, `merge` and `custom`.
#[derive(Debug)]
pub struct Change {
    /// The step as it was written, `convert(age)`, for errors.
    pub step: &'static str,
    /// The members that it takes. One that is missing is passed as null.
    pub takes: Names,
    /// The members that it gives, in the order of its results.
    pub gives: Names,
    /// The function.
    pub run: fn(&Call<'_>) -> Result<Vec<Raw>, Cause>,
}

/// The stored names of members. Most steps have one: a slice of it would be a constant of its own, which costs the compiler
/// more than the name.
#[derive(Clone, Copy, Debug)]
pub enum Names {
    /// One name.
    One(&'static str),
    /// Any number of names.
    Several(&'static [&'static str]),
}

impl Names {
    /// The names, in their order.
    #[must_use]
    pub const fn as_slice(&self) -> &[&'static str] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// A function for the content of one variant.
#[derive(Debug)]
pub struct VariantChange {
    /// The step as it was written, `remove_variant(Old)`, for errors.
    pub step: &'static str,
    /// How the enum was written.
    pub representation: Representation,
    /// The stored name of the variant.
    pub variant: &'static str,
    /// The function.
    pub run: fn(&Call<'_>) -> Result<Vec<Raw>, Cause>,
}

/// One call of a step's function.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The versions of the embedded types.
    pub versions: &'a Versions,
    /// The stored names of the inputs.
    pub names: &'a [&'static str],
    /// The inputs.
    pub inputs: &'a [Input],
}

/// What a function takes.
#[derive(Clone, Debug)]
pub struct Input {
    /// The value; null when the member is missing.
    pub value: Raw,
    /// Whether the member was missing.
    pub is_missing: bool,
    /// Whether an earlier step made it, so that its embedded parts are those of today.
    pub is_new: bool,
}

/// The versions that the embedded types of a document had when it was written. A type that is not named had version 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Versions(pub BTreeMap<String, u32>);

impl Versions {
    /// The version of the type with this name.
    #[must_use]
    pub fn of(&self, name: &str) -> u32 {
        self.0.get(name).copied().unwrap_or(1)
    }

    /// Raises the version of the type with this name. Version 1 is not written down.
    pub fn note(&mut self, name: &str, version: u32) {
        if version > self.of(name) {
            self.0.insert(name.to_owned(), version);
        }
    }
}

/// How serde writes the variants of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// `"Free"`, `{"Team": …}`.
    Named,
    /// `{"kind": "Team", …}`.
    Tagged(&'static str),
    /// `{"kind": "Team", "data": …}`.
    Adjacent(&'static str, &'static str),
    /// Without the name of the variant.
    Untagged,
}

impl Step {
    /// The step as it was written, for errors.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Rename(from, to) => format!("rename({from} => {to})"),
            Self::Remove(name) => format!("remove({name})"),
            Self::Change(change) => change.step.to_owned(),
            Self::RenameVariant(_, from, to) => format!("rename_variant({from} => {to})"),
            Self::ReplaceVariant(change) => change.step.to_owned(),
            Self::Represent(..) => "rekind".to_owned(),
        }
    }

    /// Whether the step takes a member of this name away.
    #[must_use]
    pub fn retires(&self, name: &str) -> bool {
        match self {
            Self::Rename(from, _) => *from == name,
            Self::Remove(removed) => *removed == name,
            Self::Change(change) => {
                let has = |names: &Names| names.as_slice().contains(&name);
                has(&change.takes) && !has(&change.gives)
            }
            Self::RenameVariant(..) | Self::ReplaceVariant(_) | Self::Represent(..) => false,
        }
    }
}
