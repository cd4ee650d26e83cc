//! The opaque token of one physical version of an object.

/// One physical version of one object, as the store names it. Opaque: only the store that gave it can read it.
///
/// Both parts are kept because stores differ in which one a conditional request wants (S3 and Azure the ETag, Google
/// Cloud Storage the generation).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Version {
    /// The entity tag, as received (quoted or not).
    pub e_tag: Option<String>,
    /// The store's own version or generation.
    pub generation: Option<String>,
}

impl Version {
    /// A version that is an entity tag.
    #[must_use]
    pub fn from_e_tag(e_tag: impl Into<String>) -> Self {
        Self {
            e_tag: Some(e_tag.into()),
            generation: None,
        }
    }
}
