//! What a bucket holds: objects in the order of their keys' bytes.

use std::{collections::BTreeMap, time::SystemTime};

use bytes::Bytes;
use md5::{Digest, Md5};
use s3s::dto::{ContentType, Metadata};

/// The objects of one bucket, by key.
pub(super) type Bucket = BTreeMap<String, StoredObject>;

/// One object as stored.
#[derive(Clone, Debug)]
pub(super) struct StoredObject {
    pub(super) body: Bytes,
    /// Without quotes: the MD5 of the body, or `<md5 of the parts' md5s>-<parts>` after a multipart upload.
    pub(super) tag: String,
    pub(super) modified: SystemTime,
    pub(super) attributes: Attributes,
}

/// The headers that are stored with an object and come back with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) content_type: Option<ContentType>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) metadata: Option<Metadata>,
}

/// Reads [`Attributes`] out of any request or writes them into any answer that has these fields.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::server::s3::bucket::Attributes {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            metadata: $input.metadata.take(),
        }
    };
}
pub(super) use attributes_of;

impl StoredObject {
    /// An object as a plain put stores it.
    pub(super) fn new(body: Bytes, attributes: Attributes) -> Self {
        let tag = md5_hex(&body);
        Self::with_tag(body, tag, attributes)
    }

    /// An object whose tag is not the MD5 of its body.
    pub(super) fn with_tag(body: Bytes, tag: String, attributes: Attributes) -> Self {
        Self {
            body,
            tag,
            modified: now(),
            attributes,
        }
    }

    /// The same content, stored again now.
    pub(super) fn touched(self) -> Self {
        Self {
            modified: now(),
            ..self
        }
    }

    /// The length of the body in bytes, in the type that S3's answers use.
    pub(super) fn length(&self) -> i64 {
        i64::try_from(self.body.len()).expect("a body in memory is shorter than 2^63 bytes")
    }
}

/// The MD5 of `bytes` in lower-case hex.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// `bytes` in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[allow(
    clippy::disallowed_methods,
    reason = "a server tells the time; it is not under simulation"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
