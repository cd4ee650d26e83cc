//! What the values of a field look like as JSON, as a published schema says it: enough to check a value and to index it
//! without the Rust type.

mod fit;
mod scalar;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    document::{EmbeddedForm, EmbeddedSpec, Shape},
    migration::Representation,
};

pub use fit::{Misfit, fits};
pub use scalar::{is_indexable, list_element, plain_scalar, scalar};

/// The type of a stored value.
///
/// ```json
/// {"of":"Option","with":[{"embedded":"Plan","version":1,"form":"enum","parts":[["free","()"],["pro","()"]]}]}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoredType {
    /// A type without parts, by its name: `"String"`. `"opaque"` is anything.
    Leaf(String),
    /// A type with parameters.
    Generic {
        /// `Option`, `Vec`, `Set`, `Map`, `Box`, `Array` or `Tuple`.
        of: String,
        /// The parameters.
        with: Vec<StoredType>,
    },
    /// An embedded type.
    Embedded {
        /// Its stored name.
        embedded: String,
        /// The version of its shape.
        version: u32,
        /// What its parts are.
        form: Form,
        /// The member with the name of the variant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        /// The member with the content of the variant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
        /// Members, elements or variants with their types, in their order.
        parts: Vec<(String, StoredType)>,
    },
    /// The members of a variant with named fields.
    Members {
        /// The members with their types.
        members: Vec<(String, StoredType)>,
    },
}

/// What the parts of an embedded type are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The members of an object.
    Struct,
    /// The elements of an array.
    Tuple,
    /// The value itself.
    Newtype,
    /// Variants: `"free"`, `{"team":…}`.
    Enum,
    /// Variants: `{"kind":"team",…}`.
    Tagged,
    /// Variants: `{"kind":"team","data":…}`.
    Adjacent,
    /// Variants without their names.
    Untagged,
    /// A form that this build does not know: no value fits.
    #[serde(other)]
    Unknown,
}

impl StoredType {
    /// The type with this shape.
    #[must_use]
    pub fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Leaf(name) => Self::Leaf((*name).to_owned()),
            Shape::Generic(name, parameters) => Self::Generic {
                of: (*name).to_owned(),
                with: parameters.iter().map(|shape| Self::of(shape)).collect(),
            },
            Shape::Embedded(spec) => Self::of_embedded(spec),
            Shape::Members(members) => Self::Members {
                members: parts(members),
            },
            Shape::Opaque => Self::Leaf(smarterbase_schema::types::OPAQUE.to_owned()),
        }
    }

    fn of_embedded(spec: &EmbeddedSpec) -> Self {
        let (form, tag, content) = match spec.form {
            EmbeddedForm::Struct => (Form::Struct, None, None),
            EmbeddedForm::Tuple => (Form::Tuple, None, None),
            EmbeddedForm::Newtype => (Form::Newtype, None, None),
            EmbeddedForm::Enum(Representation::Named) => (Form::Enum, None, None),
            EmbeddedForm::Enum(Representation::Tagged(tag)) => (Form::Tagged, Some(tag), None),
            EmbeddedForm::Enum(Representation::Adjacent(tag, content)) => {
                (Form::Adjacent, Some(tag), Some(content))
            }
            EmbeddedForm::Enum(Representation::Untagged) => (Form::Untagged, None, None),
        };
        Self::Embedded {
            embedded: spec.name.to_owned(),
            version: spec.version,
            form,
            tag: tag.map(str::to_owned),
            content: content.map(str::to_owned),
            parts: parts(spec.parts),
        }
    }

    /// Notes the versions of the embedded types inside that are not at version 1.
    pub fn note_versions(&self, versions: &mut BTreeMap<String, u32>) {
        match self {
            Self::Leaf(_) => {}
            Self::Generic { with, .. } => with.iter().for_each(|part| part.note_versions(versions)),
            Self::Members { members } => note_parts(members, versions),
            Self::Embedded {
                embedded,
                version,
                parts,
                ..
            } => {
                if *version > 1 {
                    versions.insert(embedded.clone(), *version);
                }
                note_parts(parts, versions);
            }
        }
    }

    /// The type of a member of an object of this type.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Generic { of, with } => match (of.as_str(), &with[..]) {
                ("Option" | "Box", [inner]) => inner.member(name),
                ("Map", [_, inner]) => Some(inner),
                _ => None,
            },
            Self::Embedded {
                form: Form::Struct,
                parts,
                ..
            } => parts
                .iter()
                .find(|(part, _)| part == name)
                .map(|(_, ty)| ty),
            _ => None,
        }
    }

    /// Whether a member of this type may be missing.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        match self {
            Self::Leaf(name) => name == smarterbase_schema::types::OPAQUE,
            Self::Generic { of, with } => match (of.as_str(), &with[..]) {
                ("Option", _) => true,
                ("Box", [inner]) => inner.is_optional(),
                _ => false,
            },
            Self::Embedded { .. } | Self::Members { .. } => false,
        }
    }
}

fn parts(parts: &[(&str, &Shape)]) -> Vec<(String, StoredType)> {
    parts
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), StoredType::of(shape)))
        .collect()
}

fn note_parts(parts: &[(String, StoredType)], versions: &mut BTreeMap<String, u32>) {
    parts
        .iter()
        .for_each(|(_, part)| part.note_versions(versions));
}
