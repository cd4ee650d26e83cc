//! `_snapshot/<collection>/…`: packed copies of documents, and the manifest that names them. A cache: no document refers to it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    ops::Range,
};

use bytes::Bytes;
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use super::{Envelope, Key, Nonce, envelope, path::EncodedId};
use crate::{
    document::{Timestamp, Version},
    error::{Code, Error, Result},
};

/// The largest text of a segment that is read: no reply may make a reader hold more.
pub const LARGEST_SEGMENT: usize = 24 * 1024 * 1024;

/// Which segments make the snapshot of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The database that it belongs to: a copy in another one is none of its.
    pub database: Nonce,
    /// The collection.
    pub collection: String,
    /// Names the folder of the segments.
    pub generation: Nonce,
    /// When packing began.
    pub packed: Timestamp,
    /// How many objects the segments hold.
    pub documents: u64,
    /// The segments in the order of ids.
    pub segments: Vec<Segment>,
    /// Members that this build does not know.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The encoded id of its first document.
    pub first: String,
    /// The encoded id of its last document.
    pub last: String,
    /// How many documents it holds.
    pub documents: u64,
    /// How long its text is.
    pub bytes: u64,
    /// sha256 of the object, 64 hex digits.
    pub sha256: String,
}

impl Manifest {
    /// The members beside the envelope, as JSON text.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("a manifest is JSON, and memory takes it");
        body.into()
    }

    /// The bytes: `{"_sb":{…},"database":"…","collection":"users",…}`.
    #[must_use]
    pub fn seal(&self, envelope: &Envelope) -> Bytes {
        envelope.seal(&self.body())
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<(Envelope, Self)> {
        envelope::open_as(bytes, "the manifest of the snapshot")
    }
}

/// One line of a segment.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    key: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    e_tag: std::borrow::Cow<'a, str>,
    /// The object as it was read, to the byte.
    #[serde(borrow)]
    doc: &'a RawValue,
}

/// The text of a segment while it is written.
#[derive(Debug, Default)]
pub struct SegmentWriter {
    text: Vec<u8>,
    first: Option<EncodedId>,
    last: Option<EncodedId>,
    documents: u64,
}

impl SegmentWriter {
    /// Adds an object; `false` when a line cannot hold it: it is not one line of JSON, or its version is no entity tag.
    pub fn push(&mut self, id: &EncodedId, key: &Key, version: &Version, object: &[u8]) -> bool {
        let Some(line) = line(key, version, object) else {
            return false;
        };
        self.text.extend_from_slice(&line);
        self.text.push(b'\n');
        self.documents += 1;
        self.first.get_or_insert_with(|| id.clone());
        self.last = Some(id.clone());
        true
    }

    /// How long the text is by now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The bytes of the object, and what the manifest says of it; `None` when it is empty.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): the text cannot be compressed, which no text is known for.
    pub fn finish(self) -> Result<Option<(Bytes, Segment)>> {
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return Ok(None);
        };
        let bytes = compress(&self.text)
            .map_err(|_| Error::new(Code::CORRUPT, "the segment cannot be compressed"))?;
        let segment = Segment {
            first: first.as_str().to_owned(),
            last: last.as_str().to_owned(),
            documents: self.documents,
            bytes: self.text.len() as u64,
            sha256: hex(&bytes),
        };
        Ok(Some((bytes, segment)))
    }
}

fn line(key: &Key, version: &Version, object: &[u8]) -> Option<Vec<u8>> {
    let e_tag = version.e_tag.as_deref()?;
    let has_more = version.generation.is_some() || object.contains(&b'\n');
    let doc: &RawValue = serde_json::from_slice(object).ok()?;
    // White space around the value would be lost.
    if has_more || doc.get().len() != object.len() {
        return None;
    }
    let line = Line {
        key: key.as_str().into(),
        e_tag: e_tag.into(),
        doc,
    };
    serde_json::to_vec(&line).ok()
}

/// Frames of LZ4: `lz4 -d` writes the text.
fn compress(text: &[u8]) -> std::io::Result<Bytes> {
    let info = FrameInfo::new()
        .block_size(BlockSize::Max256KB)
        .content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(text.len() / 3));
    encoder.write_all(text)?;
    Ok(encoder.finish().map_err(std::io::Error::other)?.into())
}

/// A segment that was read: its objects by path.
#[derive(Debug, Default)]
pub struct OpenSegment {
    text: Bytes,
    objects: BTreeMap<Key, (String, Range<usize>)>,
}

impl OpenSegment {
    /// Checks a segment against its manifest, and reads it.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): it is not the object that the manifest names, or is none of ours.
    pub fn read(bytes: &[u8], segment: &Segment) -> Result<Self> {
        if hex(bytes) != segment.sha256 {
            return Err(corrupt("is not the one that the manifest names"));
        }
        let text = decompress(bytes, segment.bytes)?;
        let objects = index(&text)?;
        Ok(Self { text, objects })
    }

    /// How many objects it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// A copy of the object at `key`, if it was packed at this version.
    #[must_use]
    pub fn object(&self, key: &Key, version: &Version) -> Option<Bytes> {
        let (e_tag, range) = self.objects.get(key)?;
        let is_it = version.generation.is_none() && version.e_tag.as_ref() == Some(e_tag);
        is_it.then(|| Bytes::copy_from_slice(&self.text[range.clone()]))
    }
}

fn decompress(bytes: &[u8], expected: u64) -> Result<Bytes> {
    if expected > LARGEST_SEGMENT as u64 {
        return Err(corrupt("is larger than any that is written"));
    }
    let mut text = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    let decoded = FrameDecoder::new(bytes)
        .take(expected + 1)
        .read_to_end(&mut text);
    match decoded {
        Ok(_) if text.len() as u64 == expected => Ok(text.into()),
        _ => Err(corrupt("cannot be decompressed")),
    }
}

fn index(text: &[u8]) -> Result<BTreeMap<Key, (String, Range<usize>)>> {
    let start = text.as_ptr() as usize;
    let mut objects = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let line: Line<'_> =
            serde_json::from_slice(line).map_err(|_| corrupt("holds a line that is none"))?;
        let at = line.doc.get().as_ptr() as usize - start;
        let range = at..at + line.doc.get().len();
        let key = Key::from_stored(line.key.as_ref());
        objects.insert(key, (line.e_tag.into_owned(), range));
    }
    Ok(objects)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

fn corrupt(what: &str) -> Error {
    Error::new(Code::CORRUPT, format!("a segment of a snapshot {what}"))
}
