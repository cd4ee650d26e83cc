//! One component of a definition, with how its value is taken from a field.

use crate::document::{ComponentSpec, IndexValue, Scalar, index_value::Encoding};

/// One component of a definition.
///
/// The derive emits one constant per component and takes everything from it, so that a field type without an encoding is
/// one error and not one per use.
#[derive(Debug)]
pub struct Component<V> {
    /// The stored facts.
    pub spec: ComponentSpec,
    /// The value of a field as a component.
    pub scalar: fn(&V) -> Scalar<'_>,
}

impl<V: IndexValue> Component<V> {
    /// The component for the stored field `field`, folded by the table `lower`, if any.
    #[must_use]
    pub const fn new(field: &'static str, lower: Option<u8>) -> Self {
        Self {
            spec: ComponentSpec {
                field,
                encoding: V::ENCODING,
                lower,
            },
            scalar: V::scalar,
        }
    }

    /// Whether the component is text, so that it can be folded to lower case.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        let Encoding { name, .. } = self.spec.encoding;
        matches!(name.as_bytes(), b"string")
    }
}
