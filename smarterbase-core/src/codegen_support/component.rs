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

/// The component for the stored field `field`, which had the stored name `origin` when the definition was made and whose
/// values were last touched by the steps to version `touched` (rule S11); folded by the table `lower`, if any.
///
/// A function and not a method: rustc names an unmet bound of a function by its own message, and that of a method not.
#[must_use]
pub const fn component<V: IndexValue>(
    field: &'static str,
    lower: Option<u8>,
    origin: &'static str,
    touched: u32,
) -> Component<V> {
    Component {
        spec: ComponentSpec {
            field,
            origin,
            touched,
            encoding: V::ENCODING,
            lower,
            computed: None,
        },
        scalar: V::scalar,
    }
}

impl<V> Component<V> {
    /// The same of a value that the method of this revision gives.
    #[must_use]
    pub const fn computed(mut self, revision: u32) -> Self {
        self.spec.computed = Some(revision);
        self
    }

    /// Refuses, while the program is compiled, a component that is no text and so cannot be folded to lower case.
    ///
    /// # Panics
    /// It is no text.
    #[track_caller]
    pub const fn must_be_text(&self) {
        let Encoding { name, .. } = self.spec.encoding;
        assert!(
            matches!(name.as_bytes(), b"string"),
            "`lower` folds text, and this field is not text"
        );
    }

    /// Refuses, while the program is compiled, a component of a TTL index that is no moment.
    ///
    /// # Panics
    /// It is no moment.
    #[track_caller]
    pub const fn must_be_a_moment(&self) {
        let Encoding { name, .. } = self.spec.encoding;
        assert!(
            matches!(name.as_bytes(), b"timestamp"),
            "`ttl` counts from a moment, and this field is no `Timestamp`"
        );
    }
}
