//! Entity tags and generations: how versions come in, and how they go out as conditions.

use object_store::UpdateVersion;
use smarterbase_core::{
    document::Version,
    port::{StoreError, StoreErrorKind},
};

/// How a service names and compares versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionRules {
    /// Whether conditions name the generation (Google Cloud Storage) and not the entity tag.
    pub(crate) by_generation: bool,
    /// Whether entity tags are sent without their quotes.
    pub(crate) unquoted_e_tags: bool,
}

impl VersionRules {
    /// The version that a reply tells.
    ///
    /// The generation is kept only where conditions name it. S3 and Azure have version ids too, on buckets that keep old
    /// versions; whether a reply tells them depends on the request, so they would make one version look like two.
    pub(crate) fn read(self, e_tag: Option<String>, generation: Option<String>) -> Version {
        Version {
            e_tag: e_tag.map(with_quotes),
            generation: generation.filter(|_| self.by_generation),
        }
    }

    /// The condition "still at `version`" for a write.
    ///
    /// # Errors
    /// [`Unsupported`](StoreErrorKind::Unsupported): the entity tag is weak.
    /// [`Invalid`](StoreErrorKind::Invalid): the version lacks what a condition needs, for example because it is from a
    /// LIST of Google Cloud Storage.
    pub(crate) fn condition(self, version: &Version) -> Result<Condition, StoreError> {
        if self.by_generation {
            let generation = version.generation.clone().ok_or_else(|| {
                lacking("a version without a generation guards nothing; read the object first")
            })?;
            return Ok(Condition::Generation(generation));
        }
        match version.e_tag.as_deref() {
            None => Err(lacking("a version without an entity tag guards nothing")),
            Some(weak) if weak.starts_with("W/") => Err(is_weak()),
            Some(e_tag) if !is_e_tag(e_tag) => Err(lacking("this is no entity tag")),
            Some(e_tag) => Ok(Condition::ETag(self.write(e_tag))),
        }
    }

    /// The entity tag for `If-None-Match` of a read, which may be weak; `None` for a version without one.
    pub(crate) fn validator(self, version: &Version) -> Option<String> {
        let e_tag = version.e_tag.as_deref().filter(|e_tag| is_e_tag(e_tag));
        e_tag.map(|e_tag| self.write(e_tag))
    }

    fn write(self, e_tag: &str) -> String {
        if self.unquoted_e_tags {
            e_tag.trim_matches('"').to_owned()
        } else {
            with_quotes(e_tag.to_owned())
        }
    }
}

/// The condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// `If-Match`, as it is sent.
    ETag(String),
    /// `x-goog-if-generation-match`.
    Generation(String),
}

impl From<Condition> for UpdateVersion {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::ETag(e_tag) => Self {
                e_tag: Some(e_tag),
                version: None,
            },
            Condition::Generation(generation) => Self {
                e_tag: None,
                version: Some(generation),
            },
        }
    }
}

/// One form for what some services quote in a header and not in a LIST.
fn with_quotes(e_tag: String) -> String {
    if e_tag.starts_with('"') || e_tag.starts_with("W/") {
        e_tag
    } else {
        format!("\"{e_tag}\"")
    }
}

/// Whether the text can be an entity tag: visible ASCII, quotes only around it.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3>.
fn is_e_tag(text: &str) -> bool {
    let strong = text.strip_prefix("W/").unwrap_or(text);
    let bare = strong
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(strong);
    !bare.is_empty() && bare.chars().all(|c| c.is_ascii_graphic() && c != '"')
}

fn lacking(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, message)
}

/// `If-Match` compares strongly, so a weak tag never matches: <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1>.
fn is_weak() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unsupported,
        "the store answers with weak entity tags (W/), which cannot guard a write; \
         a proxy that compresses often makes them weak",
    )
}

#[cfg(test)]
mod tests {
    use smarterbase_core::{
        document::Version,
        port::StoreErrorKind::{Invalid, Unsupported},
    };

    use super::{Condition, VersionRules};

    const S3: VersionRules = VersionRules {
        by_generation: false,
        unquoted_e_tags: false,
    };
    const CEPH: VersionRules = VersionRules {
        unquoted_e_tags: true,
        ..S3
    };
    const GCS: VersionRules = VersionRules {
        by_generation: true,
        unquoted_e_tags: false,
    };

    #[test]
    fn a_tag_reads_the_same_with_and_without_quotes() {
        let plain = S3.read(Some("abc".to_owned()), None);
        assert_eq!(plain, S3.read(Some("\"abc\"".to_owned()), None));
        assert_eq!(plain, Version::from_e_tag("\"abc\""));
    }

    #[test]
    fn quotes_are_left_out_only_where_asked_for() {
        let version = Version::from_e_tag("\"abc\"");
        let sent = |rules: VersionRules| rules.condition(&version).unwrap();
        assert_eq!(sent(S3), Condition::ETag("\"abc\"".to_owned()));
        assert_eq!(sent(CEPH), Condition::ETag("abc".to_owned()));
        assert_eq!(CEPH.validator(&version).as_deref(), Some("abc"));
    }

    #[test]
    fn a_weak_tag_is_refused_by_name() {
        let weak = S3.read(Some("W/\"abc\"".to_owned()), None);
        let refused = S3.condition(&weak).unwrap_err();
        assert_eq!(refused.kind, Unsupported);
        assert!(refused.message.contains("weak entity tags"), "{refused}");
        assert_eq!(S3.validator(&weak).as_deref(), Some("W/\"abc\""));
    }

    #[test]
    fn what_is_no_tag_is_not_sent() {
        for text in ["", "\"\"", "two words", "a\r\nb", "\"a\"b\""] {
            let version = Version::from_e_tag(text);
            assert_eq!(S3.condition(&version).unwrap_err().kind, Invalid, "{text}");
            assert_eq!(S3.validator(&version), None, "{text}");
        }
    }

    #[test]
    fn the_generation_counts_only_on_google() {
        let (tag, generation) = (Some("\"abc\"".to_owned()), Some("17".to_owned()));
        assert_eq!(S3.read(tag.clone(), generation.clone()).generation, None);
        let google = GCS.read(tag, generation);
        assert_eq!(
            GCS.condition(&google).unwrap(),
            Condition::Generation("17".to_owned())
        );
        assert_eq!(S3.condition(&Version::default()).unwrap_err().kind, Invalid);
        let listed = GCS.read(Some("\"abc\"".to_owned()), None);
        assert_eq!(GCS.condition(&listed).unwrap_err().kind, Invalid);
    }
}
