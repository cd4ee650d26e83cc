//! What a migration may do, by stored names. Functions and default values are the derive's business.

/// One step of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `rename(a => b)`.
    Rename(String, String),
    /// `add(a)`, `add(a = value)`.
    Add(String),
    /// `remove(a)`.
    Remove(String),
    /// `convert(a, with = function)`. On an enum, the content of a variant becomes a value of today's type.
    Convert(String),
    /// `split(a => (b, c), with = function)`.
    Split(String, Vec<String>),
    /// `merge((a, b) => c, with = function)`.
    Merge(Vec<String>, String),
    /// `widen(a)`: every old value is a new one as it is.
    Widen(String),
    /// `rekind(a)`: the same stored value, under another type. On an enum, without a name: another representation.
    Rekind(Option<String>),
    /// `custom(function, keeps(a, b))`: the whole struct, but for the fields that stay as they are.
    Custom(Vec<String>),
    /// `add_variant(A)`.
    AddVariant(String),
    /// `rename_variant(A => B)`.
    RenameVariant(String, String),
    /// `remove_variant(A, with = function)`.
    RemoveVariant(String),
}

impl Step {
    /// The word that is written in the attribute.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rename(..) => "rename",
            Self::Add(_) => "add",
            Self::Remove(_) => "remove",
            Self::Convert(_) => "convert",
            Self::Split(..) => "split",
            Self::Merge(..) => "merge",
            Self::Widen(_) => "widen",
            Self::Rekind(_) => "rekind",
            Self::Custom(_) => "custom",
            Self::AddVariant(_) => "add_variant",
            Self::RenameVariant(..) => "rename_variant",
            Self::RemoveVariant(_) => "remove_variant",
        }
    }

    /// The parts that must be there before the step.
    #[must_use]
    pub fn takes(&self) -> Vec<&str> {
        match self {
            Self::Rename(from, _)
            | Self::Remove(from)
            | Self::Convert(from)
            | Self::Split(from, _)
            | Self::Widen(from)
            | Self::Rekind(Some(from))
            | Self::RenameVariant(from, _)
            | Self::RemoveVariant(from) => vec![from],
            Self::Merge(from, _) => from.iter().map(String::as_str).collect(),
            Self::Add(_) | Self::AddVariant(_) | Self::Rekind(None) | Self::Custom(_) => Vec::new(),
        }
    }

    /// The parts that are there after the step.
    #[must_use]
    pub fn gives(&self) -> Vec<&str> {
        match self {
            Self::Rename(_, to)
            | Self::Add(to)
            | Self::Convert(to)
            | Self::Merge(_, to)
            | Self::Widen(to)
            | Self::Rekind(Some(to))
            | Self::AddVariant(to)
            | Self::RenameVariant(_, to) => vec![to],
            Self::Split(_, to) => to.iter().map(String::as_str).collect(),
            Self::Remove(_) | Self::RemoveVariant(_) | Self::Rekind(None) | Self::Custom(_) => {
                Vec::new()
            }
        }
    }

    /// Whether the step is for enums, for everything else, or for both.
    #[must_use]
    pub const fn fits(&self, is_enum: bool) -> bool {
        match self {
            Self::AddVariant(_) | Self::RenameVariant(..) | Self::RemoveVariant(_) => is_enum,
            Self::Rekind(name) => name.is_some() != is_enum,
            Self::Convert(_) => true,
            _ => !is_enum,
        }
    }
}
